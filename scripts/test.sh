#!/usr/bin/env bash
# Usage: bash scripts/test.sh [ARGUMENTS OF PYTEST]
# Sets up .venv, then runs lint, types, import contracts and the tests, a worker for each core; arguments go to pytest
# (-n 0: all tests in one process).
set -euo pipefail
if [[ " $* " == *" --help "* || " $* " == *" -h "* ]]; then # before a set-up of minutes
    awk 'NR > 1 && !/^#/ {exit} NR > 1 {sub(/^# ?/, ""); print}' "${BASH_SOURCE[0]}"
    exit
fi
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/setup_env.sh"
cd "$ROOT"
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
"$(dirname "$PYTHON")/lint-imports" --no-cache
workers=()
if [[ " $* " != *no:xdist* && " $* " != *" --pdb "* ]]; then
    cores="$("$PYTHON" -c 'from goods.core import execution; print(execution.cores())')"
    # a worker begun anew in place of one that has crashed would begin with the test that crashed it
    # files come in the order of tests/sessions.py, the longest first, not by how many tests they have
    workers=(-n "$cores" --dist loadfile --no-loadscope-reorder --max-worker-restart 0)
fi
unset PYTHONDONTWRITEBYTECODE # or each worker, and each process of a test, reads all sources anew
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # a worker's share of the cores
exec "$PYTHON" -m pytest -q "${workers[@]}" "$@"
