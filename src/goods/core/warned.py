"""Warnings of libraries: counted while work goes on, told in one line each when it ends."""

from __future__ import annotations

import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from goods.core.log import of_subject, say

LONGEST = 240  # signs of a line

_counting: Counter[str] | None = None


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Within, a warning is not shown but counted, by the line it will be told in."""
    global _counting
    found: Counter[str] = Counter()
    before, shown = _counting, warnings.showwarning

    def count(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        found[of_subject(described(str(message), category, filename))] += 1

    _counting, warnings.showwarning = found, count
    try:
        yield found
    finally:
        _counting, warnings.showwarning = before, shown


@contextmanager
def told_at_the_end() -> Iterator[None]:
    """Within, warnings are counted, and told in the end unless that is Ctrl-C."""
    with counted() as found:
        try:
            yield
        except KeyboardInterrupt:
            found.clear()
            raise
        finally:
            tell(found)


@contextmanager
def rare_classes() -> Iterator[None]:
    """Within, scikit-learn does not warn that many classes have few cards, which is expected of a shop."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes")
        yield


def add(found: Counter[str]) -> None:
    """What was counted in another process: to that of this one, or told where nothing is counted."""
    if _counting is None:
        tell(found)
    else:
        _counting.update({of_subject(line): n for line, n in found.items()})


def tell(found: Counter[str]) -> None:
    for line, n in found.items():
        say(f"warning: {line}" + (f" ({n} times)" if n > 1 else ""))


def described(message: str, category: type[Warning], filename: str) -> str:
    """One line: the package, or the file where it is of none, the kind of warning and what it says."""
    parts = Path(filename).parts
    packages = "site-packages" in parts[:-1]
    where = parts[parts.index("site-packages") + 1] if packages else Path(filename).stem
    return textwrap.shorten(f"{where}: {category.__name__}: {message}", LONGEST, placeholder=" …")
