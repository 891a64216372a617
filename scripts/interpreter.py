"""How every script begins: what stops it before the package can, and which Python it runs with."""

import _signal  # built in: `signal` imports for milliseconds, in which Ctrl-C would end in a traceback
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120  # pathlib loads as long
PYTHON = os.path.join(ROOT, ".venv", "bin", "python")  # noqa: PTH118
TRIED = "GOODS_INTERPRETER_TRIED"
SET_UP = f"run `bash scripts/setup_env.sh` in {ROOT}"
SIGNALS = [getattr(_signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(_signal, name)]


class Ready:
    """In here the package is imported: a signal ends the script in one line, as it does later (goods/core/stopping.py),
    and a Python without the package gives way to that of .venv."""

    def __enter__(self):
        found = {signum: _signal.getsignal(signum) for signum in SIGNALS}
        self.before = {signum: handler for signum, handler in found.items() if handler != _signal.SIG_IGN}
        for signum in self.before:
            _signal.signal(signum, end)

    def __exit__(self, kind, error, trace):
        for signum, handler in self.before.items():
            _signal.signal(signum, handler)
        if isinstance(error, ModuleNotFoundError):
            give_way()


def end(signum, frame):
    os.write(2, b"stopped; run the same command again to go on\n")
    os._exit(128 + signum)


def give_way():
    """Run the script anew with .venv/bin/python, or say in one line how to make it."""
    if not os.access(PYTHON, os.X_OK):
        stop(f"{sys.executable} has no goods in it, and {PYTHON} is not there: {SET_UP}, which makes it")
    if os.environ.get(TRIED):
        stop(f"{PYTHON} has no goods in it: {SET_UP}, which installs it")
    os.environ[TRIED] = "1"  # one that has it not either is not to try itself for ever
    os.execv(PYTHON, [PYTHON, *sys.argv])


def stop(message):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)
