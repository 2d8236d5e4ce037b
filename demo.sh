#!/usr/bin/env bash
# What this version can do, from nothing, in half a minute (after the set-up).
#
#   ./demo.sh
#
# Every command is shown before it runs, so that it can be copied (after: source .venv/bin/activate).
set -euo pipefail
cd "$(dirname "$0")"
source scripts/environment.sh
prepare_environment

say() { printf '\n== %s\n' "$*"; }
show() {
    printf '$ %s\n' "$*"
    "$@" 2>&1
}
show_refusal() { # a command that must be refused: exit code 2, and a message that says what to do
    local code=0
    show "$@" || code=$?
    if [[ $code != 2 ]]; then
        echo "demo: expected a refusal (exit code 2), got $code" >&2
        exit 1
    fi
}

base=saved_models/demo/base.pth
data=(--train_data datasets/mytrain --valid_data datasets/myvalidate)

say "A network of korean_g2's shape, with random weights, in a file that describes itself"
program="from pathlib import Path
from dtrb.charset import read_file
from dtrb.checkpoints.files import save
from dtrb.config import ModelConfig
from dtrb.models.recognizer import Recognizer

config = ModelConfig(
    Transformation='None', FeatureExtraction='VGG', SequenceModeling='BiLSTM', Prediction='CTC',
    imgH=64, imgW=600, PAD=True, geometry='easyocr',
    character=read_file(Path('configs/charsets/korean_g2.txt')).characters,
)
save(Path('$base'), Recognizer(config))"
mkdir -p "${base%/*}"
printf '$ python - <<END\n%s\nEND\n' "$program"
python - <<<"$program"

say "What is in that file?"
show python -m dtrb inspect "$base"

say "Fine-tune it onto modern Korean (했었겠 and all of KS X 1001): every learned character keeps its row."
echo "   (The data sets do not exist: a dry run ends before it looks at them.)"
show python train.py --saved_model "$base" --FT --character configs/charsets/korean_modern.txt "${data[@]}" --dry_run

say "Go on with the same network: the file alone says what it is"
show python train.py --saved_model "$base" "${data[@]}" --dry_run

say "A size that does not fit is refused before anything starts"
show_refusal python train.py --saved_model "$base" --output_channel 512 --hidden_size 512 "${data[@]}"

say "So are characters that would be lost"
show_refusal python train.py --saved_model "$base" --FT --character easyocr:english_g2 "${data[@]}"

say "Done. To type such commands yourself: source .venv/bin/activate   (README.md goes on from here)"
