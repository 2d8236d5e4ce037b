"""One declaration behind flags, profiles, opt.txt, opt.yaml and checkpoints."""

import subprocess
import sys
from dataclasses import asdict, fields

import pytest
from conftest import ROOT

from dtrb import easyocr_catalog
from dtrb.charset import read_file, resolve
from dtrb.config import MODEL_OPTIONS, OPTIONS, DataConfig, ModelConfig, RunConfig, TrainConfig, convert
from dtrb.errors import ConfigError
from dtrb.settings import read_command_line, read_opt_txt, write_opt_txt, write_opt_yaml

CRNN = {
    "Transformation": "None",
    "FeatureExtraction": "VGG",
    "SequenceModeling": "BiLSTM",
    "Prediction": "CTC",
}
CRNN_FLAGS = [word for name, value in CRNN.items() for word in (f"--{name}", value)]
DATA_FLAGS = ["--train_data", "a", "--valid_data", "b"]

# clova's flags, frozen: its command lines have to work for ever.
CLOVA = {
    "train": (
        "exp_name train_data valid_data manualSeed workers batch_size num_iter valInterval saved_model FT adam lr "
        "beta1 rho eps grad_clip baiduCTC select_data batch_ratio total_data_usage_ratio batch_max_length imgH "
        "imgW rgb character sensitive PAD data_filtering_off Transformation FeatureExtraction SequenceModeling "
        "Prediction num_fiducial input_channel output_channel hidden_size"
    ),
    "test": (
        "eval_data benchmark_all_eval workers batch_size saved_model batch_max_length imgH imgW rgb character "
        "sensitive PAD data_filtering_off baiduCTC Transformation FeatureExtraction SequenceModeling Prediction "
        "num_fiducial input_channel output_channel hidden_size"
    ),
    "run": (
        "image_folder workers batch_size saved_model batch_max_length imgH imgW rgb character sensitive PAD "
        "Transformation FeatureExtraction SequenceModeling Prediction num_fiducial input_channel output_channel "
        "hidden_size"
    ),
}
CLOVA_DEFAULTS = {
    "manualSeed": 1111, "workers": 4, "batch_size": 192, "num_iter": 300000, "valInterval": 2000,
    "saved_model": "", "FT": False, "adam": False, "lr": 1, "beta1": 0.9, "rho": 0.95, "eps": 1e-8,
    "grad_clip": 5, "baiduCTC": False, "total_data_usage_ratio": 1.0, "batch_max_length": 25, "imgH": 32,
    "imgW": 100, "rgb": False, "sensitive": False, "PAD": False, "data_filtering_off": False,
    "num_fiducial": 20, "input_channel": 1, "hidden_size": 256,
}  # fmt: skip


def problems(*words, command="train"):
    settings = read_command_line(command, words)
    return [*settings.problems, *settings.missing(), *settings.clashes()]


def built(*words, command="train"):
    assert problems(*words, command=command) == []
    return read_command_line(command, words).build({})


@pytest.mark.parametrize("command", CLOVA)
def test_clovas_flags_are_all_there(command):
    ours = {name for name, option in OPTIONS.items() if command in option.commands}
    assert set(CLOVA[command].split()) <= ours


def test_our_own_flags_are_few():
    ours = set(OPTIONS) - set(" ".join(CLOVA.values()).split())
    assert ours == {"geometry", "charset_change", "resume", "overwrite", "dry_run"}


def test_defaults_are_clovas_but_for_three():
    run = built(*CRNN_FLAGS, *DATA_FLAGS)
    assert {name: run.flat()[name] for name in CLOVA_DEFAULTS} == CLOVA_DEFAULTS
    assert run.model.character == "0123456789abcdefghijklmnopqrstuvwxyz"
    assert run.train.exp_name == "None-VGG-BiLSTM-CTC-Seed1111"
    assert run.model.output_channel == 256  # clova: 512
    assert run.data.select_data == ("/",)  # clova: MJ-ST
    assert run.data.batch_ratio is None  # equal shares; clova: 0.5-0.5


def test_no_option_is_declared_twice():
    names = [declared.name for part in (ModelConfig, DataConfig, TrainConfig) for declared in fields(part)]
    assert len(names) == len(set(names)) == len(OPTIONS)


