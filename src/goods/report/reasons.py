"""Reasons for an answer, and how they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from goods.core.ids import Id


@dataclass(frozen=True)
class Reason:
    """One feature of a candidate: its value and what it adds to the candidate's score."""

    feature: str
    value: float
    contribution: float

    @property
    def told(self) -> str:
        """Its value; nan where what it is taken from says nothing."""
        return "unknown" if np.isnan(self.value) else f"{self.value:.4g}"


def weightiest_first(values: pd.Series, added: np.ndarray) -> list[Reason]:
    """`values` of the features by name, and what each adds to the score [f]."""
    names, told = values.index.tolist(), values.tolist()
    order = np.argsort(-np.abs(added), kind="stable")
    return [Reason(str(names[j]), float(told[j]), float(added[j])) for j in order]


def mean_reasons(said: Sequence[tuple[pd.DataFrame, np.ndarray, np.ndarray]]) -> tuple[float, list[Reason]]:
    """Where the score of a single row starts, and its reasons, weightiest first: the mean over models of what each has
    `said` of it (values [1, f], what each adds [1, f], where the score starts [1])."""
    added, start = (np.mean([one[i][0] for one in said], axis=0) for i in (1, 2))
    return float(start), weightiest_first(said[0][0].iloc[0], added)


@dataclass(frozen=True)
class Explained:
    """A candidate of a card, its probability before the temperature, and its reasons, weightiest first."""

    category: str
    proba: float
    start: float
    reasons: list[Reason]


def as_text(
    product_id: Id,
    title: str,
    candidates: list[Explained],
    most: int = 8,
    answers: Mapping[str, str] | None = None,
    described: Callable[[str], str] = lambda feature: "",
) -> str:
    """`answers`: kind of answer → category, known of the card besides; `described` says what a feature is."""
    lines = [f"{product_id}  {title}", *(f"  {kind}: {said}" for kind, said in (answers or {}).items())]
    for c in candidates:
        lines.append(f"  {c.proba:.4f}  {c.category}   (score starts at {c.start:+.2f})")
        for r in c.reasons[:most]:
            told = described(r.feature)
            lines.append(f"      {r.contribution:+.3f}  {r.feature} = {r.told}{told and f'   ({told})'}")
    return "\n".join(lines)
