"""What the one at the terminal is told: scripts by the names they were called by, errors as one line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from goods.core.errors import GoodsError
from goods.core.log import stamped

COMMAND = "goods"
SCRIPT = re.compile(r"(?:bash |\S*bin/python )?scripts/(\w+)\.(?:py|sh)")

OTHERWISE = {"run_all": "run", "make_demo": "demo", "curves": "tensorboard"}


def as_command() -> bool:
    """Whether this is `goods STAGE` and not a script."""
    return sys.argv[0].startswith(f"{COMMAND} ")


def command_of(script: str) -> str:
    """What a script is called among the sub-commands of `goods`."""
    return OTHERWISE.get(script, script.replace("_", "-"))


def spelled(text: str) -> str:
    """What is said of scripts, as sub-commands where they were called as such."""
    if not as_command():
        return text
    return SCRIPT.sub(lambda found: f"{COMMAND} {command_of(found[1])}", text)


def tell(message: str) -> None:
    """A message on stderr. Where no terminal shows it as it comes, each of its lines says when that was."""
    print(stamped(spelled(message)), file=sys.stderr, flush=True)


def told_of(error: BaseException, folders: list[Path]) -> str | None:
    """What a user is told of an error instead of where in the code it happened; None where that is what is needed."""
    if isinstance(error, GoodsError):
        return str(error)
    if not isinstance(error, Exception):
        return None
    from goods.core.shortages import shortage

    if (told := shortage(error, folders)) is not None:
        return told
    if not isinstance(error, OSError) or error.strerror is None:
        return None
    return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
