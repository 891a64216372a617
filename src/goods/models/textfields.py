"""Text fields of cards and their n-grams, as the settings of families name them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from goods.cards.table import TEXT_FIELDS
from goods.config.refusals import as_list
from goods.core.meant import among


def _of_cards(name: str) -> str:
    if name not in TEXT_FIELDS:
        raise ValueError(f"cards have no text {name!r}; known are {among(name, TEXT_FIELDS)}")
    return name


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise ValueError(f"names {twice[0]!r} twice; leave one out")
    return names


def _rising(lengths: tuple[int, int]) -> tuple[int, int]:
    shortest, longest = lengths
    if not 1 <= shortest <= longest:
        raise ValueError(f"is {list(lengths)}, expected {PAIR}")
    return lengths


TextField = Annotated[str, AfterValidator(_of_cards)]
TextFields = Annotated[tuple[TextField, ...], Field(min_length=1), AfterValidator(_each_once)]
PAIR = "[SHORTEST, LONGEST], from 1 on"
Lengths = Annotated[
    tuple[int, int], as_list(f"{PAIR}, such as [1, 2]"), AfterValidator(_rising)
]  # of n-grams, both inclusive
