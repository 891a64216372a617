"""New cards as a reader takes them, their photos, and what was odd about them.

reads: a parquet or csv file in the competition's test format, a folder of photos
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from goods.cards.photo_files import find_photos
from goods.cards.photos import usable
from goods.cards.rawtext import normalise
from goods.cards.table import Issues
from goods.competitions.arrow import readable
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import write_parquet
from goods.core.errors import GoodsError
from goods.core.log import say

LAYOUT = "it has to hold photos named by id, such as images/test/<id>.jpg, or a zip of them"
SHOWN = 5  # kinds of input problems that are named


def read_new_cards(
    path: Path, competition: CompetitionConfig, images: Path | None, issues: Issues
) -> pd.DataFrame:
    """Card rows of a raw file without answers; photos are looked up in `images` as those of the test split."""
    cards = read_rows(path, competition, issues)
    normalise(cards, issues)
    found = {} if images is None else photos_of(images, cards, issues)
    cards["image"] = pd.Series([found.get(int(p)) for p in cards.product_id], index=cards.index, dtype="str")
    cards["target"] = -1
    unread = (cards[["title", "description", "attributes"]] == "").all(axis=1)
    for product_id in cards.product_id[unread]:
        issues.add(product_id, "text", "no text was read", "labelled all the same, as sure as the model is")
    return cards


def read_rows(path: Path, competition: CompetitionConfig, issues: Issues) -> pd.DataFrame:
    """The rows of `path` as the reader gives them."""
    read = competition_of(competition).read_new
    if read is None:
        raise GoodsError(
            f"{competition.name}: new cards of this competition cannot be labelled; its reader has no read_new"
        )
    if not path.is_file():
        raise GoodsError(f"{path}: no such file; name a parquet or csv file of cards")
    if path.suffix.lower() != ".csv":
        return read(path, issues)
    with tempfile.TemporaryDirectory(prefix="goods-csv-") as folder:
        table = Path(folder) / f"{path.stem}.parquet"
        from_csv(path, table)
        try:
            return read(table, issues)
        except GoodsError as error:
            raise GoodsError(str(error).replace(str(table), str(path))) from None


def from_csv(path: Path, table: Path) -> None:
    """The columns of a csv file as a parquet file, all as texts, which readers read; empty cells are null."""
    if not path.is_file():
        raise GoodsError(f"{path}: no such file; name a parquet or csv file of cards")
    with readable(path, "not a readable csv file", "save it as UTF-8 with commas between columns"):
        parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
        with pyarrow.csv.open_csv(path, parse_options=parsing) as opened:
            types = dict.fromkeys(opened.schema.names, pa.string())
        as_text = pyarrow.csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, null_values=[""], quoted_strings_can_be_null=True
        )
        pq.write_table(pyarrow.csv.read_csv(path, parse_options=parsing, convert_options=as_text), table)


def photos_of(images: Path, cards: pd.DataFrame, issues: Issues) -> dict[int, str]:
    """product_id → reference of the photos below `images` that can be read; GoodsError where there is none."""
    ids = {"test": cards.product_id.tolist()}
    found = find_photos(images, ids)
    good = usable(images, found, ids, issues, "labelled without a photo")
    if not found.refs:
        raise GoodsError(f"--images {images}: holds no photo of any of the {len(cards)} cards; {LAYOUT}")
    say(f"predict: {found.summary(len(good), len(cards))}")
    return good


def write_issues(out: Path, issues: Issues) -> None:
    """<out>.issues.parquet, and a line that counts what is in it; of no problems, no file."""
    path = out.with_suffix(".issues.parquet")
    if not issues.rows:
        path.unlink(missing_ok=True)
        return
    write_parquet(path, issues.table())
    kinds = Counter(f"{field}: {problem}" for _, field, problem, _ in issues.rows).most_common()
    named = "; ".join(f"{kind} {n:,}" for kind, n in kinds[:SHOWN])
    cards = len({product_id for product_id, *_ in issues.rows})
    say(f"predict: {len(issues.rows):,} input problems of {cards:,} cards noted in {path} ({named})")
