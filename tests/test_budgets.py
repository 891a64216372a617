"""A peer of another environment is asked over files and scored like the others."""

import importlib.util
import sys

import pandas as pd
import pytest
from conftest import ROOT

from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, load_cards, select

STAND_IN = """
import pathlib, sys
import pandas as pd
name, folder, *options = sys.argv[1:]
options = dict(zip(options[::2], options[1::2]))
train, test = (pd.read_parquet(pathlib.Path(folder) / f"{split}.parquet") for split in ("train", "test"))
assert "target" in train and "target" not in test
out = pathlib.Path(options["--out"])
out.mkdir()
(out / "told").write_text(f"{name} {float(options['--seconds']):g}")
pd.DataFrame({"target": [int(train.target.mode()[0])] * len(test)}).to_parquet(out / "said.parquet")
"""


@pytest.fixture
def budgets(monkeypatch, tmp_path):
    """The benchmark as a module, its peers' script a stand-in that says the largest class of every card."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    spec = importlib.util.spec_from_file_location("budgets", ROOT / "benchmarks" / "budgets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    monkeypatch.setattr(module, "FOREIGN", tmp_path / "stand_in.py")
    return module


def test_a_peer_of_another_environment_gets_texts_and_its_limit_and_is_scored(budgets, ws, tmp_path):
    (tmp_path / "peers").symlink_to(ws.path.parent)
    cards, labels = load_cards(ws), Labels.load(ws)
    test, largest = select(cards, "test"), int(select(cards, "train").target.mode()[0])
    right = pd.DataFrame({"category_id": labels.ids[largest]}, pd.Index(test.product_id, name="product_id"))
    right.to_parquet(tmp_path / "answers.parquet")
    row = budgets.foreign(tmp_path, "autogluon", sys.executable, "2m")
    assert (row["name"], row["score"]) == ("autogluon 2m", 1.0) and row["seconds"] > 0
    assert (tmp_path / "autogluon-2m" / "told").read_text() == "autogluon 120"
    assert list(pd.read_parquet(tmp_path / "texts" / "test.parquet")) == list(TEXT_FIELDS)


def test_peers_of_other_environments_count_among_those_to_beat(budgets):
    plain = {"clock": 1.0, "left_out": []}
    rows = [
        {"name": "autogluon 2m", "seconds": 10.0, "score": 0.9, **plain},
        {"name": "--time-limit 2m", "seconds": 20.0, "score": 0.8, **plain},
    ]
    assert "0.9000 (autogluon 2m)" in budgets.table(rows)
