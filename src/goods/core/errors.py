"""The one error a user is meant to see: scripts turn it into one line on stderr and exit code 2."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path


class GoodsError(Exception):
    """Bad input; the message names the file, the column or row, and the mend."""

    @property
    def lines(self) -> tuple[str, ...]:
        return (str(self),)


class SeveralErrors(GoodsError):
    """Several mistakes, each a message of its own."""

    def __str__(self) -> str:
        return "\n".join(self.lines)

    @property
    def lines(self) -> tuple[str, ...]:
        return self.args


def told_as(named: Path | str, file: Path, error: GoodsError) -> GoodsError:
    """What is refused of a file, told of it by another name: that of the one it was made of, or was given by."""
    return SeveralErrors(*(line.replace(str(file), str(named)) for line in error.lines))


@contextmanager
def together() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Gives `apart`: each `with apart():` looks at an input of its own. What is wrong with any of them is told at the
    end, with all else that is."""
    found: list[GoodsError] = []

    @contextmanager
    def apart() -> Iterator[None]:
        try:
            yield
        except GoodsError as error:
            found.append(error)

    with apart():
        yield apart
    if len(found) == 1:
        raise found[0]
    if found:
        raise SeveralErrors(*dict.fromkeys(line for error in found for line in error.lines))


class _Here(threading.local):
    """Where this thread is, the innermost last, and the file that holds it."""

    def __init__(self) -> None:
        self.places: list[str] = []
        self.file: Path | None = None


_here = _Here()


@contextmanager
def noted_in(file: Path) -> Iterator[None]:
    """Within, the file holds the place that `within` tells in this thread, for as long as that lasts."""
    before, _here.file = _here.file, file
    try:
        yield
    finally:
        _here.file = before


def noted_place(file: Path) -> str:
    """The place that a file of `noted_in` holds; "" where there is none, or none any more."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _note() -> None:
    """Nothing that is done fails for want of the note of where that is."""
    if _here.file is None:
        return
    with suppress(OSError):
        if _here.places:
            _here.file.write_text(_here.places[-1], encoding="utf-8", errors="backslashreplace")
        else:
            _here.file.unlink(missing_ok=True)


@contextmanager
def within(where: str) -> Iterator[None]:
    """What goes wrong in code of any author says below its traceback where that was. What would end the program without
    a word goes wrong too; a library that makes that of Ctrl-C does not. What ends the process itself leaves the place
    in the file that is `noted_in`."""
    _here.places.append(where)
    _note()
    try:
        yield
    except GoodsError:
        raise
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise
        told = RuntimeError(f"sys.exit({error.code!r}) was called; raise an error in its place")
        told.add_note(f"in {where}")
        raise told from error
    except Exception as error:
        error.add_note(f"in {where}")
        raise
    finally:
        _here.places.pop()
        _note()