@pytest.mark.parametrize(
    "line",
    [
        "train.py --train_data data_lmdb_release/training --valid_data data_lmdb_release/validation "
        "--select_data MJ-ST --batch_ratio 0.5-0.5 --Transformation None --FeatureExtraction VGG "
        "--SequenceModeling BiLSTM --Prediction CTC",
        "test.py --eval_data data_lmdb_release/evaluation --benchmark_all_eval --Transformation None "
        "--FeatureExtraction VGG --SequenceModeling BiLSTM --Prediction CTC "
        "--saved_model saved_models/None-VGG-BiLSTM-CTC-Seed1111/best_accuracy.pth",
        "train.py --train_data data_lmdb_release/training --valid_data data_lmdb_release/validation "
        "--select_data MJ-ST --batch_ratio 0.5-0.5 --Transformation TPS --FeatureExtraction ResNet "
        "--SequenceModeling BiLSTM --Prediction Attn",
        "test.py --eval_data data_lmdb_release/evaluation --benchmark_all_eval --Transformation TPS "
        "--FeatureExtraction ResNet --SequenceModeling BiLSTM --Prediction Attn "
        "--saved_model saved_models/TPS-ResNet-BiLSTM-Attn-Seed1111/best_accuracy.pth",
        "run.py --Transformation TPS --FeatureExtraction ResNet --SequenceModeling BiLSTM --Prediction Attn "
        "--image_folder demo_image/ --saved_model TPS-ResNet-BiLSTM-Attn.pth",
        "train.py --train_data datasets/booktrain --valid_data datasets/bookvalidate --select_data / "
        "--batch_ratio 1 --Transformation None --FeatureExtraction VGG --SequenceModeling BiLSTM "
        "--Prediction CTC --saved_model ./models/craft_mlt_25k.pth --FT --batch_max_length 200 "
        "--valInterval 2000",
    ],
)
def test_the_command_lines_of_the_originals_parse(line):
    door, *words = line.split()
    settings = read_command_line(door.removesuffix(".py"), words)
    assert settings.problems == []
    assert settings.missing() == []


def test_all_problems_come_in_one_message():
    found = problems(
        "--imgH", "a", "--imgW", "3", "4", "--outptu_channel", "512", "--character", "-abc", "--eval_data", "x",
        "stray", "--PAD", "perhaps", "--Prediction", "ctc", "--valInterval", "--lr=-1", *DATA_FLAGS,
    )  # fmt: skip
    text = "\n".join(found)
    for expected in (
        "--imgH is 'a'; expected a whole number of at least 32",
        "--imgW takes one value, and has 2: 3 4",
        "there is no option --outptu_channel; did you mean --output_channel?",
        "--character: '-abc' looks like a flag; write --character=-abc",
        "--eval_data is an option of test.py, not of train.py",
        "--PAD is 'perhaps'; expected true or false",
        "--Prediction is 'ctc'; expected CTC or Attn",
        "--valInterval needs a value: --valInterval N",
        "--lr is '-1'; expected a number of at least 0",
        "the network is not described: pass --Transformation None|TPS, --FeatureExtraction",
    ):
        assert expected in text


def test_a_word_that_belongs_to_no_option():
    assert "'stray' belongs to no option" in problems("stray", "--imgH", "32")


def test_abbreviations_are_off():
    assert problems("--Pred", "CTC", *CRNN_FLAGS, *DATA_FLAGS) == ["there is no option --Pred"]


def test_characters_that_begin_with_a_dash_need_an_equals_sign():
    assert read_command_line("train", ["--character=-abc"]).get("character") == "-abc"


@pytest.mark.parametrize("word", ["false", "False", "no", "off"])
def test_a_switch_can_be_turned_off_by_word(word):
    assert built(*CRNN_FLAGS, *DATA_FLAGS, "--PAD", word).model.PAD is False


def test_sensitive_never_touches_a_given_charset():
    assert len(built(*CRNN_FLAGS, *DATA_FLAGS, "--sensitive").model.character) == 94
    assert built(*CRNN_FLAGS, *DATA_FLAGS, "--sensitive", "--character", "가나").model.character == "가나"


def test_rgb_is_three_channels_and_three_channels_are_rgb():
    assert ModelConfig(**CRNN, rgb=True).input_channel == 3
    assert ModelConfig(**CRNN, input_channel=3).rgb is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--num_fiducial", "19"], "expected an even number of at least 4"),
        (["--input_channel", "2"], "expected 1 or 3"),
        (["--imgH", "1" + 400 * "0"], "expected a whole number of at least 32 and at most 65,536"),
        (["--lr", "inf"], "expected a number"),
        (["--batch_size", "9", "--batch_size", "8"], "--batch_size is given 2 times; keep one of them"),
        (["--rgb", "--input_channel", "1"], "--rgb says rgb True, --input_channel says input_channel 1"),
        (["--select_data", "a-b", "--batch_ratio", "1"], "--batch_ratio has 1 numbers .1.0. for the 2"),
        (["--select_data", "a-b-c", "--batch_max_length", "100-50"], "--batch_max_length has 2 numbers"),
        (["--FT"], "--FT fine-tunes the weights of --saved_model, and there are none"),
        (["--resume", "--overwrite"], "pass one of them"),
    ],
)
def test_options_that_do_not_go_together(words, message):
    import re

    assert re.search(message, "\n".join(problems(*CRNN_FLAGS, *DATA_FLAGS, *words)))


