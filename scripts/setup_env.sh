#!/usr/bin/env bash
# Makes .venv from requirements.lock, whose hashes every package has to have; skipped when nothing has changed since the
# last success.
# Sourced by run_all.sh and test.sh; leaves PYTHON set.
set -euo pipefail
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
if [ ! -x "$PYTHON" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    echo "setting up .venv from requirements.lock (once; a few minutes)"
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
    free="$(df -Pk "$ROOT" | awk 'NR == 2 {print int($4 / 1048576)}')"
    if [ ! -x "$PYTHON" ] && [ "${free:-99}" -lt 11 ]; then
        echo "warning: $free GB are free in $ROOT; setting up takes 11 GB, of which .venv keeps 8" >&2
    fi
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
    # setuptools first: what is built is built by it, not by one that a build fetches for itself, without a hash
    "${install[@]}" --require-hashes -r <(awk '/^[^ #]/ {own = /^setuptools==/} own' "$LOCK")
    "${install[@]}" --require-hashes --no-build-isolation -r "$LOCK"
    "${install[@]}" --no-build-isolation --no-deps -e "$ROOT"
    printf '%s' "$wanted" >"$stamp"
fi
export PYTHON
