# The other scripts source this file. It finds a Python and creates .venv from a lock file, if that is not done yet.
# shellcheck shell=bash

PYTHON_NEEDED="3.11"

fail() {
    echo "error: $*" >&2
    exit 2
}

# Install Debian or Ubuntu packages as root; otherwise print the command that installs them.
install_packages() {
    local command="apt-get install -y --no-install-recommends $*"
    if ! command -v apt-get >/dev/null; then
        fail "missing: $*; install them with this system's package manager"
    fi
    if [ "$(id -u)" -eq 0 ]; then
        echo "Installing $*" >&2
        apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive $command -qq >&2 \
            || fail "cannot install $*; try: $command"
    else
        fail "missing: $*; run: sudo $command"
    fi
}

find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        if "$candidate" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

# bootstrap LOCK_FILE: create a virtual environment in .venv with the packages of the lock file.
bootstrap() {
    local lock_file="$1" python stamp
    stamp=".venv/$(basename "$lock_file").installed"
    if [ -f "$stamp" ] && cmp -s "$lock_file" "$stamp"; then
        return
    fi
    python="$(find_python)"
    if [ -z "$python" ]; then
        install_packages python3 python3-venv
        python="$(find_python)"
        [ -n "$python" ] || fail "this system's python3 is too old; install Python $PYTHON_NEEDED or newer"
    fi
    if ! [ -x .venv/bin/python ] || ! .venv/bin/python -c "" 2>/dev/null; then
        if ! "$python" -c "import ensurepip" 2>/dev/null; then
            install_packages "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
        fi
        "$python" -m venv --clear .venv
    fi
    echo "Installing the locked dependencies into .venv (once)" >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock_file" >&2 \
        || fail "cannot install the packages of $lock_file; pip's message is above"
    cp "$lock_file" "$stamp"
}

# run_module LOCK_FILE MODULE [ARGUMENT ...]: run a Python module of the project in place of this shell. It stays in
# the caller's directory, so that relative paths in the arguments work; PYTHONPATH finds the code.
run_module() {
    local root lock_file="$1" module="$2"
    root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
    shift 2
    (cd "$root" && bootstrap "$lock_file")
    export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
    exec "$root/.venv/bin/python" -m "$module" "$@"
}
