# Sourced by demo.sh and tests/run.sh: makes .venv, or reuses it, and puts its programs first on PATH.
#
#   prepare_environment        what the product needs
#   prepare_environment dev    and what its tests and linters need
#
# DTRB_ENV=active   use the environment that is active already, and install nothing
# PYTHON=python3.12 make .venv with this Python

prepare_environment() {
    local extra="${1:-}" ready=".venv/.dtrb-ready${1:+-$1}" python wanted lock
    if [[ "${DTRB_ENV:-}" == active ]]; then
        echo "environment: the active one, $(command -v python)"
        return
    fi
    python="$(_find_python)"
    wanted="$("$python" -c "$_DEPENDENCIES")"

    exec {lock}>.venv.lock # two scripts started at once: the second waits and finds it made
    if command -v flock >/dev/null; then flock "$lock"; fi
    if [[ -e .venv && ! -e .venv/.dtrb ]]; then
        echo "environment: there is a .venv that these scripts did not make; move it away, or activate it and" \
            "type: DTRB_ENV=active $0" >&2
        exit 1
    fi
    if [[ -e .venv && "$(cat .venv/.dtrb-ready 2>/dev/null)" != "$wanted" ]]; then
        echo "environment: .venv is unfinished, or the dependencies have changed; making it anew"
        rm -rf .venv
    fi
    if [[ ! -e .venv ]]; then
        echo "environment: making .venv with $("$python" --version)"
        mkdir .venv && touch .venv/.dtrb
        "$python" -m venv .venv
        echo "environment: installing the product (PyTorch with CUDA: 5.5 GB on disk, a few minutes)"
        _install "$python" .
        echo "$wanted" >.venv/.dtrb-ready
    fi
    if [[ -n "$extra" && "$(cat "$ready" 2>/dev/null)" != "$wanted" ]]; then
        echo "environment: installing what the tests need"
        _install "$python" ".[$extra]"
        echo "$wanted" >"$ready"
    fi
    exec {lock}>&-
    PATH="$PWD/.venv/bin:$PATH"
    export PATH VIRTUAL_ENV="$PWD/.venv"
    echo "environment: .venv, $(python --version)"
}

# What .venv depends on, in a word: this Python, the project, the pinned versions. Comments do not count, nor
# how the tools are set.
_DEPENDENCIES='
import hashlib, sys
project, pins = (open(name, encoding="utf-8").read() for name in ("pyproject.toml", "constraints.txt"))
lines = [line.split("#")[0].strip() for line in (project.split("\n[tool.")[0] + "\n" + pins).split("\n")]
print(sys.version.split()[0], hashlib.sha256("\n".join(filter(None, lines)).encode()).hexdigest())
'

_install() {
    local constraints=(--constraint constraints.txt)
    if "$1" -c 'import sys; sys.exit(sys.version_info >= (3, 11))'; then
        echo "environment: constraints.txt is for Python 3.11 and newer; taking the newest versions that fit"
        constraints=()
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "${constraints[@]}" --editable "$2"
}

_find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
                echo "$candidate"
                return
            fi
            echo "$candidate cannot make environments; on Debian and Ubuntu type: apt install python3-venv" >&2
            exit 1
        fi
    done
    echo "Python 3.10 or newer is needed (tried: ${PYTHON:-python3, python3.10 to python3.13})" >&2
    exit 1
}
