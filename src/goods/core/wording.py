"""Numbers of things, sizes of files and errors of libraries, in words."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN = 5  # rows that are named
LONGEST = 200  # signs of what a library says


def count(n: int, one: str, several: str | None = None) -> str:
    """ "1 card", "1,234 cards"; `several`: the plural where that is not `one` and an s ("boxes", "files are")."""
    return f"{n:,} {one if n == 1 else several or f'{one}s'}"


def rows_told(rows: Iterable[int]) -> str:
    """How many rows, and the first of them: "20 rows (0, 1, 2, 3, 4, …)"."""
    numbers = list(map(str, rows))
    return (
        f"{count(len(numbers), 'row')} ({', '.join(numbers[:SHOWN])}{', …' if len(numbers) > SHOWN else ''})"
    )


def size(n: float) -> str:
    """Bytes as a person says them: "0.3 MB", "300 MB", "1.5 GB"."""
    if n >= 2**30:
        return f"{round(n / 2**30, 1):g} GB"
    return f"{round(n / 2**20, 1 if n < 10 * 2**20 else None):g} MB"


def in_a_line(said: BaseException | str) -> str:
    """What a library says of an error, in a line, cut where it is long."""
    told = " ".join(str(said).split())
    return told if len(told) <= LONGEST else f"{told[: LONGEST - 1]}…"
