"""Wheels of pinned packages and of the project itself, by pip."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.progress import bar
from goods.core.wording import count

TOGETHER = (
    8  # packages that pip, which takes a second to start, is asked for at a time: it says nothing meanwhile
)
TOLD = 400  # characters of what pip says


def fetch(pins: Sequence[str], to: Path, checkout: Path | None, local: Path | None) -> None:
    """Wheels of "name==version" lines from where pip takes packages, or from the `local` folder alone; the project's is
    built from its `checkout`, or has to be in that folder."""
    to.mkdir(parents=True)
    if checkout is None and local is None:
        raise GoodsError(
            "the project's own wheel cannot be built outside a checkout; give it with --wheels DIR"
        )
    say(f"wheels: {count(len(pins), 'package')}")
    source = ["--no-index", "--find-links", str(local.absolute())] if local else []
    with bar("wheels", len(pins) + 1, "packages") as shown:
        for start in range(0, len(pins), TOGETHER):
            some = pins[start : start + TOGETHER]
            pip([*source, *some], to)
            shown.update(len(some))
        pip([*source, "goods"] if checkout is None else [str(checkout)], to)
        shown.update()


def pip(asked: list[str], to: Path) -> None:
    """`pip wheel` without requirements: what is not there as a wheel is built with the packages that are installed."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, "--wheel-dir", str(to), *asked], capture_output=True, text=True)
    if done.returncode:
        said = " ".join(done.stderr.split())[-TOLD:]
        raise GoodsError(f"pip could not get the wheels ({said}); give them with --wheels DIR")
