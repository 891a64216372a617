"""A table on stderr: with lines on a terminal, in columns of plain text elsewhere."""

from __future__ import annotations

import sys

from goods.core.log import say

Cells = list[str]


def show_table(title: str, head: Cells, rows: list[Cells]) -> None:
    """Columns after the first are of numbers; those without any are left out."""
    kept = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows)]
    head, rows = [head[i] for i in kept], [[row[i] for i in kept] for row in rows]
    if not sys.stderr.isatty():
        say("\n".join([title, *aligned([head, *rows])]))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    for i, name in enumerate(head):
        # where it is too wide, numbers take a second line, and names do so last
        table.add_column(Text(name), justify="right" if i else "left", overflow="fold", no_wrap=not i)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(stderr=True).print(table)


def aligned(rows: list[Cells]) -> list[str]:
    """A line for each row: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(n) if i else cell.ljust(n) for i, (cell, n) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
