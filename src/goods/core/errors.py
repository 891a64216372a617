"""The one error a user is meant to see: scripts turn it into one line on stderr and exit code 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class GoodsError(Exception):
    """Bad input; the message names the file, the column or row, and the mend."""

    @property
    def lines(self) -> tuple[str, ...]:
        return (str(self),)


class SeveralErrors(GoodsError):
    """Several mistakes of one input, each a message of its own."""

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        return self.args


@contextmanager
def within(where: str) -> Iterator[None]:
    """What goes wrong in code of any author says below its traceback where that was."""
    try:
        yield
    except GoodsError:
        raise
    except Exception as error:
        error.add_note(f"in {where}")
        raise
