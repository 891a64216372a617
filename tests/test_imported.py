"""Predictions of other tools in a stack: joined by id, checked, and never asked of new cards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import small_configs

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.kept import Kept
from goods.core.predictions import Predictions
from goods.models.tabular.imported import suspicion
from goods.models.tabular.imported_files import read_predictions
from goods.report.experiments import experiment_row
from goods.stack.stage import stack
from goods.submit.predictor import Predictor
from goods.train.stage import train

LABELS = Labels([7, 8, 9], [("a",), ("b",), ("c",)], [("a",), ("b",), ("c",)])
INT = np.dtype(np.int64)
PROBA = np.float32([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])


def wide(ids=(2, 1), **changes) -> pd.DataFrame:
    table = pd.DataFrame({"product_id": ids, "7": PROBA[:, 0], "8": PROBA[:, 1], "9": PROBA[:, 2]})
    return table.assign(**changes)


def written(folder: Path, table: pd.DataFrame, suffix: str = ".parquet") -> Path:
    path = folder / f"said{suffix}"
    table.to_parquet(path, index=False) if suffix == ".parquet" else table.to_csv(path, index=False)
    return path


def long() -> pd.DataFrame:
    table = wide().melt("product_id", var_name="class", value_name="probability")
    return table[table.probability > 0.15].sample(frac=1, random_state=0)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_every_layout_says_the_same(tmp_path, suffix):
    named = wide().rename(columns={"7": "a", "8": "b", "9": "c"})
    for table in (wide(), named, wide()[["9", "product_id", "7", "8"]]):
        found = read_predictions(written(tmp_path, table, suffix), "product_id", LABELS, INT)
        assert found.aligned(np.array([1, 2])).dense(3) == pytest.approx(PROBA[::-1])
    found = read_predictions(written(tmp_path, long(), suffix), "product_id", LABELS, INT)
    assert found.aligned(np.array([2])).dense(3) == pytest.approx(PROBA[:1])
    assert found.aligned(np.array([1])).dense(3) == pytest.approx(np.float32([[0, 0, 1]]))  # scaled


def test_arrays_by_the_names_of_classes_or_their_indices(tmp_path):
    ids = np.array([2, 1])
    np.savez(
        tmp_path / "named.npz", product_id=ids, classes=np.array(["7", "9", "8"]), proba=PROBA[:, [0, 2, 1]]
    )
    np.savez(
        tmp_path / "own.npz",
        product_id=ids,
        classes=np.int32([[1, 0], [2, 0]]),
        proba=np.float32([[0.3, 0.7], [1, 0]]),
    )
    found = read_predictions(tmp_path / "named.npz", "product_id", LABELS, INT)
    assert found.aligned(ids).dense(3) == pytest.approx(PROBA)
    found = read_predictions(tmp_path / "own.npz", "product_id", LABELS, INT)
    assert found.aligned(ids).classes.tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize("layout", ["wide", "long", ".npz"])
def test_classes_that_are_flags_are_named_as_tools_name_these(tmp_path, layout):
    labels = Labels(["false", "true"], [("false",), ("true",)], [("false",), ("true",)], "bool")
    table = pd.DataFrame({"product_id": [2, 1], "True": [0.25, 1.0], "False": [0.75, 0.0]})
    if layout == "long":
        table = table.melt("product_id", var_name="class", value_name="probability")
        table["class"] = table["class"] == "True"
    path = written(tmp_path, table)
    if layout == ".npz":
        path, proba = tmp_path / "said.npz", np.float32([[0.25, 0.75], [1, 0]])
        np.savez(path, product_id=np.array([2, 1]), classes=np.array([True, False]), proba=proba)
    found = read_predictions(path, "product_id", labels, INT)
    assert found.aligned(np.array([2, 1])).dense(2).tolist() == [[0.75, 0.25], [0, 1]]


def test_text_ids_keep_their_zeros(tmp_path):
    path = written(tmp_path, wide(ids=("007", "7")), ".csv")
    found = read_predictions(path, "product_id", LABELS, np.dtype(object))
    assert found.product_id.tolist() == ["007", "7"]
    assert found.aligned(np.array(["7", "007"], object)).dense(3) == pytest.approx(PROBA[::-1])


def test_sums_that_are_not_one_are_scaled_with_a_line(tmp_path, capsys):
    path = written(tmp_path, wide(**{"7": [1.0, 0.1], "8": [1.0, 0.1]}))
    found = read_predictions(path, "product_id", LABELS, INT)
    assert found.proba.sum(1) == pytest.approx([1, 1])
    assert "cards sum to 1 … 2.2: each is scaled to 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            wide().rename(columns={"product_id": "sku"}),
            "no column 'product_id' of ids; set id: to one of sku, 7",
        ),
        (wide().rename(columns={"9": "10"}), "'10' is neither the id nor the name of a class"),
        (wide(ids=(1, 1)), "the id 1 stands twice"),
        (wide(ids=(1.5, 2)), "no whole number"),
        (wide(ids=("x", "y")), "no whole number"),
        (wide(**{"7": [np.nan, 0.1]}), "the id 2 has no probability"),
        (wide(**{"7": [-0.5, 0.1]}), "or one below 0"),
        (wide(**{"7": ["high", "low"]}), "expected probabilities"),
        (wide(**{"7": 0.0, "8": 0.0, "9": [0.0, 1.0]}), "all classes of the id 2 are 0"),
        (pd.concat([long(), long()]), "stands twice"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_message(tmp_path, table, told):
    with pytest.raises(GoodsError, match=told):
        read_predictions(written(tmp_path, table), "product_id", LABELS, INT)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("product_id,7,8,9\n99999999999999999999,.5,.3,.2\n", "an id in product_id is no whole number"),
        (
            "product_id\n1\n2\n",
            "there is no column but 'product_id'; write one of probabilities for each class",
        ),
        (
            "product_id,class,probability\n1,7,.9\n,7,.5\n2,8,1\n",
            "row 1: 'product_id' is empty; give that row its id",
        ),
    ],
)
def test_what_is_wrong_with_a_csv_file_is_one_message(tmp_path, text, told):
    (tmp_path / "said.csv").write_text(text)
    with pytest.raises(GoodsError, match=told):
        read_predictions(tmp_path / "said.csv", "product_id", LABELS, INT)


def test_what_is_no_number_or_no_index_in_arrays_is_one_message(tmp_path):
    for name, changed in (("proba", PROBA.astype(str)), ("classes", np.full((2, 3), 0.5))):
        arrays = {"product_id": np.array([1, 2]), "classes": np.int32([[0, 1, 2]] * 2), "proba": PROBA}
        np.savez(tmp_path / "said.npz", **arrays | {name: changed})
        with pytest.raises(GoodsError, match="write numbers, and indices of classes"):
            read_predictions(tmp_path / "said.npz", "product_id", LABELS, INT)


def test_a_name_that_several_classes_bear_is_refused(tmp_path):
    paths = [("home", "other"), ("garden", "other"), ("c",)]
    labels = Labels([7, 8, 9], paths, paths)
    path = written(tmp_path, wide()[["product_id", "7", "9"]].rename(columns={"7": "other", "9": "c"}))
    with pytest.raises(GoodsError, match="'other' is the name of the classes 7 and 8; write their ids"):
        read_predictions(path, "product_id", labels, INT)


def test_a_card_with_a_class_twice_is_refused_in_arrays(tmp_path):
    arrays = {"product_id": np.array([2, 1]), "classes": np.int32([[1, 0, 2], [2, 0, 2]]), "proba": PROBA}
    np.savez(tmp_path / "said.npz", **arrays)
    with pytest.raises(GoodsError, match="class 2 of the id 1 stands twice; write each class of a card once"):
        read_predictions(tmp_path / "said.npz", "product_id", LABELS, INT)


def test_ids_may_be_the_index_of_a_frame(tmp_path):
    wide().set_index("product_id").to_parquet(tmp_path / "said.parquet")
    found = read_predictions(tmp_path / "said.parquet", "product_id", LABELS, INT)
    assert found.aligned(np.array([2, 1])).dense(3) == pytest.approx(PROBA)


def test_ids_that_went_through_a_float_are_refused(tmp_path):
    path = written(tmp_path, wide(ids=(2.0**53 + 2, 1.0)))
    with pytest.raises(GoodsError, match="9007199254740994 went through a float"):
        read_predictions(path, "product_id", LABELS, INT)


def test_ids_and_classes_may_be_called_as_nothing(tmp_path):
    labels = Labels(["NA", "null", "c"], [("a",), ("b",), ("c",)], [("a",), ("b",), ("c",)])
    table = pd.DataFrame({"product_id": ["NA", "nan"], "class": ["null", "NA"], "probability": [1.0, 1.0]})
    found = read_predictions(written(tmp_path, table, ".csv"), "product_id", labels, np.dtype(object))
    assert found.product_id.tolist() == ["NA", "nan"]
    assert found.classes[:, 0].tolist() == [1, 0]


def test_a_missing_or_damaged_file_is_one_message(tmp_path):
    with pytest.raises(GoodsError, match="no such file of predictions"):
        read_predictions(tmp_path / "none.csv", "product_id", LABELS, INT)
    for name in ("said.parquet", "said.npz", "said.csv"):
        (tmp_path / name).write_bytes(b"PAR1\xff\xfe" if name != "said.csv" else b"")
        with pytest.raises(GoodsError, match=r"not readable|damaged"):
            read_predictions(tmp_path / name, "product_id", LABELS, INT)


def imported(tmp_path, ws, noise: float = 0.3):
    """A stack's configs with an experiment `other` made elsewhere, its rows in another order than the cards."""
    cards, labels, rng = load_cards(ws), Labels.load(ws), np.random.default_rng(0)
    for split in ("train", "test"):
        part = select(cards, split).sample(frac=1, random_state=1)
        proba = rng.dirichlet(np.full(labels.n_classes, noise), len(part))
        known = part.target.to_numpy() >= 0
        proba[np.flatnonzero(known), part.target.to_numpy()[known]] += 1
        table = pd.DataFrame(proba / proba.sum(1, keepdims=True), columns=[str(i) for i in labels.ids])
        table.insert(0, "product_id", part.product_id.to_numpy())
        table.to_parquet(tmp_path / f"{split}.parquet", index=False)
    model = {
        "family": "imported",
        "oof": str(tmp_path / "train.parquet"),
        "test": str(tmp_path / "test.parquet"),
    }
    configs = (
        small_configs(tmp_path / "configs", "kazanexpress2023", ["linear", "other"]) / "kazanexpress2023"
    )
    (configs / "other.yaml").write_text(yaml.safe_dump({"model": model}))
    return configs


