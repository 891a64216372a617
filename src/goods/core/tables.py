"""Tables as text."""

from __future__ import annotations


def markdown(rows: list[dict[str, str]]) -> str:
    """A markdown table; the first row's keys are the header, every row has them."""
    header = list(rows[0])
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *(f"| {' | '.join(row[c] for c in header)} |" for row in rows)])
