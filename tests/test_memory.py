"""What `prepare` holds of texts as Python strings at one time: a batch of cards, not all of them."""

import json
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest

from goods.cards.rawtext import normalise
from goods.cards.table import Issues
from goods.competitions.kazanexpress2023 import cards_of

CARDS, SIGNS = 12_000, 600


@pytest.fixture
def most():
    """The most bytes of Python objects that a call holds at a time, beyond what there was."""

    def measured(call, *args) -> int:
        tracemalloc.start()
        call(*args)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    return measured


def test_cells_are_parsed_batch_by_batch(most):
    cell = json.dumps({"title": "t", "description": "d" * SIGNS, "attributes": [], "filters": {}})
    ids = pd.Series(range(CARDS))
    frame = pd.DataFrame({"product_id": ids, "text_fields": cell, "shop_title": "s", "sale": False})
    frame["text_fields"] = frame.text_fields.astype("str")
    assert most(cards_of, frame, Path("train.parquet"), "train", Issues()) < CARDS * SIGNS


def test_only_texts_that_look_odd_leave_the_column(most):
    texts = pd.Series(["d" * SIGNS] * CARDS, dtype="str")
    texts.iloc[[7, 9]] = ["a\u00adb", "ﬁ"]
    cards = pd.DataFrame({"product_id": range(CARDS), "description": texts})
    assert most(normalise, cards, Issues()) < CARDS * SIGNS / 2
    assert cards.description.iloc[[6, 7, 9]].tolist() == ["d" * SIGNS, "ab", "fi"]
    assert cards.description.dtype == "str"
