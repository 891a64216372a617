"""What a name that nothing has was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

CLOSE = 0.65  # of difflib's ratio: two letters of "linear" that changed places have 0.83, alfa and alpha 0.67


def meant(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'linear'?" where one of the names that are `known` is close, else ""."""
    alike = {one.casefold(): one for one in known}
    close = get_close_matches(name.casefold(), alike, 1, CLOSE)
    return f"; did you mean {alike[close[0]]!r}?" if close else ""


def among(name: str, known: Iterable[str]) -> str:
    """The names that are `known`, and which of them was probably meant."""
    names = list(known)
    return ", ".join(names) + meant(name, names)
