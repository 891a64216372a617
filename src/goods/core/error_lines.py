"""What a user is told of an error, in one line."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from goods.core.errors import GoodsError
from goods.core.wording import in_a_line

RIGHTS = "mend the right to it, or name another place"
MENDS = {
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EROFS: "name a place that can be written to",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ENOENT: "name one that is there; if another program has removed it, run the same command again",
}
MEND = "mend that, then run the same command again"  # of all others
LOOP = re.compile(r"Symlink loop from '(.*)'")  # as pathlib has it


def lines_of(error: BaseException, folders: list[Path]) -> tuple[str, ...] | None:
    """What a user is told of an error instead of where in the code it happened; None where that is what is needed."""
    if isinstance(error, GoodsError):
        return error.lines
    told = told_of(error, folders)
    return None if told is None else (told,)


def told_of(error: BaseException, folders: list[Path]) -> str | None:
    """As `lines_of`, of what somebody else's code has raised."""
    if not isinstance(error, Exception):
        return None
    if isinstance(error, RuntimeError) and (loop := LOOP.match(str(error))):
        return f"{loop[1]}: a link that leads to itself; remove it, or name another place"
    from goods.core.shortages import shortage  # a tenth of a second to import

    if (told := shortage(error, folders)) is not None:
        return told
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        source, _, why = error.args[0][0]  # of all that copytree could not copy
        return f"{source}: cannot be copied ({in_a_line(str(why))}); {RIGHTS}"
    if not isinstance(error, OSError) or error.strerror is None:
        return None
    if isinstance(error, FileExistsError | IsADirectoryError | NotADirectoryError):
        place = error.filename2 or error.filename
        return f"{place}: {error.strerror}: a folder is wanted where a file is, or the other way round; move it away"
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}{error.strerror}; {MENDS.get(error.errno or 0, MEND)}"


def check_words(words: Iterable[str]) -> None:
    """GoodsError where one is no text: names of folders go into JSON and tables."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise GoodsError(
                f"{word}: is not written in UTF-8; rename it, or link to it by another name"
            ) from None


def visible(text: str) -> str:
    """In one line and without a sign that a terminal would obey: a name or a cell may hold any."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
