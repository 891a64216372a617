#!/usr/bin/env bash
# The main job: sets up .venv, then runs every stage; see --help for the options.
set -euo pipefail
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/setup_env.sh"
exec "$PYTHON" "$ROOT/scripts/run_all.py" "$@"
