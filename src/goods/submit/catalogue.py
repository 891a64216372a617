"""A file of cards → which of them are one product.

reads:  a parquet file: product_id (or variantid, nm, id), title (or name), attributes if there; or one in the
        test format of a contest
writes: pairs.parquet (product_id1 < product_id2 int64, score float32, sorted) · groups.parquet (product_id int64, group
        int64: the smallest product_id of the group, size int32; every card once, in the file's order) · report.json
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from goods.cards.rawtext import normalise
from goods.cards.table import Issues
from goods.cards.text import MAX_CHARS, strip_html
from goods.competitions.arrow import columns_of, is_parquet, told
from goods.competitions.loading import new_card_readers
from goods.competitions.raw import integer_ids, read_table, require_unique
from goods.config.refusals import refusals, shown
from goods.core.artifacts import write_json, write_parquet
from goods.core.errors import GoodsError, SeveralErrors
from goods.core.log import say
from goods.core.wording import count
from goods.matching.catalogue import MatchConfig, match
from goods.matching.handmade import Scorer

IDS = ("product_id", "variantid", "nm", "id")
TITLES = ("title", "name")
ATTRIBUTES = ("attributes", "characteristic_attributes_mapping")


def read_catalogue(path: Path, truth: str | None = None) -> pd.DataFrame:
    """product_id int64, title str ("" where null), attributes str if there, and `truth` as the column `identity`."""
    if path.is_dir():
        raise GoodsError(f"{path}: a folder, expected a parquet file of cards")
    if not path.is_file():
        raise GoodsError(f"{path}: no such file; name a parquet file of cards")
    if not is_parquet(path):
        raise GoodsError(
            f"{path}: not a parquet file; a catalogue is read from parquet files; write it as one"
        )
    names = columns_of(path)
    if not set(TITLES) & set(names) and (read := read_by_contest(path)) is not None:
        return with_identity(read, path, truth)
    id_, title = _one_of(path, names, IDS), _one_of(path, names, TITLES)
    extra = next((column for column in ATTRIBUTES if column in names), None)
    table = read_table(path, {id_: "int", title: "str"}, {extra: "any"} if extra else None)
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
    normalise(cards, Issues())
    return with_identity(cards, path, truth)


def with_identity(cards: pd.DataFrame, path: Path, truth: str | None) -> pd.DataFrame:
    """The cards of `path` with its column `truth` as `identity`: null where it is null or an empty text."""
    if truth is None:
        return cards
    column = read_table(path, {truth: "any"})[truth]
    told = column.map(identity_text).astype("str").str.strip()
    identity = told.where(column.notna() & (told != ""))
    if not identity.dropna().duplicated().any():
        raise GoodsError(
            f"{path}: column {truth!r} has no value that two cards share, so nothing is there to be found; name "
            "another by --truth, or leave it out"
        )
    return cards.assign(identity=identity)


def identity_text(value: Any) -> str:
    """What can be compared: lists and the like cannot."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_by_contest(path: Path) -> pd.DataFrame | None:
    """product_id, title and attributes of a file in the test format of a contest; None where it is of none."""
    for read in new_card_readers():
        try:
            cards = read(path, Issues())[["product_id", "title", "attributes"]]
            normalise(cards, Issues())
            return cards
        except GoodsError:
            continue
    return None


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
        f"{path}: column {known[0]!r} is missing (it has {told(names)}); "
        f"rename a column to it or to {' or '.join(map(repr, known[1:]))}"
    )


def match_file(
    path: Path, out: Path, settings: dict[str, Any], truth: str | None = None, scorer: Scorer | None = None
) -> dict[str, Any]:
    """Match the cards of `path` into the folder `out`; `settings` are keys of MatchConfig. Returns the report."""
    try:
        config = MatchConfig.model_validate(settings)
    except ValidationError as error:
        found = refusals(error, settings)
        lines = (f"--{one.key[-1].replace('_', '-')} {shown(one.value)}: {one.why}" for one in found)
        raise SeveralErrors(*lines) from None
    cards = read_catalogue(path, truth)
    out.mkdir(parents=True, exist_ok=True)  # before the work: where it cannot be, nothing need be matched
    pairs, groups, report = match(cards, config, scorer)
    write_parquet(out / "pairs.parquet", pairs)
    write_parquet(out / "groups.parquet", groups)
    write_json(out / "report.json", report)
    merged = f"{count(report['groups'], 'group')} of two or more among {count(len(groups), 'card')}"
    say(f"match: {count(len(pairs), 'pair')}, {merged}")
    if nameless := report["empty_titles"]:
        having = count(nameless, "card has", "cards have")
        say(
            f"warning: {having} no title, by which most pairs are found; look whether the right column is read"
        )
    if refused := report["kept_apart_by_max_group"]:
        say(
            f"match: {refused} times two groups that belong together would have outgrown {config.max_group} cards and "
            "were kept apart; raise --threshold if groups look too large, --max-group if they are right"
        )
    return report
