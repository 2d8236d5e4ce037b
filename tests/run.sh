#!/usr/bin/env bash
# Run the tests; everything they need is set up first.
#
#   ./tests/run.sh            all of them
#   ./tests/run.sh --fast     without those that are slow or need the network
#   ./tests/run.sh ARGUMENTS  what else pytest understands: -k charset, tests/test_config.py
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/environment.sh
prepare_environment dev

arguments=()
for argument in "$@"; do
    if [[ "$argument" == --fast ]]; then
        arguments+=(-m "not slow")
    else
        arguments+=("$argument")
    fi
done
started=$SECONDS
python -m pytest "${arguments[@]}"
echo "tests: $((SECONDS - started)) s"
