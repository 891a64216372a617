"""Wheels of pinned packages and of the project itself, by pip."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.wording import count

TOLD = 400  # characters of what pip says


def fetch(pins: Sequence[str], to: Path, checkout: Path | None, local: Path | None) -> None:
    """Wheels of "name==version" lines from where pip takes packages, or from the `local` folder alone; the project's is
    built from its `checkout`, or has to be in that folder."""
    to.mkdir(parents=True)
    say(f"wheels: {count(len(pins), 'package')}")
    source = ["--no-index", "--find-links", str(local.absolute())] if local else []
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pins) + "\n")
        file.flush()
        pip([*source, "-r", file.name], to)
    if checkout is not None:
        pip([str(checkout)], to)
    elif local is not None:
        pip([*source, "goods"], to)
    else:
        raise GoodsError(
            "the project's own wheel cannot be built outside a checkout; give it with --wheels DIR"
        )


def pip(asked: list[str], to: Path) -> None:
    """`pip wheel` without requirements: what is not there as a wheel is built with the packages that are installed."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, "--wheel-dir", str(to), *asked], capture_output=True, text=True)
    if done.returncode:
        said = " ".join(done.stderr.split())[-TOLD:]
        raise GoodsError(f"pip could not get the wheels ({said}); give them with --wheels DIR")
