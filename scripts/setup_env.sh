#!/usr/bin/env bash
# Usage: bash scripts/setup_env.sh
# Makes .venv from requirements.lock, whose hashes every package has to have; skipped when nothing has changed since the
# last success.
# Sourced by run_all.sh and test.sh; leaves PYTHON set. Of several at once one sets up and the others wait for it.
set -euo pipefail
if [ "${BASH_SOURCE[0]}" = "$0" ] && [[ " $* " == *" --help "* || " $* " == *" -h "* ]]; then # sourced, $* is the other's
    awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "${BASH_SOURCE[0]}"
    exit
fi
unset CDPATH # cd would print where it went
ROOT="$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." >/dev/null && pwd)"
PYTHON="$ROOT/.venv/bin/python"
stamp="$ROOT/.venv/.goods-requirements"
LOCK="$ROOT/requirements.lock"
wanted="$(cat "$LOCK" "$ROOT/pyproject.toml" | cksum)"
for link in "$ROOT/.venv" "$PYTHON"; do
    # it may be shared, and whole but for a disk that is not mounted: it is not for this script to clear
    if { [ -L "$link" ] || [ -f "$link" ]; } && ! "$PYTHON" -c '' 2>/dev/null; then
        echo "error: $PYTHON does not start: its interpreter ($link -> $(readlink -- "$link" || echo a file))" \
            "cannot be reached. Make it reachable again, or remove $ROOT/.venv to have it made anew." >&2
        exit 2
    fi
done
is_set_up() {
    [ -x "$PYTHON" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]
}
free_gb() {
    df -Pk "$1" 2>/dev/null | awk 'NR == 2 {print int($4 / 1048576)}' || true
}
disk_of() {
    df -Pk "$1" 2>/dev/null | awk 'NR == 2 {print $1, $NF}'
}
warn_of_space() { # folder, GB, what they are for
    local free
    free="$(free_gb "$1")"
    if [ "${free:-99}" -lt "$2" ]; then
        echo "warning: $free GB are free in $1; setting up takes $2 GB there, $3" >&2
    fi
}
tell_size() { # until it is killed, or the set-up was; nobody waits for a sleep that is left
    while sleep 20 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        echo "set-up: $(du -sk "$ROOT/.venv" 2>/dev/null | awk '{printf "%.1f", $1 / 1048576}') of about 8 GB are in .venv"
    done
}
if ! is_set_up && command -v flock >/dev/null; then
    exec 9<"$ROOT"
    refused=0
    flock -n 9 2>/dev/null || refused=$?
    if [ "$refused" = 1 ]; then # else there are no locks of folders: some network file systems have none
        echo "another run is setting up .venv: waiting for it"
        flock 9
    fi
fi
if ! is_set_up; then
    if [ -L "$ROOT/.venv" ]; then # what it leads to may be others' too
        echo "error: $ROOT/.venv -> $(readlink -- "$ROOT/.venv"): not what $LOCK asks for, and a link is not written" \
            "through. Set it up where it belongs, or remove $ROOT/.venv to have one made here." >&2
        exit 2
    fi
    echo "setting up .venv: $(grep -c '^[^ #].*==' "$LOCK") packages of requirements.lock, about 8 GB (once; a few minutes)"
    base="$(command -v python3.12 || command -v python3.11 || command -v python3 || true)"
    for candidate in python3 python3.11 python3.12 python3.13; do
        if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
            base="$(command -v "$candidate")"
            break
        fi
    done
    if [ -z "$base" ] || ! "$base" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "error: Python 3.11 or newer is needed; ${base:-no python3} is not. Install it and run again." >&2
        exit 2
    fi
    temporary="${TMPDIR:-/tmp}"
    if [ -x "$PYTHON" ]; then
        : # most of it is there
    elif [ "$(disk_of "$ROOT")" = "$(disk_of "$temporary")" ]; then
        warn_of_space "$ROOT" 11 "of which .venv keeps 8"
    else
        warn_of_space "$ROOT" 8 "which .venv keeps"
        warn_of_space "$temporary" 3 "while it lasts: name another folder by TMPDIR"
    fi
    tell_size 9<&- &
    telling=$!
    trap 'kill "$telling" 2>/dev/null || true' EXIT
    if command -v uv >/dev/null; then
        [ -x "$PYTHON" ] || uv venv -q --python "$base" "$ROOT/.venv"
        # optional packages and the wheels of a bundle are asked of pip, which uv leaves out
        "$PYTHON" -m pip --version >/dev/null 2>&1 || "$PYTHON" -m ensurepip >/dev/null 2>&1 || true
        install=(uv pip install -q --python "$PYTHON")
    else
        [ -x "$PYTHON" ] || "$base" -m venv --clear "$ROOT/.venv"
        "$PYTHON" -m pip --version >/dev/null 2>&1 || "$PYTHON" -m ensurepip >/dev/null
        install=("$PYTHON" -m pip install -q --no-cache-dir --disable-pip-version-check)
    fi
    echo "set-up: fetching and installing, every package checked by its hash"
    # setuptools first: what is built is built by it, not by one that a build fetches for itself, without a hash
    "${install[@]}" --require-hashes -r <(awk '/^[^ #]/ {own = /^setuptools==/} own' "$LOCK")
    "${install[@]}" --require-hashes --no-build-isolation -r "$LOCK"
    "${install[@]}" --no-build-isolation --no-deps -e "$ROOT"
    printf '%s' "$wanted" >"$stamp"
    kill "$telling" 2>/dev/null || true
    wait "$telling" 2>/dev/null || true
    trap - EXIT
    echo "set-up: .venv is ready"
fi
exec 9<&- # whoever is started from here does not hold the lock
export PYTHON
