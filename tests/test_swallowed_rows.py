"""CSV files whose quotes, bytes or encodings would cost rows without a word."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest
from test_dialect import NOTHING_SAID

from goods.competitions.table_files import Table, files_of
from goods.core.errors import GoodsError
from goods.submit.raw_batches import raw_batches

HEADER = "sku,name,kind"


def rows(n: int, width: int = 0) -> list[str]:
    return [f"{1000 + i},кружка {i} {'x' * width},{i % 2}" for i in range(n)]


def csv_file(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
    return path


def frame_of(path: Path, format_=NOTHING_SAID) -> pd.DataFrame:
    return Table((path,), format_).frame(HEADER.split(","))


def opened_and_closed(folder: Path) -> Path:
    """A quote that begins a cell, and one behind a number of inches some rows later."""
    lines = rows(40)
    lines[10], lines[15] = '1010,"кружка без конца,0', '1015,экран 24",1'
    return csv_file(folder / "cards.csv", lines)


def test_rows_within_a_cell_are_refused_with_the_row_where_they_begin(tmp_path):
    path = opened_and_closed(tmp_path)
    with pytest.raises(
        GoodsError, match="row 10: 'name' holds what looks like 5 more rows, from '1011,кружка 11 ,1'"
    ):
        frame_of(path)
    with pytest.raises(GoodsError, match=r"row 10: 'name' holds .*; double the quotes within cells$"):
        list(raw_batches(path, 100, tmp_path))


@pytest.mark.parametrize(
    "line",
    [
        '"1010","кружка без конца,"0"',
        '"1010","кружка, ещё одна","0',
        '"1010,"кружка","0"',
        '"1010","экран 24" и, больше","0"',
    ],
)
@pytest.mark.parametrize("ending", ["", "\n\n"])
def test_where_all_cells_are_within_quotes_the_row_of_the_one_that_is_open_is_told(tmp_path, line, ending):
    lines = ['"' + line.replace(",", '","').replace("кружка ", "кружка, ") + '"' for line in rows(40)]
    lines[10] = line
    path = tmp_path / "cards.csv"
    path.write_text("\n".join(['"sku","name","kind"', *lines]) + ending, encoding="utf-8")
    with pytest.raises(GoodsError, match=r"cards\.csv: row 10: a quote is opened and not closed"):
        frame_of(path)


def test_quotes_that_are_said_are_believed(tmp_path):
    path = opened_and_closed(tmp_path)
    assert len(frame_of(path, NOTHING_SAID.model_copy(update={"quote": '"'}))) == 35
    assert len(frame_of(path, NOTHING_SAID.model_copy(update={"quote": ""}))) == 40


def test_rows_within_a_cell_are_refused_behind_what_is_looked_at_first(tmp_path):
    lines = rows(6000, width=50)
    lines[5000], lines[5300] = '6000,"кружка,0', '6300,"чашка,1'
    with pytest.raises(GoodsError, match="row 5000: 'name' holds what looks like 300 more rows"):
        frame_of(csv_file(tmp_path / "cards.csv", lines))


def test_texts_of_several_lines_with_commas_are_texts(tmp_path):
    lines = rows(40)
    lines[3] = '1003,"белая\n1004, 2 штуки",1'  # begins as another row does
    lines[4] = '1004,"белая\nсиняя, красная",1'
    lines[5] = '1005,"белая\n\n5, 6\n7,8",1'
    frame = frame_of(csv_file(tmp_path / "cards.csv", lines))
    assert len(frame) == 40 and frame.name[4] == "белая\nсиняя, красная"


@pytest.mark.parametrize("name", ["cards.csv.gz", "cards.jsonl.gz"])
def test_damaged_packed_files_are_told(tmp_path, name):
    text = (
        "\n".join([HEADER, *rows(9000)])
        if "csv" in name
        else '{"sku": 1, "name": "кружка", "kind": 1}\n' * 9000
    )
    packed = bytearray(gzip.compress(text.encode()))
    packed[300:400] = b"\xff" * 100
    (tmp_path / name).write_bytes(packed)
    with pytest.raises(GoodsError, match=r"cards\.\w+\.gz: "):
        frame_of(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_found_out(tmp_path, encoding):
    path = tmp_path / "cards.csv"
    path.write_bytes("\n".join([HEADER, *rows(40)]).encode(encoding))
    assert frame_of(path).name[1] == "кружка 1 "


@pytest.mark.parametrize(
    "table", ['{"sku": {"0": 1}, "name": {"0": "a"}}', '{"sku": [1, 2], "name": ["a", "b"]}']
)
def test_json_of_columns_is_refused(tmp_path, table):
    path = tmp_path / "cards.json"
    path.write_text(table)
    with pytest.raises(
        GoodsError, match=r"cards.json: an object for each column in place of one for each card"
    ):
        Table((path,), NOTHING_SAID).frame(["sku"])


def test_a_pattern_from_the_root_is_no_file(tmp_path):
    with pytest.raises(GoodsError, match="no such file"):
        files_of(tmp_path, "/etc/*.csv", "files.train")


def test_names_of_columns_among_the_rows_are_no_card(tmp_path, capsys):
    path = csv_file(tmp_path / "cards.csv", [*rows(20), HEADER, *rows(5)])
    frame = frame_of(path)
    assert len(frame) == 25 and "sku" not in set(frame.sku)
    assert "cards.csv: 1 row of the names of the columns left out" in capsys.readouterr().err
