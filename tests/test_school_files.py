"""The school's files: what is wrong with them is one message, of every real row something is read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import SHARED
from school import printed_array

from goods.cards.labels import Labels
from goods.competitions.submission import Attributes
from goods.competitions.wildberries import ATTRIBUTES, read_school
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "wb_school_test.parquet").unlink(), r"wb_school_test\.parquet: missing; put"),
        (lambda f: one_sex(f), r"attributes sex \(of 1 class\), .*\(of 0 classes\)"),
        (lambda f: twice(f), r"nm 1000 occurs more than once"),
        (lambda f: in_both(f), r"nm 1000 is in wb_school_train\.parquet and in wb_school_test\.parquet"),
    ],
)
def test_bad_files_end_with_one_message(tmp_path, school, attributes, break_it, message):
    break_it(school)
    with pytest.raises(GoodsError, match=message):
        prepare(Workspace(tmp_path / "work", "wildberries"), attributes, school)


def one_sex(folder):
    path = folder / "wb_school_train.parquet"
    frame = pd.read_parquet(path)
    frame["characteristics"] = [printed_array([{"charcName": "Пол", "charcValues": ["Мужской"]}])] * len(
        frame
    )
    frame.to_parquet(path, index=False)


def in_both(folder):
    train_rows = pd.read_parquet(folder / "wb_school_train.parquet")
    test_rows = pd.read_parquet(folder / "wb_school_test.parquet")
    pd.concat([test_rows, train_rows[:1]]).to_parquet(folder / "wb_school_test.parquet", index=False)


def twice(folder):
    path = folder / "wb_school_train.parquet"
    frame = pd.read_parquet(path)
    pd.concat([frame, frame[:1]]).to_parquet(path, index=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="sex_confidence"), "column 'sex_confidence' is missing"),
        (lambda t: t.assign(sex="для всех"), "is no class of sex"),
        (lambda t: t.assign(sex_confidence=2.0), "outside 0 … 1"),
        (lambda t: t[1:], "not exactly those"),
        (lambda t: t.assign(nm=t.nm.astype(str)), "expected int64"),
    ],
)
def test_a_wrong_submission_is_refused(change, message):
    good = pd.DataFrame({"nm": [1, 2], "sex": ["для детей", "для женщин"], "sex_confidence": [0.5, 1.0]})
    rows = pd.DataFrame({"product_id": [1, 2]})
    labels = Labels([0, 1], [("для женщин",), ("для детей",)], [("0",), ("1",)])
    said = [("sex", labels, Predictions(*(np.empty(0) for _ in range(3))))]
    Attributes("nm").check(good, rows, said)
    with pytest.raises(GoodsError, match=message):
        Attributes("nm").check(change(good), rows, said)


@pytest.mark.skipif(
    not (SHARED / "competitions" / "fashion_attributes").is_dir(), reason="no real cards here"
)
def test_every_real_row_of_both_serialisations_is_read():
    raw = read_school(SHARED / "competitions" / "fashion_attributes")
    assert not raw.issues.rows
    assert len(raw.cards) == 9583
    assert (raw.cards.attributes != "").all()
    known = {name: int(raw.cards[f"target_{name}"].notna().sum()) for name in ATTRIBUTES}
    assert min(known.values()) > 2600
