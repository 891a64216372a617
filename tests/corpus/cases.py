"""A case: bad inputs of one format made by a seed, given to what reads them, and what has to be true of the outcome."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from batches_of_cards import read_new_cards

from corpus import shops
from corpus.files import bad_archive, bad_file, bad_photos, bad_tree, csv_of
from corpus.tables import CHANGES, write
from goods.cards.table import Issues
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.matching.blocking import BlockingConfig
from goods.matching.catalogue import MatchConfig, match
from goods.metrics.evaluation import METRICS
from goods.prepare.stage import prepare
from goods.submit.catalogue import read_catalogue

Dice = random.Random
TARGETS = {"wildberries": ("sex", "age_restrictions", "season", "fragility")}
METRIC = {"wildberries": "macro_f1", "ozon": "pr_auc_prefix", "kazanexpress2022": "hierarchical_f1"}
IDS = ("product_id", "id", "nm", "variantid")
TEXT = ["title", "description", "attributes", "shop"]
LONGEST = 1_500  # signs of a message


@dataclass(frozen=True)
class Outcome:
    """`refusal`: the message of a GoodsError, None where the input was read; `notes`: input problems noted."""

    refusal: str | None
    notes: int


@cache
def good(name: str) -> shops.Files:
    return shops.CONTESTS[name]()


def config_of(name: str, unreadable: float) -> CompetitionConfig:
    return CompetitionConfig(
        name=name,
        reader=name,
        data="nowhere",
        metric=METRIC.get(name, "weighted_f1"),
        targets=TARGETS.get(name, ()),
        max_unreadable=unreadable,
    )


def changed(dice: Dice, table: pa.Table, times: int) -> pa.Table:
    for _ in range(times):
        try:
            table = dice.choice(CHANGES)(dice, table)
        except pa.ArrowException:  # what Arrow itself cannot hold
            continue
    return table


def write_bad(dice: Dice, name: str, folder: Path) -> None:
    """The files of contest `name` with one to three faults."""
    files = dict(good(name))
    tables = [file for file, content in files.items() if isinstance(content, pa.Table)]
    kinds = ["table"] * 8 + ["bytes"] * 3
    if "categories_tree.csv" in files:
        kinds += ["tree"] * 3 + ["no tree"]
    if any("images" in file for file in files):
        kinds += ["photos"] * 2 + ["archive"] * 2
    faults = dice.choices(kinds, k=dice.choice([1, 1, 1, 2, 3]))
    if "photos" not in faults:
        files = {file: content for file, content in files.items() if "images" not in file}
    for fault in faults:
        if fault == "table":
            file = dice.choice(tables)
            files[file] = changed(dice, files[file], dice.choice([1, 1, 2]))  # type: ignore[arg-type]
        elif fault == "tree":
            files["categories_tree.csv"] = bad_tree(dice)
        elif fault == "no tree":
            files.pop("categories_tree.csv", None)
    for file, content in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            (folder / file).write_bytes(content)
        else:
            write(dice, content, folder / file)
    if "bytes" in faults:
        bad_file(dice, dice.choice([path for file in files if (path := folder / file).is_file()]))
    if "photos" in faults:
        bad_photos(dice, folder)
    if "archive" in faults:
        bad_archive(dice, folder)


def rows_in(path: Path) -> int:
    parts = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    return sum(pq.ParquetFile(part).metadata.num_rows for part in parts)


def records_in(path: Path) -> int:
    """Of a csv file below its header, as Python's own reader has it."""
    csv.field_size_limit(10**9)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for row in csv.reader(file) if row) - 1


def ids_in(path: Path) -> set[int] | None:
    """Ids of a file as pyarrow reads them; None where they are no whole numbers."""
    if path.is_dir():
        return None
    schema = pq.ParquetFile(path).schema_arrow
    column = next((name for name in IDS if name in schema.names), None)
    if column is None or not pa.types.is_integer(schema.field(column).type):
        return None
    return set(pq.ParquetFile(path).read([column], use_pandas_metadata=False)[column].to_pylist())


def check_rows(cards: pd.DataFrame, issues: pd.DataFrame, path: Path) -> None:
    """All rows of a file are cards, each once, with texts that can be written, notes where they say nothing."""
    assert len(cards) == rows_in(path) and cards.product_id.is_unique
    known = ids_in(path)
    assert known is None or set(cards.product_id.tolist()) == known
    for field in TEXT:
        assert all(isinstance(text, str) and "\x00" not in text for text in cards[field])
        "".join(cards[field]).encode()
    untitled = set(cards.product_id[cards.title == ""].tolist())
    noted = set(issues.product_id[issues.field.isin(["title", "description", "text"])].tolist())
    assert untitled <= noted, untitled - noted
    with_photo = cards.image.notna()
    if with_photo.any():
        noted = set(issues.product_id[issues.field == "image"].tolist())
        assert set(cards.product_id[~with_photo].tolist()) <= noted


