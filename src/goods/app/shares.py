"""Answers with bars of their probabilities, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

LEAST = 0.01  # what is nearer to none, or to all, is not told by a number that would say none, or all
STYLE = """.shares > div { margin-bottom: 0.6rem }
.shares .told { display: flex; justify-content: space-between; gap: 1rem }
.shares .told :last-child { white-space: nowrap }
.shares .track { background: var(--border-color-primary); border-radius: 0.2rem; height: 0.4rem }
.shares .bar { background: var(--color-accent); border-radius: 0.2rem; height: 100% }"""


def told(share: float) -> str:
    """In whole percent."""
    if share < LEAST:
        return "< 1 %"
    return "> 99 %" if share > 1 - LEAST else f"{100 * share:.0f} %"


def as_bars(answers: Sequence[tuple[str, float]]) -> str:
    """In their order."""
    rows = (
        f'<div><div class="told"><span>{escape(name)}</span><span>{escape(told(share))}</span></div>'
        f'<div class="track"><div class="bar" style="width: {100 * share:.1f}%"></div></div></div>'
        for name, share in answers
    )
    return f'<div class="shares">{"".join(rows)}</div>'
