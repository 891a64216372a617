"""Which Python scripts run with, for one that has not the package: that of .venv."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv" / "bin" / "python"
TRIED = "GOODS_INTERPRETER_TRIED"
SET_UP = f"run `bash scripts/setup_env.sh` in {ROOT}"


def give_way():
    """Run the script anew with .venv/bin/python, or say in one line how to make it."""
    if not os.access(PYTHON, os.X_OK):
        stop(f"{sys.executable} has no goods in it, and {PYTHON} is not there: {SET_UP}, which makes it")
    if os.environ.get(TRIED):
        stop(f"{PYTHON} has no goods in it: {SET_UP}, which installs it")
    os.environ[TRIED] = "1"  # one that has it not either is not to try itself for ever
    os.execv(PYTHON, [str(PYTHON), *sys.argv])


def stop(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)
