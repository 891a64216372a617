"""A file of cards → which of them are one product.

reads:  a parquet file: product_id (or variantid, nm, id), title (or name), attributes if there
writes: pairs.parquet (product_id1 < product_id2 int64, score float32, sorted) · groups.parquet (product_id int64, group
        int64: the smallest product_id of the group, size int32; every card once, in the file's order) · report.json
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError

from goods.cards.text import MAX_CHARS, strip_html
from goods.competitions.raw import columns_of, integer_ids, read_table, require_unique
from goods.config.base import Strict
from goods.core.artifacts import write_json, write_parquet
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.matching.blocking import BlockingConfig, block, check_cards
from goods.matching.handmade import HandmadeScorer, Scorer
from goods.matching.merging import merge

IDS = ("product_id", "variantid", "nm", "id")

TITLES = ("title", "name")

ATTRIBUTES = ("attributes", "characteristic_attributes_mapping")


class MatchConfig(Strict):
    threshold: float = Field(
        default=0.5, ge=0, le=1, description="least score of a pair, and of the mean between groups"
    )
    max_group: int = Field(
        default=50, ge=2, description="most cards of a group; of cards told alike the first counts"
    )
    blocking: BlockingConfig = BlockingConfig()


def read_catalogue(path: Path, truth: str | None = None) -> pd.DataFrame:
    """product_id int64, title str ("" where null), attributes str if there, and `truth` as the column `identity`."""
    if not path.is_file():
        raise GoodsError(f"{path}: no such file; name a parquet file of cards")
    names = columns_of(path)
    id_, title = _one_of(path, names, IDS), _one_of(path, names, TITLES)
    extra = next((column for column in ATTRIBUTES if column in names), None)
    wanted = {id_: "int", title: "str"} | ({truth: "any"} if truth else {})
    table = read_table(path, wanted, {extra: "any"} if extra else None)
    ids = integer_ids(table, id_, path)
    require_unique(ids, id_, path)
    cards = pd.DataFrame(
        {
            "product_id": ids,
            "title": [strip_html(text)[:MAX_CHARS] if isinstance(text, str) else "" for text in table[title]],
        }
    )
    if extra:
        cards["attributes"] = pd.Series([as_words(value) for value in table[extra]], dtype="str")
    if truth:
        cards["identity"] = table[truth].astype("str")  # lists and the like cannot be compared
    return cards


def as_words(value: Any) -> str:
    """A text as it is; lists and mappings as Python writes them, of which words and numbers are read."""
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return str(value) if isinstance(value, list | dict) else ""


def _one_of(path: Path, names: list[str], known: tuple[str, ...]) -> str:
    for column in known:
        if column in names:
            return column
    raise GoodsError(
        f"{path}: column {known[0]!r} is missing (it has {', '.join(names)}); "
        f"rename a column to it or to {' or '.join(map(repr, known[1:]))}"
    )


def match(
    cards: pd.DataFrame, config: MatchConfig | None = None, scorer: Scorer | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """(pairs, groups, report) of `cards`, the tables as in this module's files.

    `scorer` gives each candidate pair a probability; without one the hand-made scorer does. A column `identity` is
    only reported on: precision, recall and F1 of the pairs above the threshold and of all pairs within groups.
    """
    config = config or MatchConfig()
    check_cards(cards)
    identity = cards.identity.to_numpy() if "identity" in cards else None
    found = block(cards, config.blocking, identity=identity)
    left, right, report = found.left, found.right, found.report
    started = time.perf_counter()
    if scorer is None:
        scorer = HandmadeScorer(cards, found.vectors)
    del found
    score = scorer(cards, left, right)
    scored = time.perf_counter()
    weight = first_told(cards).astype(np.int64)
    group, refused = merge(left, right, score, config.threshold, config.max_group, weight)
    seconds = {"score": round(scored - started, 2), "group": round(time.perf_counter() - scored, 2)}

    ids = cards.product_id.to_numpy(np.int64)
    smallest = pd.Series(ids).groupby(group).transform("min").to_numpy()
    size = np.bincount(group, minlength=len(cards)).astype(np.int32)[group]
    groups = pd.DataFrame({"product_id": ids, "group": smallest, "size": size})
    good = score >= config.threshold
    left, right = left[good], right[good]
    ends = np.sort(np.stack([ids[left], ids[right]], axis=1), axis=1)
    pairs = pd.DataFrame({"product_id1": ends[:, 0], "product_id2": ends[:, 1], "score": score[good]})
    pairs = pairs.sort_values(["product_id1", "product_id2"], ignore_index=True)
    result = {
        "threshold": config.threshold,
        "empty_titles": int((cards.title.str.strip() == "").sum()),
        "matching_pairs": len(pairs),
        "groups": int((np.bincount(group) > 1).sum()),
        "cards_in_groups": int((size > 1).sum()),
        "largest_group": int(size.max(initial=0)),
        "kept_apart_by_max_group": refused,
        "blocking": report,
        "seconds": seconds,
    }
    if identity is not None:
        result["quality"] = quality(left, right, group, identity)
    return pairs, groups, result


def first_told(cards: pd.DataFrame) -> np.ndarray:
    """bool [n]: cards that no earlier one is told just like, by title and attributes; empty titles tell nothing."""
    told = cards.reindex(columns=["title", "attributes"]).fillna("").astype("str")
    return ~told.duplicated().to_numpy() | (told.title.str.strip() == "").to_numpy()


def quality(
    left: np.ndarray, right: np.ndarray, group: np.ndarray, identity: np.ndarray
) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of the pairs (left, right) and of all pairs within groups; cards of unknown identity
    (null) are left out."""
    code = pd.factorize(identity)[0].astype(np.int64)
    known = code >= 0
    true = _within(code[known])
    judged = known[left] & known[right]
    hit = int((code[left] == code[right])[judged].sum())
    joint = np.unique(np.stack([group[known], code[known]], axis=1), axis=0, return_inverse=True)[1]
    return {
        "pairs": _scores(hit, int(judged.sum()), true),
        "groups": _scores(_within(joint.ravel()), _within(group[known]), true),
    }


def _within(label: np.ndarray) -> int:
    """Number of unordered pairs with equal labels, int [n] from 0."""
    sizes = np.bincount(label).astype(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())


def _scores(hit: int, said: int, true: int) -> dict[str, float]:
    f1 = 2 * hit / (said + true) if said + true else 0.0
    return {"precision": hit / said if said else 0.0, "recall": hit / true if true else 0.0, "f1": f1}


def match_file(
    path: Path, out: Path, settings: dict[str, Any], truth: str | None = None, scorer: Scorer | None = None
) -> dict[str, Any]:
    """Match the cards of `path` into the folder `out`; `settings` are keys of MatchConfig. Returns the report."""
    try:
        config = MatchConfig.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        raise GoodsError(f"--{str(first['loc'][-1]).replace('_', '-')}: {first['msg']}") from None
    cards = read_catalogue(path, truth)
    out.mkdir(parents=True, exist_ok=True)  # before the work: where it cannot be, nothing need be matched
    pairs, groups, report = match(cards, config, scorer)
    write_parquet(out / "pairs.parquet", pairs)
    write_parquet(out / "groups.parquet", groups)
    write_json(out / "report.json", report)
    say(f"match: {len(pairs)} pairs, {report['groups']} groups of two or more among {len(groups)} cards")
    if refused := report["kept_apart_by_max_group"]:
        say(
            f"match: {refused} times two groups that belong together would have outgrown {config.max_group} cards and "
            "were kept apart; raise --threshold if groups look too large, --max-group if they are right"
        )
    return report
