"""The pipeline from Python: frames in and out, the same bytes as the scripts write."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import small_configs, write_shop
from shop import LEAVES

import goods
from goods import cli

LINEAR = {"experiments": ["linear"], "with_local_text": None, "iterations": 20}
KINDS = {"книги": "роман том", "посуда": "кружка белая", "одежда": "платье летнее"}


def frame(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(list(KINDS), n)
    names = [" ".join(rng.permutation([*KINDS[kind].split(), "новый"])) for kind in kinds]
    return pd.DataFrame(
        {"sku": [f"{seed}{i:04d}" for i in range(n)], "name": names, "price": rng.random(n), "kind": kinds}
    )


@pytest.fixture
def folders(tmp_path) -> dict:
    return {"work": tmp_path / "work", "out": tmp_path / "out"}


def test_frames_become_a_submission_a_board_and_answers_on_new_cards(folders, capsys):
    train, test = frame(150), frame(30, 1)
    described = {"id": "sku", "text": ["name"], "target": "kind", "numbers": ["price"]}
    settings = {"metric": "accuracy", "n_folds": 3, "stack": LINEAR, "offline": True}
    result = goods.run(train=train, test=test.drop(columns="kind"), **described, **settings, **folders)
    assert result.submission.columns.tolist() == ["sku", "kind"]
    assert result.submission.sku.tolist() == test.sku.tolist()
    assert (result.submission.kind.to_numpy() == test.kind.to_numpy()).mean() > 0.9
    assert result.metric == "accuracy" and result.score > 0.9
    assert result.report is not None and result.report.is_file()

    board = goods.leaderboard(folders["work"])
    assert board.columns.tolist()[:5] == ["competition", "experiment", "family", "metric", "score"]
    assert set(board.experiment) == {"linear", "stack"} and (board.competition == "frames").all()
    assert board.score.is_monotonic_decreasing and (board.seconds > 0).all()
    assert goods.leaderboard(folders["work"], "frames").equals(board)
    assert goods.leaderboard(folders["work"], "other").empty and goods.leaderboard(folders["out"]).empty

    said = result.predict(test.drop(columns="kind").head(5))
    assert said.kind.tolist() == result.submission.kind.tolist()[:5]
    assert said.sku.tolist() == test.sku.tolist()[:5]
    linear = goods.predict("frames", test.drop(columns="kind").head(5), "linear", work=folders["work"])
    assert linear.kind.tolist() == said.kind.tolist()

    capsys.readouterr()
    again = goods.run(train=train, test=test.drop(columns="kind"), **described, **settings, **folders)
    assert "prepare: unchanged" in capsys.readouterr().err
    assert again.submission.equals(result.submission)


def test_scripts_know_a_competition_of_frames(folders, run_script, tmp_path):
    described = {"id": "sku", "text": ["name"], "target": "kind", "n_folds": 3, "stack": LINEAR}
    goods.run(train=frame(90), test=frame(12, 1).drop(columns="kind"), offline=True, **described, **folders)
    places = ["--work", folders["work"]]
    code, out, _ = run_script("status", "frames", "--offline", *places)
    assert code == 0 and {line.split()[0] for line in out.splitlines()[:-1]} == {"done"}
    assert run_script("prepare", "frames", *places)[0] == 0
    code, out, _ = run_script("submit", "frames", "linear", *places, "--out", tmp_path / "alone")
    assert code == 0 and (tmp_path / "alone" / "frames" / "result.parquet").is_file()
    train = ["train", folders["work"] / "settings" / "frames" / "linear.yaml", "--set", "model.C=0.5"]
    assert run_script(*train, "--set", "name=mine", *places)[0] == 0


def test_a_competition_of_a_named_folder_of_configs_is_run_and_answers_on_new_cards(
    tmp_path, folders, capsys
):
    shop, configs = write_shop(tmp_path / "shop", n_train=90, n_test=12), tmp_path / "own"
    (configs / "myshop").mkdir(parents=True)
    settings = {"reader": "kazanexpress2023", "data": str(shop), "n_folds": 2}
    (configs / "myshop/competition.yaml").write_text(yaml.safe_dump(settings))
    (configs / "myshop/stack.yaml").write_text(yaml.safe_dump({"model": LINEAR}))
    result = goods.run("myshop", configs=str(configs), offline=True, **folders)
    new = pd.read_parquet(shop / "test.parquet").head(4)
    capsys.readouterr()
    said = result.predict(new)
    assert "labelled in" not in capsys.readouterr().err  # of a file that is no more
    assert said.product_id.tolist() == new.product_id.tolist()
    linear = goods.predict("myshop", new, "linear", configs=configs, work=folders["work"])
    assert set(linear.predicted_category_id) <= set(LEAVES)
    shown = repr(result)
    assert (
        "\n" not in shown and f"myshop stack: weighted_f1 {result.score:.4f}" in shown and "12 rows" in shown
    )


@pytest.mark.slow
def test_a_named_competition_ends_in_the_bytes_of_the_script(tmp_path, run_script, monkeypatch, folders):
    shop = write_shop(tmp_path / "shop")
    monkeypatch.setattr(cli, "CONFIGS", small_configs(tmp_path / "configs", "kazanexpress2023", ["linear"]))
    result = goods.run("kazanexpress2023", data=str(shop), offline=True, **folders)
    other = tmp_path / "other"
    arguments = ("--data", shop, "--work", other / "work", "--out", other / "out", "--offline")
    code, out, err = run_script("run_all", "kazanexpress2023", *arguments)
    assert code == 0, err
    assert f"{result.metric}={result.score:.4f}" in out
    assert result.path.read_bytes() == (other / "out/kazanexpress2023/result.parquet").read_bytes()
    new = pd.read_parquet(shop / "test.parquet").head(7)
    new.to_parquet(tmp_path / "new.parquet", index=False)
    where = ("--work", other / "work", "--out", tmp_path / "said.parquet")
    code, _, err = run_script("predict", "kazanexpress2023", "stack", tmp_path / "new.parquet", *where)
    assert code == 0, err
    assert result.predict(new).equals(pd.read_parquet(tmp_path / "said.parquet"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "competition: none is named; name one, or give the frames"),
        ({"competition": "nowhere"}, "unknown competition 'nowhere'"),
        ({"competition": "demo", "preset": "best"}, "preset 'best': known are full, light, quick"),
        ({"competition": "demo", "target": "kind"}, "target: describes frames"),
        ({"competition": "demo", "text_weights": "nowhere"}, "text_weights nowhere: no such file"),
        ({"competition": "demo", "configs": "nowhere"}, "configs nowhere: no such file or folder"),
        ({"train": frame(3)}, "give both train and test"),
        ({"train": frame(3), "test": frame(3), "tittle": "name"}, "unknown key 'tittle' of frames"),
        ({"train": frame(3), "test": frame(0), "text": ["name"], "target": "kind"}, "test is no DataFrame"),
        ({"train": frame(3), "test": frame(3), "target": "kind"}, "there is no text to read"),
        ({"train": frame(3), "test": frame(3), "text": "nam", "target": "kind"}, "'nam'"),
        ({"train": frame(3).rename(columns={"price": 7}), "test": frame(3)}, "column 7 of train"),
        ({"train": frame(3).assign(price=[1, "a", []]), "test": frame(3)}, "cannot be written as parquet"),
        ({"train": frame(3).assign(price=[1j, 2j, 3j]), "test": frame(3)}, "cannot be written as parquet"),
        ({"train": frame(3).assign(price=[10**30, 1, 2]), "test": frame(3)}, "cannot be written as parquet"),
        ({"train": frame(3), "test": frame(3), "competition": "../up"}, "cannot name a folder"),
    ],
)
def test_what_cannot_be_done_is_one_error(given, told, folders):
    with pytest.raises(goods.GoodsError, match=told):
        goods.run(**given, **folders)


def test_the_package_imports_nothing_before_it_is_asked(tmp_path):
    code = (
        "import sys, goods; before = set(sys.modules)\nassert not {'pandas', 'numpy'} & before, before\n"
        "goods.run; assert 'pandas' in sys.modules\n"
        "try:\n    goods.walk\nexcept AttributeError as error:\n    assert 'walk' in str(error)\nelse:\n    sys.exit(3)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