def test_a_limit_for_each_data_set():
    run = built(*CRNN_FLAGS, *DATA_FLAGS, "--select_data", "a-b", "--batch_max_length", "100-1100")
    assert run.model.batch_max_length == (100, 1100)
    assert run.model.longest_label == 1100
    assert built(*CRNN_FLAGS, *DATA_FLAGS).model.batch_max_length == 25


def test_keyword_arguments_are_checked_as_flags_are():
    with pytest.raises(ConfigError, match="2 problems"):
        ModelConfig(**{**CRNN, "FeatureExtraction": "VGGG"}, imgH="high")
    with pytest.raises(ConfigError, match="repeated"):
        ModelConfig(**CRNN, character="aa")


# --- profiles ---------------------------------------------------------------------------------------


def profile(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_precedence_default_base_profiles_flags(tmp_path):
    profile(tmp_path, "base.yaml", "imgH: 40\nimgW: 41\nlr: 0.4\nnum_iter: 4")
    first = profile(tmp_path, "first.yaml", "imgW: 51\nlr: 0.5\nnum_iter: 5")
    second = profile(tmp_path, "second.yaml", "base: base.yaml\nlr: 0.6\nnum_iter: 6")
    run = built(*CRNN_FLAGS, *DATA_FLAGS, "--config", first, second, "--num_iter", "7")
    assert run.model.imgH == 40  # of the base, over the default
    assert run.model.imgW == 51  # of a profile, over the base of a later one
    assert run.train.lr == 0.6  # of the later profile
    assert run.train.num_iter == 7  # of the flag


def test_a_setting_knows_who_said_it(tmp_path):
    path = profile(tmp_path, "p.yaml", "# comment\nimgH: 40\n")
    assert read_command_line("train", ["--config", path]).said["imgH"].source == f"{path}:2"


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("character:  0123", "character", "0123"),
        ("character: ' !\"#'", "character", ' !"#'),
        ("lr: 1e-3", "lr", 0.001),
        ("PAD: yes", "PAD", True),
        ("PAD: off", "PAD", False),
        ("Transformation: null", "Transformation", "None"),
        ("Transformation: None", "Transformation", "None"),
        ("select_data: [a-b, c]", "select_data", ("a-b", "c")),
        ("select_data: a-b", "select_data", ("a", "b")),
        ("exp_name: no", "exp_name", "no"),
        ("total_data_usage_ratio: 1", "total_data_usage_ratio", 1.0),
    ],
)
def test_yaml_means_what_stands_there(tmp_path, line, name, value):
    settings = read_command_line("train", ["--config", profile(tmp_path, "p.yaml", line)])
    assert settings.problems == []
    assert settings.get(name) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("outptu_channel: 512", "p.yaml:1: there is no option outptu_channel; did you mean output_channel?"),
        ("imgH: 64\nimgH: 32", "p.yaml:2: imgH is there for the second time"),
        ("imgH: [1, 2", "p.yaml:1: is not YAML"),
        ("imgH: high", "p.yaml:1: imgH is 'high'; expected a whole number"),
        ("- imgH", "expected lines of `option: value`"),
        ("imgH: {a: 1}", "p.yaml:1: imgH must have one value"),
        ("resume: true", "p.yaml:1: resume is for the command line only"),
        ("base: none.yaml", "p.yaml:1: base"),
        ("base: p.yaml", "base leads back to itself"),
        ("lr: !!python/object/apply:os.system [ls]", "lr is 'ls'; expected a number"),
        ("base: [a, b]", "p.yaml:1: base must have one value"),
        ("base: a.yaml\nbase: b.yaml", "p.yaml:2: base is there for the second time"),
        ("exp_name: null", "p.yaml:1: exp_name must have one value"),
        ("character: ~", "p.yaml:1: character must have one value"),
        ("[a, b]: 1", "expected lines of `option: value`"),
        ("imgH: " + "[" * 5000, "is not YAML"),
        ('base: "a\\0b"', "p.yaml:1: base"),
        ("number: 0\nsymbol: 0\nlang_char: a", "a configuration of EasyOCR's trainer"),
    ],
)
def test_a_wrong_profile_is_answered_with_its_line(tmp_path, text, message):
    settings = read_command_line("train", ["--config", profile(tmp_path, "p.yaml", text)])
    assert message in "\n".join(settings.problems)


