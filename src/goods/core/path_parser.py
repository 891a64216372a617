"""Paths and names of a command line as they are meant."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from goods.core.meant import meant

UNRECOGNIZED = "unrecognized arguments"  # as argparse has it


class PathParser(argparse.ArgumentParser):
    """One that refuses paths which a shell has left empty, or with their ~: they would be others than are meant. Of an
    option or a choice that there is not it says which was probably meant."""

    def error(self, message: str) -> NoReturn:
        kind, _, words = message.partition(": ")
        if kind == UNRECOGNIZED:
            options = [name for name in self._option_string_actions if name.startswith("--")]
            odd = next((word.partition("=")[0] for word in words.split() if word.startswith("--")), "")
            message += meant(odd, options)
        super().error(message)

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        if action.type is Path and arg_string == "":
            raise argparse.ArgumentError(action, "is empty; name a file or folder")
        if action.type is Path and arg_string.startswith("~"):
            told = f"{arg_string!r} has a ~ that no shell has replaced; write the whole path, or ./ before it"
            raise argparse.ArgumentError(action, told)
        return super()._get_value(action, arg_string)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += meant(str(value), map(str, action.choices or ()))
            raise
