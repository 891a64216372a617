#!/usr/bin/env bash
# Sets up .venv, then runs lint, types, import contracts and the tests; arguments go to pytest.
set -euo pipefail
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/setup_env.sh"
cd "$ROOT"
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" -m mypy
"$(dirname "$PYTHON")/lint-imports" --no-cache
exec "$PYTHON" -m pytest -q "$@"
