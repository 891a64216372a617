"""Reasons for an answer, and how they are told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One feature of a candidate: its value and what it adds to the candidate's score."""

    feature: str
    value: float
    contribution: float


@dataclass(frozen=True)
class Explained:
    """A candidate of a card, its probability before the temperature, and its reasons, weightiest first."""

    category: str
    proba: float
    start: float
    reasons: list[Reason]


def as_text(product_id: int | str, title: str, candidates: list[Explained], most: int = 8) -> str:
    lines = [f"{product_id}  {title}"]
    for c in candidates:
        lines.append(f"  {c.proba:.4f}  {c.category}   (score starts at {c.start:+.2f})")
        lines += [f"      {r.contribution:+.3f}  {r.feature} = {r.value:.4g}" for r in c.reasons[:most]]
    return "\n".join(lines)
