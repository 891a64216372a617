"""A contest is added by one file: its reader reads, its COMPETITION says the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import competition_config
from table_contests import options_of

import goods.competitions
from goods.competitions.loading import competition_of, load_competition, readers
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.prepare.stage import prepare
from goods.submit.prediction import predict_file

BOOKS = '''"""A bookshop: isbn, name, rubric.

reads: train.parquet test.parquet
"""

from pathlib import Path

import pandas as pd

from goods.cards.table import TEXT_FIELDS, Issues
from goods.competitions.base import Competition
from goods.competitions.raw import Raw, clip_text, integer_ids, read_table, require_disjoint, require_unique
from goods.competitions.submission import ClassIds

COLUMNS = {"isbn": "int", "name": "str"}


def cards_of(frame: pd.DataFrame, path: Path, split: str, issues: Issues) -> pd.DataFrame:
    cards = pd.DataFrame({"product_id": integer_ids(frame, "isbn", path), "split": split})
    require_unique(cards.product_id, "isbn", path)
    cards["title"] = frame.name.fillna("").astype("str")
    cards["description"] = cards["attributes"] = cards["shop"] = ""
    cards["sale"] = False
    clip_text(cards, TEXT_FIELDS, issues)
    return cards


def read(data: Path) -> Raw:
    issues, files = Issues(), {split: data / f"{split}.parquet" for split in ("train", "test")}
    known = read_table(files["train"], COLUMNS | {"rubric": "int"})
    train = cards_of(known, files["train"], "train", issues)
    train["category_id"] = integer_ids(known, "rubric", files["train"])
    test = read_new(files["test"], issues).assign(category_id=-1)
    require_disjoint(train.product_id, test.product_id, "isbn", *files.values())
    return Raw(pd.concat([train, test], ignore_index=True), {}, issues)


def read_new(path: Path, issues: Issues) -> pd.DataFrame:
    return cards_of(read_table(path, COLUMNS), path, "test", issues)


COMPETITION = Competition(read, ClassIds("isbn", "rubric"), read_new=read_new)
'''
PLANTS = '''"""Plants: light and water of each, from its name; some known of neither."""

from pathlib import Path

import pandas as pd

from goods.cards.table import Issues
from goods.competitions.base import Competition
from goods.competitions.raw import Raw, read_table
from goods.competitions.submission import Attributes

TARGETS = {"light": ("shade", "sun"), "water": ("little", "some", "much")}


def read(data: Path) -> Raw:
    parts = [
        read_table(data / f"{split}.parquet", {"plant": "int", "name": "str"}, dict.fromkeys(TARGETS, "str"))
        .assign(split=split)
        for split in ("train", "test")
    ]
    cards = pd.concat(parts, ignore_index=True).rename(columns={"plant": "product_id", "name": "title"})
    cards = cards.rename(columns={name: f"target_{name}" for name in TARGETS})
    cards["description"] = cards["attributes"] = cards["shop"] = ""
    return Raw(cards.assign(sale=False), {}, Issues(), TARGETS)


COMPETITION = Competition(read, Attributes("plant"))
'''


@pytest.fixture
def add_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a file beside the readers there are, for one test."""
    folder = tmp_path / "readers"
    folder.mkdir()
    monkeypatch.setattr(goods.competitions, "__path__", [*goods.competitions.__path__, str(folder)])
    monkeypatch.setattr(
        goods.competitions.__spec__, "submodule_search_locations", goods.competitions.__path__
    )
    # the graph of imports is of the package's own folder
    monkeypatch.setattr("goods.prepare.stage.code_hash", lambda *modules: "")

    def add(name: str, text: str) -> None:
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        readers.cache_clear()

    yield add
    readers.cache_clear()


def write_splits(data: Path, table: Callable[[int, int], pd.DataFrame]) -> None:
    data.mkdir()
    table(0, 150).to_parquet(data / "train.parquet", index=False)
    table(1000, 30).iloc[:, :2].to_parquet(data / "test.parquet", index=False)  # answers stand last


def books(start: int, n: int) -> pd.DataFrame:
    kinds = np.arange(n) % 3
    words = np.array([["роман", "любовь"], ["атлас", "карта"], ["рецепты", "кухня"]])
    names = [f"{words[k][i // 3 % 2]} том {i % 7}" for i, k in enumerate(kinds)]
    return pd.DataFrame({"isbn": np.arange(start, start + n), "name": names, "rubric": 10 * (kinds + 1)})