def test_a_circle_of_bases_is_shown(tmp_path):
    profile(tmp_path, "b.yaml", "base: a.yaml")
    found = read_command_line("train", ["--config", profile(tmp_path, "a.yaml", "base: b.yaml")]).problems
    assert len(found) == 1
    assert "a.yaml → " in found[0]
    assert "remove one `base:`" in found[0]


def test_a_missing_profile_is_answered_with_a_near_one(monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = read_command_line("train", ["--config", "configs/korean_g3.yaml"])
    assert "did you mean korean_g2.yaml?" in settings.problems[0]
    assert "needs the name of a profile" in read_command_line("train", ["--config"]).problems[0]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_profile_is_right(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# "), "it begins with what it is for"
    commands = [line for line in text.split("\n") if line.startswith("#   python train.py --config ")]
    assert commands, "and with the command to launch it"
    assert commands[0].split("--config ")[1].split()[0] == str(path.relative_to(ROOT))
    words = [] if "\ntrain_data:" in text else DATA_FLAGS
    settings = read_command_line("train", ["--config", str(path), *words])
    assert settings.problems == []
    assert settings.missing() == []


@pytest.mark.parametrize(
    ("name", "prediction", "length"),
    [("book", "CTC", 100), ("trdg", "CTC", 50), ("synthetic", "Attn", 1100), ("all", "CTC", (100, 50, 1100))],
)
def test_the_profiles_of_the_data_sets(name, prediction, length, monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = read_command_line("train", ["--config", f"configs/datasets/{name}.yaml"])
    assert settings.get("Prediction") == prediction
    assert settings.get("batch_max_length") == length
    assert settings.get("exp_name") == name
    assert settings.get("output_channel") == settings.get("hidden_size") == 256
    assert read_file(ROOT / settings.get("character")) == read_file(ROOT / "configs/charsets/korean_g2.txt")


def test_the_joint_run_has_one_limit_and_one_share_for_each_data_set(monkeypatch):
    monkeypatch.chdir(ROOT)
    settings = read_command_line("train", ["--config", "configs/datasets/all.yaml"])
    assert settings.get("select_data") == ("booktrain", "train", "synthetictrain")
    assert settings.get("batch_ratio") == (0.4, 0.3, 0.3)


# --- what a run leaves ------------------------------------------------------------------------------

AWKWARD = " '\"#:\\`[]{}-가힣・·₩\u00a0\u3000é"


def a_run(**model):
    return RunConfig(
        model=ModelConfig(**CRNN, **{"character": AWKWARD, "batch_max_length": (100, 50), **model}),
        data=DataConfig(
            train_data=("a b", "c"), valid_data=("d",), select_data=("x-y", "z"), batch_ratio=(0.4, 0.6)
        ),
        train=TrainConfig(exp_name="no", lr=1e-5, FT=True, saved_model="0123"),
    )


PUBLISHED = {name: network.characters for name, network in easyocr_catalog.recognisers().items()}
CHARSETS = {"awkward": AWKWARD, **{name: c for name, c in PUBLISHED.items() if len(set(c)) == len(c)}}


@pytest.mark.parametrize("characters", CHARSETS.values(), ids=CHARSETS)
def test_opt_yaml_repeats_the_run(tmp_path, characters):
    run = a_run(character=characters)
    path = profile(tmp_path, "opt.yaml", write_opt_yaml(run))
    again = built("--config", path)
    assert again == run
    assert resolve(again.model.character, path, None, None).characters == characters


def test_opt_txt_is_clovas_and_its_last_block_counts():
    first, last = a_run(imgH=32), a_run(imgH=64)
    text = write_opt_txt(first) + write_opt_txt(last)
    assert text.startswith("------------ Options -------------\nTransformation: None\n")
    said = read_opt_txt(text)
    assert said["imgH"] == "64"
    assert said["character"] == AWKWARD
    model = {name: convert(name, said[name]) for name in MODEL_OPTIONS}
    assert ModelConfig(**model) == last.model


def test_a_model_configuration_survives_json():
    import json

    config = a_run().model
    assert ModelConfig(**json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize("command", ["train", "test", "run"])
def test_help_is_whole_and_imports_no_torch(command):
    """(How fast it is, is in docs/performance.md.)"""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", f"{command}.py", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "dtrb.config" in imported
    assert not imported & {"torch", "numpy", "yaml", "easyocr"}
    shown = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  --")}
    expected = {f"--{name}" for name, option in OPTIONS.items() if command in option.commands}
    assert shown == expected | {"--config", "--help"}
