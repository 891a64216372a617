#!/usr/bin/env bash
# The main job: sets up .venv, then runs every stage; see --help for the options.
set -euo pipefail
scripts="$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")"
if [[ " $* " == *" --help "* || " $* " == *" -h "* ]] && [ ! -x "$scripts/../.venv/bin/python" ] &&
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    # it takes the standard library alone, and is not to wait for a set-up of minutes
    PYTHONPATH="$scripts/../src" exec python3 "$scripts/run_all.py" "$@"
fi
source "$scripts/setup_env.sh"
exec "$PYTHON" "$ROOT/scripts/run_all.py" "$@"
