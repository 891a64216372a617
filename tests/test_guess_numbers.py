"""Columns of numbers of which some cells hold none."""

from __future__ import annotations

import pandas as pd
import pytest

from goods.competitions.guess.columns import Column
from goods.competitions.guess.guess import Guess
from goods.competitions.guess.section import guess_beside


@pytest.mark.parametrize(("asked", "told"), [(6, True), (0, False)])
def test_cells_of_numbers_that_would_end_prepare_are_told_before(asked, told):
    cells = [f"{100 + i},50" for i in range(100 - asked)] + ["по запросу"] * asked
    made = Guess()
    guess_beside(made, [Column("price", pd.Series(cells))])
    assert made.section["numbers"] == ["price"]
    said = [line for line in made.warnings if "'price': about 6% of its cells are no numbers" in line]
    assert len(said) == told