def run_contest(name: str, dice: Dice, folder: Path) -> int:
    data = folder / "data"
    data.mkdir()
    write_bad(dice, name, data)
    ws = Workspace(folder / "work", name)
    config = config_of(name, dice.choice([0.05, 1.0, 1.0]))
    prepare(ws, config, data)
    cards, issues = pd.read_parquet(ws.cards), pd.read_parquet(ws.issues)
    if name == "ozon":
        pairs = pd.read_parquet(ws.pairs)
        assert (pairs.split == "test").sum() == rows_in(data / "test_pairs_wo_target.parquet")
        left_out = (issues.action == "left out of the train pairs").sum()
        assert (pairs.split == "train").sum() + left_out == rows_in(data / "train_pairs.parquet")
        for split in ("train", "test"):
            known = ids_in(data / f"{split}_data.parquet")
            assert known is None or known <= set(cards.product_id.tolist())
    else:
        prefix = "wb_school_" if name == "wildberries" else ""
        for split in ("train", "test"):
            check_rows(cards[cards.split == split], issues, data / f"{prefix}{split}.parquet")
        if not config.targets:
            assert (cards.target[cards.split == "train"] >= 0).all()
    return len(issues)


def run_new_cards(name: str, dice: Dice, folder: Path) -> int:
    table = changed(dice, pa.table(shops.NEW[name](shops.TEST)), dice.choice([1, 1, 2, 3]))
    is_csv = dice.random() < 0.5
    path = folder / ("new.csv" if is_csv else "new.parquet")
    if is_csv:
        path.write_bytes(csv_of(dice, table))
    else:
        write(dice, table, path)
    if path.is_file() and dice.random() < 0.2:
        bad_file(dice, path)
    images = None
    if dice.random() < 0.3:
        images = folder / "photos"
        images.mkdir()
        bad_photos(dice, images)
        if dice.random() < 0.3:
            bad_archive(dice, images)
    issues = Issues()
    cards = read_new_cards(path, config_of(name, 0.05), images, issues)
    if is_csv:
        assert len(cards) == records_in(path) and cards.product_id.is_unique
    else:
        check_rows(cards, issues.table(), path)
    return len(issues.rows)


def run_catalogue(dice: Dice, folder: Path) -> int:
    rows = dice.choice(
        [shops.catalogue, partial(shops.rows_2023, shops.TRAIN), partial(shops.product_rows, shops.TRAIN)]
    )
    path = folder / "catalogue.parquet"
    write(dice, changed(dice, pa.table(rows()), dice.choice([1, 2, 3])), path)
    if path.is_file() and dice.random() < 0.2:
        bad_file(dice, path)
    cards = read_catalogue(path, dice.choice([None, None, "attributes", "price", "text_fields"]))
    assert len(cards) == rows_in(path) and cards.product_id.is_unique
    if dice.random() < 0.1:
        _, groups, _ = match(cards, MatchConfig(blocking=BlockingConfig()))
        assert groups.product_id.tolist() == cards.product_id.tolist()
    return 0


KINDS: dict[str, Callable[[Dice, Path], int]] = {
    **{name: partial(run_contest, name) for name in shops.CONTESTS},
    **{f"new cards of {name}": partial(run_new_cards, name) for name in shops.NEW},
    "catalogue": run_catalogue,
}


def run_case(seed: int, case: int, folder: Path) -> tuple[str, Outcome]:
    """Case number `case` in the empty `folder`: its kind and outcome. Raises what a reader may not raise, and
    AssertionError where an id is lost or a refusal of one mistake is more than one line."""
    kind = list(KINDS)[case % len(KINDS)]
    dice: Any = random.Random(f"{seed} {case}")
    try:
        return kind, Outcome(None, KINDS[kind](dice, folder))
    except GoodsError as error:
        message = str(error)
        assert message
        for line in error.lines:
            assert line and len(line.splitlines()) == 1 and len(line) <= LONGEST, message
        message.encode()
        return kind, Outcome(message, 0)


assert set(METRIC.values()) <= set(METRICS)