def test_one_file_takes_a_contest_from_raw_files_to_a_result(tmp_path, add_reader):
    add_reader("books", BOOKS)
    write_splits(tmp_path / "data", books)
    options = options_of(tmp_path, "books", tmp_path / "data", metric="accuracy")
    assert run_all("books", options).startswith(
        f"result: {tmp_path}/out/books/result.parquet rows=30 accuracy="
    )
    table, test = (
        pd.read_parquet(f) for f in (tmp_path / "out/books/result.parquet", tmp_path / "data/test.parquet")
    )
    assert list(table.columns) == ["isbn", "rubric"]
    assert table.isbn.tolist() == test.isbn.tolist() and (table.rubric == books(1000, 30).rubric).mean() > 0.9
    ws, competition = Workspace(tmp_path / "work", "books"), load_competition("books", options.configs)
    predict_file(ws, competition, "stack", tmp_path / "data" / "test.parquet", None, tmp_path / "new.parquet")
    assert pd.read_parquet(tmp_path / "new.parquet").rubric.tolist() == table.rubric.tolist()


def plants(start: int, n: int) -> pd.DataFrame:
    light, water = np.arange(n) % 2, np.arange(n) % 3
    names = [
        f"{('тень', 'солнце')[a]} {('кактус', 'фикус', 'лотос')[b]} {i % 5}"
        for i, (a, b) in enumerate(zip(light, water, strict=True))
    ]
    told = pd.DataFrame({"plant": np.arange(start, start + n), "name": names})
    told["light"] = np.array(["shade", "sun"])[light]
    told["water"] = np.where(np.arange(n) % 5 > 0, np.array(["little", "some", "much"])[water], None)
    return told


def test_a_contest_of_several_attributes_needs_no_more(tmp_path, add_reader):
    add_reader("plants", PLANTS)
    write_splits(tmp_path / "data", plants)
    options = options_of(tmp_path, "plants", tmp_path / "data", metric="macro_f1", targets=["light", "water"])
    run_all("plants", options)
    table, test = (
        pd.read_parquet(f) for f in (tmp_path / "out/plants/result.parquet", tmp_path / "data/test.parquet")
    )
    assert list(table.columns) == ["plant", "light", "light_confidence", "water", "water_confidence"]
    assert (
        table.plant.tolist() == test.plant.tolist() and (table.light == plants(1000, 30).light).mean() > 0.9
    )
    compared = (tmp_path / "out/plants/comparison.md").read_text(encoding="utf-8")
    assert "light" in compared and "water" in compared
    ws, competition = Workspace(tmp_path / "work", "plants"), load_competition("plants", options.configs)
    with pytest.raises(GoodsError, match="plants: new cards of this competition cannot be labelled"):
        predict_file(
            ws, competition, "stack", tmp_path / "data" / "test.parquet", None, tmp_path / "new.parquet"
        )


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ((), "there are light, water; name those to predict as targets in competition.yaml"),
        (("light", "soil"), "no attribute 'soil', there are light, water"),
    ],
)
def test_attributes_that_the_reader_and_the_competition_disagree_on_are_told(
    tmp_path, add_reader, targets, message
):
    add_reader("plants", PLANTS)
    write_splits(tmp_path / "data", plants)
    config = competition_config(name="plants", reader="plants", targets=targets)
    with pytest.raises(GoodsError, match=message):
        prepare(Workspace(tmp_path / "work", "plants"), config, tmp_path / "data")


def test_targets_of_a_contest_with_a_single_category_are_refused(tmp_path, add_reader):
    add_reader("books", BOOKS)
    write_splits(tmp_path / "data", books)
    config = competition_config(name="books", reader="books", targets=("light",))
    with pytest.raises(GoodsError, match="no attribute 'light', its reader tells of a single category"):
        prepare(Workspace(tmp_path / "work", "books"), config, tmp_path / "data")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "def read(data): ...\n",
            r"reader odd: .*odd\.py has no COMPETITION; end it in COMPETITION = Competition",
        ),
        ("COMPETITION = {}\n", r"reader odd: COMPETITION of .*odd\.py is of type dict; end it in"),
        (
            BOOKS.replace('ClassIds("isbn", "rubric")', "ClassIds"),
            r"reader odd: submission of .*odd\.py is none of",
        ),
    ],
)
def test_a_reader_s_file_that_is_not_whole_is_told_of(add_reader, monkeypatch, text, message):
    monkeypatch.delitem(sys.modules, "goods.competitions.odd", raising=False)
    add_reader("odd", text)
    with pytest.raises(GoodsError, match=message):
        competition_of(competition_config(reader="odd"))
