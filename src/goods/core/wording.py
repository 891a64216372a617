"""Numbers of things, and sizes of files, in words."""

from __future__ import annotations


def count(n: int, one: str, several: str | None = None) -> str:
    """ "1 card", "1,234 cards"; `several`: the plural where that is not `one` and an s ("boxes", "files are")."""
    return f"{n:,} {one if n == 1 else several or f'{one}s'}"


def size(n: float) -> str:
    """Bytes as a person says them: "0.3 MB", "300 MB", "1.5 GB"."""
    if n >= 2**30:
        return f"{round(n / 2**30, 1):g} GB"
    return f"{round(n / 2**20, 1 if n < 10 * 2**20 else None):g} MB"
