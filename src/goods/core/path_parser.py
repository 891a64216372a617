"""Paths of a command line as they are meant."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


class PathParser(argparse.ArgumentParser):
    """One that refuses paths which a shell has left empty, or with their ~: they would be others than are meant."""

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        if action.type is Path and arg_string == "":
            raise argparse.ArgumentError(action, "is empty; name a file or folder")
        if action.type is Path and arg_string.startswith("~"):
            told = f"{arg_string!r} has a ~ that no shell has replaced; write the whole path, or ./ before it"
            raise argparse.ArgumentError(action, told)
        return super()._get_value(action, arg_string)
