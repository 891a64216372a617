"""Raw files of a contest nobody has seen → its configs.

reads:  the data folder
writes: configs/<name>/competition.yaml stack.yaml
"""

from __future__ import annotations

import re
from pathlib import Path

from goods.competitions.guess.configs import write_configs
from goods.competitions.guess.section import guess
from goods.competitions.loading import load_competition
from goods.config.loading import DEFAULTS, SHIPPED
from goods.core.errors import GoodsError
from goods.core.log import say


def new_competition(name: str, data: Path, configs: Path, force: bool = False) -> None:
    """Say on the console what was guessed, how sure and why. GoodsError, after writing, where a key has to be filled
    in by hand."""
    if not re.fullmatch(r"\w[\w-]*", name):
        raise GoodsError(
            f"{name!r} cannot name a folder; use letters, digits, - and _, a letter or digit first"
        )
    if name == DEFAULTS:
        raise GoodsError(f"{name!r} is the folder of what all competitions share; take another name")
    folder = configs / name
    if folder.exists() and not folder.is_dir():
        raise GoodsError(f"{folder}: is there already and no folder; remove it, or take another name")
    if (folder / "competition.yaml").exists() and not force:
        raise GoodsError(f"{folder / 'competition.yaml'}: is there already; add --force to write it anew")
    made = guess(data)
    made.tell()
    paths = write_configs(folder, str(data), made, force)
    say(f"new_competition: written {', '.join(map(str, paths))}")
    if made.missing:
        key, choices = made.missing
        raise GoodsError(
            f"{paths[0]}: fill in table.{key}, which the files do not tell: one of {', '.join(map(repr, choices))}"
        )
    load_competition(name, configs)
    elsewhere = "" if configs.resolve() == SHIPPED else f", which looks for {name}/ below configs/"
    say(
        f"new_competition: next, set the contest's metric there, then bash scripts/run_all.sh {name}{elsewhere}"
    )
