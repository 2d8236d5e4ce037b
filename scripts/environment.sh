# Sourced by demo.sh and tests/run.sh: makes .venv, or reuses it, and puts its programs first on PATH.
#
#   prepare_environment        what the product needs
#   prepare_environment dev    and what its tests and linters need
#
# DTRB_ENV=active   use the environment that is active already, and install nothing
# PYTHON=python3.12 make .venv with this Python

prepare_environment() {
    local extra="${1:-}" wanted stamp=".venv/.ready${1:+-$1}"
    if [[ "${DTRB_ENV:-}" == active ]]; then
        echo "environment: the active one, $(command -v python)"
        return
    fi
    local python
    python="$(_find_python)"
    wanted="$(cat pyproject.toml constraints.txt | "$python" -c \
        'import hashlib, sys; print(sys.version_info[:3], hashlib.sha256(sys.stdin.buffer.read()).hexdigest())')"

    exec {_lock}>.venv.lock # two scripts started at once: the second waits and finds it made
    if command -v flock >/dev/null; then flock "$_lock"; fi
    if [[ -d .venv && "$(cat .venv/.ready 2>/dev/null)" != "$wanted" ]]; then
        echo "environment: .venv is unfinished or the dependencies have changed; making it anew"
        rm -rf .venv
    fi
    if [[ ! -d .venv ]]; then
        echo "environment: making .venv with $("$python" --version)"
        "$python" -m venv .venv
        echo "environment: installing the product (PyTorch with CUDA: 5.5 GB on disk, a few minutes)"
        _install "$python" .
        echo "$wanted" >.venv/.ready
    fi
    if [[ -n "$extra" && "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]]; then
        echo "environment: installing what the tests need"
        _install "$python" ".[$extra]"
        echo "$wanted" >"$stamp"
    fi
    exec {_lock}>&-
    PATH="$PWD/.venv/bin:$PATH"
    export PATH VIRTUAL_ENV="$PWD/.venv"
    echo "environment: .venv, $(python --version)"
}

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
