"""Classes that files have as flags or floats are submitted as such: a contest that compares finds no "true" equal to
True."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from table_contests import config_of, prepared

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.competitions import table_classes
from goods.competitions.loading import competition_of
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.prepare.prepared import parts
from goods.submit.elsewhere import checked_file

SECTION = {"files": {"train": "train.parquet", "test": "test.parquet"}, "id": "sku", "title": "name"}
ONE = {**SECTION, "target": "new", "submission": {"csv": True}}
SEVERAL = {**SECTION, "target": ["new", "size", "day", "code"]}


def write_files(folder: Path) -> Path:
    train = pd.DataFrame(
        {
            "sku": range(4),
            "name": ["чайник", "стол", "нож", "стул"],
            "new": [True, False, True, None],
            "size": [36.5, 37, 37, 36.5],
            "day": pd.to_datetime(["2020-01-01", "2021-01-01"] * 2),
            "code": [1.0, 2.0, None, 2.0],
            "week": [date(2020, 1, 6), date(2021, 1, 4), None, date(2021, 1, 4)],
            "hour": pd.to_datetime(["2020-07-01T12:00", "2021-01-01T12:30", None, None]).tz_localize(
                "Europe/Moscow"
            ),
        }
    )
    train.to_parquet(folder / "train.parquet")
    train[["sku", "name"]].iloc[:2].assign(sku=[10, 11]).to_parquet(folder / "test.parquet")
    return folder


def answers(ws, config) -> tuple[pd.DataFrame, list, pd.DataFrame]:
    """The last class for the first test card, the first for the second; what is said, and the test rows."""
    rows = select(load_cards(ws), "test")
    said = []
    for space, _ in parts(ws, config):
        labels = Labels.load(space)
        classes = np.array([[labels.n_classes - 1], [0]], np.int32)
        one = Predictions(rows.product_id.to_numpy(), classes, np.ones((2, 1), np.float32))
        said.append((space.attribute, labels, one))
    return competition_of(config).submission.table(rows, said), said, rows


def test_flags_and_floats_are_submitted_as_the_train_file_has_them(tmp_path):
    config = config_of(SEVERAL)
    _, ws = prepared(tmp_path, write_files(tmp_path), SEVERAL)
    table, said, rows = answers(ws, config)
    days = str(pd.read_parquet(tmp_path / "train.parquet").day.dtype)
    assert [str(dtype) for dtype in table.dtypes] == ["int64", "bool", "float64", days, "int64"]
    assert table.new.tolist() == [True, False] and table["size"].tolist() == [37, 36.5]
    competition_of(config).submission.check(table, rows, said)


def test_classes_that_are_texts_by_their_column_s_type_are_not_looked_at_one_by_one(monkeypatch):
    monkeypatch.setattr(table_classes, "is_nothing", None)
    frame = pd.DataFrame({"new": pd.Series(["0.5", None], dtype="str")})
    assert table_classes.kinds_of(frame, config_of(ONE).table) == {}


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_flags_of_a_file_are_checked_as_flags(tmp_path, suffix):
    config = config_of(ONE)
    _, ws = prepared(tmp_path, write_files(tmp_path), ONE)
    table, *_ = answers(ws, config)
    for new, wrong in (
        (table.new, None),
        (["true", "false"], "is str, expected bool; write the contest's classes as true and false, such as"),
        ([1, 0], "new of row 0 is 1, expected a class such as False"),
        ([True, None], "new of row 1 is empty, expected a class such as False"),
    ):
        if suffix == ".csv" and isinstance(new, list) and new[0] == "true":
            wrong = None  # a file without types
        path, other = tmp_path / f"other{suffix}", table.assign(new=new)
        other.to_parquet(path) if suffix == ".parquet" else other.to_csv(path, index=False)
        if wrong is None:
            checked_file(ws, config, path)
            continue
        with pytest.raises(GoodsError, match=wrong):
            checked_file(ws, config, path)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize("column", ["day", "week", "hour"])
def test_dates_are_submitted_and_checked_as_such(tmp_path, column, suffix):
    section = {**ONE, "target": column}
    config, days = config_of(section), pd.read_parquet(write_files(tmp_path) / "train.parquet")[column]
    _, ws = prepared(tmp_path, tmp_path, section)
    table, *_ = answers(ws, config)
    assert table[column].tolist() == [days.max(), days.min()] and Labels.load(ws).n_classes == 2
    path = tmp_path / f"other{suffix}"

    def written(rows: pd.DataFrame) -> Path:
        rows.to_parquet(path) if suffix == ".parquet" else rows.to_csv(path, index=False)
        return path

    assert len(checked_file(ws, config, written(table))) == 2
    with pytest.raises(
        GoodsError, match=f"{column} of row 0 is '2019-05-05', expected a class such as '2020-"
    ):
        checked_file(ws, config, written(table.assign(**{column: "2019-05-05"})))


@pytest.mark.parametrize("column", ["sku", "new"])
def test_bytes_that_are_no_text_are_told_and_no_id_or_class_is_made_of_them(tmp_path, column):
    """Two cells of cp1251 were one class of replacement signs."""
    data = write_files(tmp_path)
    for split in ("train", "test"):
        table = pd.read_parquet(data / f"{split}.parquet")
        if column in table:
            table[column] = [f"{word}{row}".encode("cp1251") for row, word in enumerate(table["name"])]
            table.to_parquet(data / f"{split}.parquet")
    where = rf"\.parquet: row 0: '{column}' b'.*' is not in UTF-8; write that column as text"
    with pytest.raises(GoodsError, match=where):
        prepared(tmp_path, data, ONE)
