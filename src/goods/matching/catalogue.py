"""Cards of a catalogue → which of them are one product: candidate pairs, their scores, groups."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from goods.config.base import Strict
from goods.core.ids import numbered
from goods.core.progress import headline
from goods.core.wording import count
from goods.matching.blocking import BlockingConfig, block, check_cards
from goods.matching.expected import Expected, Expecting
from goods.matching.handmade import EXPECTED, HandmadeScorer, Scorer
from goods.matching.merging import merge
from goods.matching.quality import quality

EVEN = 0.5


class MatchConfig(Strict):
    threshold: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="least score of a pair, and of the mean between groups; null: that of a pair which is as likely "
        "right as wrong",
    )
    max_group: int = Field(
        default=50, ge=2, description="most cards of a group; of cards told alike the first counts"
    )
    blocking: BlockingConfig = BlockingConfig()


def match(
    cards: pd.DataFrame,
    config: MatchConfig | None = None,
    scorer: Scorer | None = None,
    expecting: Expecting | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """(pairs, groups, report) of `cards`; pairs: product_id1 < product_id2, score float32, sorted; groups: product_id,
    group (the smallest product_id of the group), size int32, a row per card in their order. Ids are int64, or texts as
    those of the cards.

    `scorer` gives each candidate pair a probability; without one the hand-made scorer does. `expecting` says what is to
    be expected of its scores; without it they count as they are. A column `identity` is
    only reported on: precision, recall and F1 of the pairs above the threshold and of all pairs within groups.
    """
    config = config or MatchConfig()
    check_cards(cards)
    identity = cards.identity.to_numpy() if "identity" in cards else None
    headline(f"match: {count(len(cards), 'card')}, which of them to compare")
    found = block(cards, config.blocking, identity=identity)
    left, right, blocking = found.left, found.right, found.report
    started = time.perf_counter()
    if scorer is None:
        scorer, expecting = HandmadeScorer(cards, found.vectors), lambda _: EXPECTED
    del found
    headline(f"match: scores of {count(len(left), 'pair')}")
    score = scorer(cards, left, right)
    expected = expecting(score) if expecting else None
    threshold = config.threshold
    if threshold is None:
        threshold = expected.even if expected else EVEN
    scored = time.perf_counter()
    weight = first_told(cards).astype(np.int64)
    group, refused = merge(left, right, score, threshold, config.max_group, weight)
    seconds = {"score": round(scored - started, 2), "group": round(time.perf_counter() - scored, 2)}

    ids, good = numbered(cards.product_id), score >= threshold
    left, right = left[good], right[good]
    pairs, groups = pair_table(ids, left, right, score[good]), group_table(ids, group)
    if cards.product_id.dtype.kind not in "iu":
        texts = cards.product_id.iloc[np.argsort(ids)].to_numpy()
        pairs = with_texts(pairs, ["product_id1", "product_id2"], texts)
        groups = with_texts(groups, ["product_id", "group"], texts)
    report = {
        "threshold": threshold,
        "highest_score": float(score.max()) if len(score) else None,
        **told_of(expected, score[good]),
        "empty_titles": int((cards.title.str.strip() == "").sum()),
        "matching_pairs": len(pairs),
        "groups": int((np.bincount(group) > 1).sum()),
        "cards_in_groups": int((groups["size"] > 1).sum()),
        "largest_group": int(groups["size"].max()),
        "kept_apart_by_max_group": refused,
        "blocking": blocking,
        "seconds": seconds,
    }
    if identity is not None:
        report["quality"] = quality(left, right, group, identity)
    return pairs, groups, report


def told_of(expected: Expected | None, score: np.ndarray) -> dict[str, Any]:
    """Which share of pairs of these scores is expected to be right, null of none, and how that was found; null where
    nothing is expected."""
    if expected is None:
        return {"expected_precision": None, "expected_by": None}
    share = float(expected.right(score).mean()) if len(score) else None
    return {"expected_precision": share, "expected_by": expected.how}


def pair_table(ids: np.ndarray, left: np.ndarray, right: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """product_id1 < product_id2, score; sorted. `left`, `right` int [m] are places among `ids` int64 [n]."""
    ends = np.sort(np.stack([ids[left], ids[right]], axis=1), axis=1)
    pairs = pd.DataFrame({"product_id1": ends[:, 0], "product_id2": ends[:, 1], "score": score})
    return pairs.sort_values(["product_id1", "product_id2"], ignore_index=True)


def group_table(ids: np.ndarray, group: np.ndarray) -> pd.DataFrame:
    """product_id, group (its smallest id), size int32 of each card; `ids` int64 [n], `group` int [n] from 0."""
    smallest = pd.Series(ids).groupby(group).transform("min").to_numpy()
    size = np.bincount(group, minlength=len(ids)).astype(np.int32)[group]
    return pd.DataFrame({"product_id": ids, "group": smallest, "size": size})


def with_texts(table: pd.DataFrame, columns: list[str], texts: np.ndarray) -> pd.DataFrame:
    """The table with the `texts` [n] that the numbers of its `columns`, 0 … n − 1, stand for."""
    return table.assign(**{column: pd.Series(texts[table[column]], dtype="str") for column in columns})


def first_told(cards: pd.DataFrame) -> np.ndarray:
    """bool [n]: cards that no earlier one is told just like, by title and attributes; empty titles tell nothing."""
    told = cards.reindex(columns=["title", "attributes"]).fillna("").astype("str")
    return ~told.duplicated().to_numpy() | (told.title.str.strip() == "").to_numpy()
