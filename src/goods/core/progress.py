"""Progress of long work on stderr: a live view on a terminal; a line now and then where a file or a pipe reads it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from goods.core.commands import to_type
from goods.core.log import say, saying_to
from goods.core.stopping import erasing

T = TypeVar("T")

EVERY = 30.0  # seconds between two lines of one bar where there is no terminal


class Bar:
    """Work of which `n` of `total` is done, and the share `done` of its seconds, which `update` is told where steps
    differ."""

    def __init__(self, title: str, total: int, unit: str) -> None:
        self.title, self.total, self.unit, self.n, self.done = title, total, unit, 0, 0.0
        self.started = time.monotonic()
        self.ends: float | None = None

    def update(self, n: int = 1, share: float | None = None) -> None:
        self.n += n
        self.done += n / max(1, self.total) if share is None else share
        if self.done:
            now = time.monotonic()
            self.ends = now + (now - self.started) * max(0.0, 1 / self.done - 1)

    def left(self) -> float | None:
        """Seconds that the rest will take at the pace of all that is done, as a busy machine halts some steps for long;
        None before the first."""
        return None if self.ends is None else max(0.0, self.ends - time.monotonic())


class LineBar(Bar):
    """Says every EVERY seconds how far it is and how long the rest will take."""

    def __init__(self, title: str, total: int, unit: str) -> None:
        super().__init__(title, total, unit)
        self.told = self.started

    def update(self, n: int = 1, share: float | None = None) -> None:
        super().update(n, share)
        now = time.monotonic()
        left = self.left()
        if now - self.told < EVERY or not 0 < self.n < self.total or left is None:
            return
        self.told = now
        say(f"{self.title}: {self.n:,} of {self.total:,} {self.unit}, about {seconds(left)} left")


class LiveBar(Bar):
    """A row of the live view."""

    def __init__(self, title: str, total: int, unit: str, view: View) -> None:
        super().__init__(title, total, unit)
        self.view, self.task = view, view.progress.add_task(title, total=total, unit=unit, bar=self)

    def update(self, n: int = 1, share: float | None = None) -> None:
        super().update(n, share)
        self.view.progress.update(self.task, advance=n)


class View:
    """What a terminal shows below the messages: a headline and the bars of what is being done."""

    def __init__(self) -> None:
        from rich.live import Live  # a tenth of a second to import: only who sees it pays
        from rich.progress import Progress

        self.headline, self.told = "", 0.0
        self.left: float | None = None
        self.started, self.height = time.monotonic(), 0  # lines that are drawn
        self.console = _console()
        self.progress = Progress(*_columns(self.console.width), console=self.console)
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
        shown = Group(Text(self.line(), style="bold"), bars) if self.headline else bars
        self.height = min(len(self.console.render_lines(shown, pad=False)), self.console.height)
        return shown

    def line(self) -> str:
        """The headline, how long the view has been open, and what is left by now of the time it was told."""
        now = time.monotonic()
        told = f"{self.headline}; {timedelta(seconds=int(now - self.started))} passed"
        if self.left is None:
            return told
        left = self.left - (now - self.told)
        return f"{told}, about {seconds(left)} left" if left > 0 else f"{told}, longer than estimated"

    def erased(self) -> str:
        """What takes the view off the terminal when it is written there. No lock is asked for: whoever has it may never
        go on."""
        return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (self.height - 1) if self.height else ""

    def say(self, message: str) -> None:
        self.console.print(to_type(message), markup=False, highlight=False, soft_wrap=True)


def _columns(width: int) -> list[Any]:
    """Of the rows of a terminal `width` signs wide: what is too much for it comes off the title, never off a number."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.table import Column
    from rich.text import Text

    class Title(TextColumn):
        def render(self, task: Any) -> Text:
            return Text(task.description, no_wrap=True, overflow="ellipsis")

    class Remaining(TextColumn):
        def render(self, task: Any) -> Text:
            left = task.fields["bar"].left()
            told = "-:--:--" if left is None else str(timedelta(seconds=round(left)))
            return Text(told, style="progress.remaining")

    whole = [Column(no_wrap=True) for _ in range(4)]
    return [
        Title("", table_column=Column()),
        BarColumn(min(40, max(8, width - 80)), table_column=Column(no_wrap=True)),
        MofNCompleteColumn(table_column=whole[0]),
        TextColumn("{task.fields[unit]}", markup=False, table_column=whole[1]),
        Elapsed(table_column=whole[2]),
        Remaining("", table_column=whole[3]),
    ]


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
        stack.enter_context(erasing(opened.erased))
        stack.enter_context(opened.live)
        _view = opened
        try:
            yield opened
        finally:
            _view = None


def headline(text: str, left: float | None = None) -> None:
    """What the run is at: above the bars, with a clock, or a message where stderr is no terminal or nothing is open.
    `left`: seconds that the rest will take."""
    if _view is None:
        say(text if left is None else f"{text}; about {seconds(left)} left")
    else:
        _view.headline, _view.left, _view.told = text, left, time.monotonic()


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