@pytest.mark.parametrize(
    ("right", "sure", "asked", "told"),
    [
        (1.0, 0.9, 0.9, "right of 100.00% of the train cards"),
        (0.9, 0.95, 0.7, "surer of train cards (0.95 in the mean) than of test cards (0.70)"),
        (0.9, 0.9, 0.85, ""),
    ],
)
def test_predictions_by_models_that_saw_the_cards_are_doubted(right, sure, asked, told):
    def said(n, confidence):
        classes = np.tile(np.array([[0, 1]], np.int32), (n, 1))
        return Predictions(np.arange(n), classes, np.tile(np.float32([confidence, 1 - confidence]), (n, 1)))

    target = (np.arange(100) >= 100 * right).astype(int)
    assert told in suspicion(target, said(100, sure), said(50, asked))
    assert bool(told) == bool(suspicion(target, said(100, sure), said(50, asked)))


def test_a_doubt_is_said_and_reported(ws, competition, tmp_path, capsys):
    configs = imported(tmp_path, ws, noise=1e-3)
    path = tmp_path / "train.parquet"
    table, cards = pd.read_parquet(path), load_cards(ws)
    names = [column for column in table if column != "product_id"]
    target = cards.set_index("product_id").target.loc[table.product_id].to_numpy()
    table[names] = np.eye(len(names))[target]
    table.to_parquet(path, index=False)
    train(ws, competition, load_experiment(configs / "other.yaml"))
    assert "right of 100.00% of the train cards" in capsys.readouterr().err
    assert "as models are that saw them" in read_json(ws.run("other").report)["warning"]


