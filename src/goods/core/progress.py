"""Progress of long work on stderr: a live view on a terminal; a line now and then where a file or a pipe reads it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from goods.core.commands import to_type
from goods.core.log import say, saying_to

T = TypeVar("T")

EVERY = 30.0  # seconds between two lines of one bar where there is no terminal


class Bar:
    """Work of which `n` of `total` is done."""

    def __init__(self, title: str, total: int, unit: str) -> None:
        self.title, self.total, self.unit, self.n = title, total, unit, 0

    def update(self, n: int = 1) -> None:
        self.n += n


class LineBar(Bar):
    """Says every EVERY seconds how far it is and how long the rest will take."""

    def __init__(self, title: str, total: int, unit: str) -> None:
        super().__init__(title, total, unit)
        self.started = self.told = time.monotonic()

    def update(self, n: int = 1) -> None:
        super().update(n)
        now = time.monotonic()
        if now - self.told < EVERY or not 0 < self.n < self.total:
            return
        self.told = now
        left = (now - self.started) / self.n * (self.total - self.n)
        say(f"{self.title}: {self.n:,} of {self.total:,} {self.unit}, about {seconds(left)} left")


class LiveBar(Bar):
    """A row of the live view."""

    def __init__(self, title: str, total: int, unit: str, view: View) -> None:
        super().__init__(title, total, unit)
        self.view, self.task = view, view.progress.add_task(title, total=total, unit=unit)

    def update(self, n: int = 1) -> None:
        super().update(n)
        self.view.progress.update(self.task, advance=n)


class View:
    """What a terminal shows below the messages: a headline and the bars of what is being done."""

    def __init__(self) -> None:
        from rich.live import Live  # a tenth of a second to import: only who sees it pays
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed
        from rich.progress import TimeRemainingColumn as Remaining

        self.headline = ""
        self.console = _console()
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        unit = TextColumn("{task.fields[unit]}", markup=False)
        self.progress = Progress(*columns, unit, Elapsed(), Remaining(), console=self.console)
        self.live = Live(
            get_renderable=self._shown,
            console=self.console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _shown(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        bars = self.progress.get_renderable()
        return Group(Text(self.headline, style="bold"), bars) if self.headline else bars

    def say(self, message: str) -> None:
        self.console.print(to_type(message), markup=False, highlight=False, soft_wrap=True)


def _console() -> Any:
    from rich.console import Console

    class Steady(Console):
        """A run may be ended by force at any moment: it has never hidden the cursor."""

        def show_cursor(self, show: bool = True) -> bool:
            return False

    return Steady(stderr=True)


_view: View | None = None


@contextmanager
def live() -> Iterator[View | None]:
    """The view, opened by the outermost of those that use it; None where stderr is no terminal."""
    global _view
    if _view is not None or not sys.stderr.isatty():
        yield _view
        return
    opened = View()
    with ExitStack() as stack:
        stack.enter_context(saying_to(opened.say))
        stack.enter_context(opened.live)
        _view = opened
        try:
            yield opened
        finally:
            _view = None


def headline(text: str) -> None:
    """What the run is at: above the bars, or a message where stderr is no terminal or nothing is open."""
    if _view is None:
        say(text)
    else:
        _view.headline = text


@contextmanager
def bar(title: str, total: int, unit: str = "", hidden: bool = False) -> Iterator[Bar]:
    """A bar over `total` steps, gone when it ends; `update` it by as many as are done."""
    if hidden:
        yield Bar(title, total, unit)
        return
    with live() as view:
        if view is None:
            yield LineBar(title, total, unit)
            return
        row = LiveBar(title, total, unit, view)
        try:
            yield row
        finally:
            view.progress.remove_task(row.task)


def track(
    items: Iterable[T], title: str, total: int | None = None, unit: str = "", hidden: bool = False
) -> Iterator[T]:
    """The items, with a bar over them; `total` where they have no length."""
    known = len(items) if total is None else total  # type: ignore[arg-type]
    with bar(title, known, unit, hidden) as shown:
        for item in items:
            yield item
            shown.update()


def seconds(value: float) -> str:
    """As a person says it: 45 s, 12 min, 3.5 h."""
    if value < 90:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 90 * 60 else f"{value / 3600:.1f} h"


def gigabytes(value: float) -> str:
    """As a person says it: 300 MB, 1.5 GB."""
    return f"{round(value, 1):g} GB" if value >= 1 else f"{value * 2**10:.0f} MB"
