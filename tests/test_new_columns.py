"""Files of new cards whose columns are called otherwise than the competition's."""

from __future__ import annotations

from pathlib import Path

import pytest
from table_contests import SECTIONS, config_of

from goods.competitions.loading import competition_of
from goods.core.errors import GoodsError


def test_new_cards_are_to_be_mended_and_not_the_competition(tmp_path: Path) -> None:
    reader = competition_of(config_of(SECTIONS["columns_of_levels"]))
    path = tmp_path / "new.csv"
    path.write_text("id,naem,colour,brand\n1,кружка,белый,луг\n", encoding="utf-8")
    with pytest.raises(GoodsError, match=r"new\.csv: no column 'name' \(table\.title; .*'naem'") as refused:
        list(reader.tables(path))
    assert "new cards" in str(refused.value) and "competition.yaml" not in str(refused.value)
