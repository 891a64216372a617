"""Candidate classes per card: what the stacker ranks instead of all classes.

A candidate table is a set of flat arrays sorted by card: one entry per (card, candidate class). A class becomes a
candidate because a base model gives it weight, or because another source names it: similar titles, the card's
shop, the category's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from goods.core.predictions import TOP_K, Predictions

FLOOR = 1e-5  # least probability of any class

MODELS = "models"  # the source that stands for the base models

BLOCK = 50_000  # cards whose entries are gathered at once

DEPTHS = (2, 3, 5, 8, 12, 16, 24, TOP_K)  # how many classes per model may be chosen

Named = tuple[np.ndarray, np.ndarray]  # card int64 [x], class int [x]: what a source names


@dataclass(frozen=True)
class Candidates:
    """Entries in ascending order of (card, class).

    card int64 [m] row number · cls int32 [m] · log_proba float32 [m, M] of the base models · rank int16 [m], the
    best rank any model gives the class (TOP_K where none keeps it) · named: source → bool [m].
    """

    card: np.ndarray
    cls: np.ndarray
    log_proba: np.ndarray
    rank: np.ndarray
    named: dict[str, np.ndarray]
    n_cards: int

    @cached_property
    def segments(self) -> tuple[np.ndarray, np.ndarray]:
        """(first entry of each card that has entries, int [m] number of each entry's card among those)."""
        fresh = np.concatenate([[True], np.diff(self.card) != 0])
        return np.flatnonzero(fresh), np.cumsum(fresh) - 1

    def take(self, entries: np.ndarray) -> Candidates:
        """A sub-table of entries (bool [m] or indices), card numbers kept."""
        named = {source: flags[entries] for source, flags in self.named.items()}
        return Candidates(
            self.card[entries],
            self.cls[entries],
            self.log_proba[entries],
            self.rank[entries],
            named,
            self.n_cards,
        )

    def within(self, depth: int) -> np.ndarray:
        """bool [m]: entries some model has among its first `depth` classes, or another source names."""
        kept = self.rank < depth
        for source, flags in self.named.items():
            if source != MODELS:
                kept |= flags
        return kept

    def model(self, j: int) -> Candidates:
        """The same entries with the log-probabilities of one base model only."""
        return Candidates(self.card, self.cls, self.log_proba[:, [j]], self.rank, self.named, self.n_cards)


def side_by_side(
    tables: list[Candidates], rows: list[np.ndarray], n_cards: int
) -> tuple[Candidates, np.ndarray]:
    """The `tables` of different cards in one of `n_cards`, where card i of table t is `rows[t][i]`; and the order of
    their entries in it, int [m], counted through all tables."""
    card = np.concatenate([row[table.card] for table, row in zip(tables, rows, strict=True)])
    order = np.argsort(card, kind="stable")

    def joined(parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(parts)[order]

    return Candidates(
        card[order],
        joined([t.cls for t in tables]),
        joined([t.log_proba for t in tables]),
        joined([t.rank for t in tables]),
        {source: joined([t.named[source] for t in tables]) for source in tables[0].named},
        n_cards,
    ), order


def make_candidates(
    models: list[Predictions], n_classes: int, min_proba: float, sources: Mapping[str, Named] | None = None
) -> Candidates:
    """Union of the classes the models keep and of what other sources name.

    `models` are aligned to the same cards. What only models name stays if its mean probability reaches
    `min_proba` or some model ranks it first.
    """
    n = len(models[0].product_id)
    parts = []
    for start in range(0, max(n, 1), BLOCK):
        rows = slice(start, min(start + BLOCK, n))
        block = [m.take(rows) for m in models]
        named = {}
        for source, (card, cls) in (sources or {}).items():
            here = (card >= rows.start) & (card < rows.stop)
            named[source] = (card[here] - rows.start) * n_classes + cls[here]
        parts.append(_gather(block, n_classes, min_proba, named, start))
    return Candidates(
        np.concatenate([p.card for p in parts]),
        np.concatenate([p.cls for p in parts]),
        np.concatenate([p.log_proba for p in parts]),
        np.concatenate([p.rank for p in parts]),
        {s: np.concatenate([p.named[s] for p in parts]) for s in parts[0].named},
        n,
    )


def _gather(
    models: list[Predictions], n_classes: int, min_proba: float, named: dict[str, np.ndarray], start: int
) -> Candidates:
    """The table of one block of cards; `named` holds keys card · n_classes + class."""
    rows = np.arange(len(models[0].product_id), dtype=np.int64)[:, None] * n_classes
    own = [(rows + m.classes).ravel() for m in models]
    keys = np.sort(np.concatenate([*own, *named.values()]))  # half as long as np.unique, which hashes
    keys = keys[np.concatenate([[True], np.diff(keys) != 0])] if len(keys) else keys
    card = keys // n_classes
    proba = np.empty((len(keys), len(models)), np.float32)
    rank = np.full(len(keys), TOP_K, np.int16)
    for j, (model, its) in enumerate(zip(models, own, strict=True)):
        at = np.searchsorted(keys, its)
        proba[:, j] = unkept(model, n_classes)[card]
        proba[at, j] = model.proba.ravel().clip(FLOOR, 1)
        ranks_of = np.tile(np.arange(model.classes.shape[1], dtype=np.int16), len(rows))
        rank[at] = np.minimum(rank[at], ranks_of)
    flags = {MODELS: rank < TOP_K}
    for source, found in named.items():
        flags[source] = np.zeros(len(keys), bool)
        flags[source][np.searchsorted(keys, found)] = True
    kept = (rank == 0) | (proba.mean(1) >= min_proba)
    for source in named:
        kept |= flags[source]
    flags = {source: flag[kept] for source, flag in flags.items()}
    return Candidates(
        card[kept] + start,
        (keys[kept] % n_classes).astype(np.int32),
        np.log(proba[kept]),
        rank[kept],
        flags,
        len(rows),
    )


def unkept(model: Predictions, n_classes: int) -> np.ndarray:
    """float32 [n]: the probability of a class the model has not kept: an equal share of what is left over, at most
    that of the last class kept."""
    others = max(1, n_classes - model.classes.shape[1])
    left = (1 - model.proba.sum(1)) / others
    return np.minimum(left, model.proba[:, -1]).clip(FLOOR, 1).astype(np.float32)


def recall(table: Candidates, target: np.ndarray, entries: np.ndarray | None = None) -> float:
    """Share of cards whose class is among their candidates (those of `entries` bool [m]): no stacker can do better.
    `target` int [n_cards]."""
    found = table.cls == target[table.card]
    return float((found if entries is None else found & entries).sum() / table.n_cards)


def recall_by_source(table: Candidates, target: np.ndarray) -> dict[str, dict[str, float]]:
    """Per source and for their union: recall and entries per card; for the models at every depth of DEPTHS."""
    by_entries = {f"{MODELS}@{depth}": table.rank < depth for depth in DEPTHS}
    by_entries |= {source: flags for source, flags in table.named.items() if source != MODELS}
    by_entries["all"] = np.ones(len(table.card), bool)
    return {
        name: {
            "recall": round(recall(table, target, entries), 6),
            "per_card": round(float(entries.sum()) / table.n_cards, 3),
        }
        for name, entries in by_entries.items()
    }


def choose_depth(table: Candidates, target: np.ndarray) -> int:
    """The least depth that loses less recall than a quarter of its standard error: a cap no score can show.

    The standard error is that of the share of cards that some model gets right, among cards with entries.
    """
    n = max(1, len(table.segments[0])) if len(table.card) else 1
    found = table.cls == target[table.card]
    right = (found & (table.rank == 0)).sum() / n
    noise = np.sqrt(right * (1 - right) / n) / 4
    for depth in DEPTHS:
        if (found & ~table.within(depth)).sum() / n <= noise:
            return depth
    return TOP_K


def first_choice(table: Candidates, value: np.ndarray) -> np.ndarray:
    """int32 [n_cards]: the class with the largest value per card, ties to the lower; -1 without entries."""
    chosen = np.full(table.n_cards, -1, np.int32)
    if not len(table.card):
        return chosen
    starts, group = table.segments
    best = np.flatnonzero(value == np.maximum.reduceat(value, starts)[group])[::-1]
    chosen[table.card[best]] = table.cls[best]  # the first of equal ones is written last
    return chosen


def best_two(table: Candidates, value: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float [m], [m]: largest and second largest value of each entry's card; FLOOR if it has one entry."""
    starts, group = table.segments
    rest = np.where(rank == 0, FLOOR, value)
    return np.maximum.reduceat(value, starts)[group], np.maximum.reduceat(rest, starts)[group]


def ranks(table: Candidates, value: np.ndarray) -> np.ndarray:
    """int64 [m]: rank of each entry within its card by falling value, ties to the lower class."""
    starts, group = table.segments
    order = np.lexsort((-value, table.card))  # stable, and entries come by class
    rank = np.empty(len(value), np.int64)
    rank[order] = np.arange(len(value)) - starts[group]
    return rank


def lead(table: Candidates, value: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """float [m]: `value` less that of the card's best other entry by `rank` [m]; 0 where it has no other."""
    starts, group = table.segments
    of_rank = np.full((2, len(starts)), -1)
    for place in (0, 1):
        entries = np.flatnonzero(rank == place)
        of_rank[place, group[entries]] = entries
    rival = np.where(rank == 0, of_rank[1, group], of_rank[0, group])
    return np.where(rival < 0, 0, value - value[rival])


def softmax_by_card(table: Candidates, score: np.ndarray) -> np.ndarray:
    """float64 [m]: probabilities that sum to 1 within each card that has entries."""
    starts, group = table.segments
    exp = np.exp(score - np.maximum.reduceat(score, starts)[group])
    return exp / np.add.reduceat(exp, starts)[group]


def normalise_by_card(table: Candidates, proba: np.ndarray) -> np.ndarray:
    """float64 [m]: `proba` scaled to sum to 1 within each card."""
    starts, group = table.segments
    return proba / np.add.reduceat(proba.astype(np.float64), starts)[group]
