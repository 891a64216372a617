"""Files of new cards whose columns are called otherwise than the competition's."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from table_contests import SECTIONS, config_of

from goods.competitions.arrow import columns_of, told
from goods.competitions.csv_files import csv_blocks
from goods.competitions.loading import competition_of
from goods.core.errors import GoodsError


def test_new_cards_are_to_be_mended_and_not_the_competition(tmp_path: Path) -> None:
    reader = competition_of(config_of(SECTIONS["columns_of_levels"]))
    path = tmp_path / "new.csv"
    path.write_text("id,naem,colour,brand\n1,кружка,белый,луг\n", encoding="utf-8")
    with pytest.raises(GoodsError, match=r"new\.csv: no column 'name' \(table\.title; .*'naem'") as refused:
        list(reader.tables(path))
    assert "new cards" in str(refused.value) and "competition.yaml" not in str(refused.value)


def test_separators_without_end_make_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("id,title,,\n1,a,,\n2,b,x,\n", encoding="utf-8")
    cards = pa.concat_tables(csv_blocks(path))
    assert cards.to_pydict() == {"id": ["1", "2"], "title": ["a", "b"]}
    path.write_text("id,title,,\n1,a,,y\n2,b,x,\n", encoding="utf-8")
    with pytest.raises(
        GoodsError, match=r"several columns without a name; give each one \(they are columns 3, 4\)"
    ):
        list(csv_blocks(path))


def test_a_column_without_a_name_is_told_by_its_number(tmp_path: Path) -> None:
    assert told(["id", "", "text"]) == "id, column 2 without a name, text"
    path = tmp_path / "new.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 3, ["", "id", ""]), path)
    with pytest.raises(
        GoodsError, match=r"new\.parquet: there are several columns without a name; .+ columns 1, 3"
    ):
        columns_of(path)