def test_predictions_of_another_tool_are_stacked_and_cannot_be_asked_of_new_cards(
    ws, competition, tmp_path, capsys
):
    configs = imported(tmp_path, ws)
    other = load_experiment(configs / "other.yaml")
    train(ws, competition, other)
    assert (
        "whether the predictions of a train card come from models that did not see it"
        in capsys.readouterr().err
    )
    said, cards = Predictions.load(ws.run("other").oof), select(load_cards(ws), "train")
    assert said.product_id.tolist() == cards.product_id.tolist()
    assert (said.classes[:, 0] == cards.target).mean() > 0.9  # joined by id: rows stand in another order
    assert "cannot be checked here" in experiment_row(ws, "other")["warning"]
    train(ws, competition, load_experiment(configs / "linear.yaml"))
    stack(ws, competition, load_experiment(configs / "stack.yaml"))
    assert read_json(ws.run("stack").report)["base"].keys() == {"linear", "other"}
    with pytest.raises(GoodsError, match=r"runs/other/fold_0: its predictions were made elsewhere"):
        Predictor(ws, competition, "stack", None, Kept(), True)


def test_a_changed_file_is_trained_again_and_an_incomplete_one_refused_before_a_fold(
    ws, competition, tmp_path, capsys
):
    other = load_experiment(imported(tmp_path, ws) / "other.yaml")
    train(ws, competition, other)
    capsys.readouterr()
    train(ws, competition, other)
    assert "unchanged" in capsys.readouterr().err
    path = tmp_path / "train.parquet"
    table = pd.read_parquet(path)
    table.iloc[::-1].to_parquet(path, index=False)
    train(ws, competition, other)
    assert "unchanged" not in capsys.readouterr().err
    table.iloc[1:].to_parquet(path, index=False)
    with pytest.raises(GoodsError, match=f"1 of {len(table)} train cards are not in it, the first is "):
        train(ws, competition, other)
