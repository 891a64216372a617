"""A student: what it learns from whom, and that its folder and config are all that it takes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, small_configs, write_shop
from PIL import Image

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import ALL, Workspace
from goods.models.base import Context
from goods.models.text.student import StudentConfig
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.stack.stage import stack
from goods.submit import distillation
from goods.submit.distillation import cards_learned, distil, label, write_labelled
from goods.submit.entries import record_experiment
from goods.submit.ledger import rows_of
from goods.submit.prediction import predict_file
from goods.submit.stage import submit
from goods.train.foundations import check_joined
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
COMPETITION = competition_config()
SMALL = ["model.teacher=linear", "model.bits=14"]


def student_config(*settings: str):
    return load_experiment(CONFIGS / "student.yaml", [*SMALL, *settings])


@pytest.fixture(scope="module")
def taught(tmp_path_factory) -> tuple[Workspace, Path]:
    """A workspace with a linear model and its student, which was shown further cards; and the raw files."""
    folder = tmp_path_factory.mktemp("taught")
    shop, more = write_shop(folder / "shop"), write_shop(folder / "more", n_test=70, seed=1)
    ws = Workspace(folder / "work", COMPETITION.name)
    prepare(ws, COMPETITION, shop)
    make_folds(ws, COMPETITION)
    train(ws, COMPETITION, load_experiment(CONFIGS / "linear.yaml"))
    distil(ws, COMPETITION, student_config(), more / "test.parquet")
    return ws, folder


def test_a_student_keeps_most_of_what_its_teacher_knows(taught):
    ws, _ = taught
    own, teacher = (read_json(ws.run(name).report) for name in ("student", "linear"))
    assert own["score"] > teacher["score"] - 0.1
    assert own["tuned_on"] == teacher["tuned_on"]


def test_its_score_is_told_to_be_optimistic_where_test_cards_are_train_cards(tmp_path, capsys):
    """Classes are shuffled, so that chance is all there is, but the teacher has seen those of the cards that test has
    again."""
    shop = write_shop(tmp_path / "shop", n_train=120)
    known = pd.read_parquet(shop / "train.parquet")
    columns = ["category_id", "category_name"]
    known[columns] = known[columns].sample(frac=1, random_state=3).to_numpy()
    fields = [json.loads(text) for text in known.text_fields]
    texts = [
        {**one, "title": f"вещь{chr(1072 + i // 32)}{chr(1072 + i % 32)}"} for i, one in enumerate(fields)
    ]
    known["text_fields"] = [json.dumps(one, ensure_ascii=False) for one in texts]
    known.to_parquet(shop / "train.parquet", index=False)
    again = known.drop(columns=columns).assign(product_id=known.product_id + 10_000)
    again.to_parquet(shop / "test.parquet", index=False)
    ws = Workspace(tmp_path / "work", COMPETITION.name)
    prepare(ws, COMPETITION, shop)
    make_folds(ws, COMPETITION)
    train(ws, COMPETITION, load_experiment(CONFIGS / "linear.yaml"))
    distil(ws, COMPETITION, student_config())
    own, teacher = (read_json(ws.run(name).report) for name in ("student", "linear"))
    assert own["score"] > teacher["score"] + 0.3
    assert "linear names them, which has seen the labels of every fold" in own["warning"]
    assert "(optimistic: linear has seen every fold)" in capsys.readouterr().err
    submit(ws, COMPETITION, "student", tmp_path / "out")
    assert f"warning: student {own['warning']}" in capsys.readouterr().err
    record_experiment(ws, COMPETITION, "student", tmp_path / "out")
    row = rows_of(tmp_path / "out" / "leaderboard.csv").query("kind == 'experiment'").iloc[-1]
    assert "has seen the labels of every fold" in row.note


def test_it_needs_nothing_but_its_own_folder_to_label_new_cards(taught, tmp_path):
    ws, folder = taught
    alone = Workspace(tmp_path / "work", COMPETITION.name)
    for part in ("prepared", "folds.parquet", "runs/student/config.yaml", "runs/student/DONE"):
        source, target = ws.path / part, alone.path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    for path in ws.run("student").path.iterdir():
        if path.name not in ("DONE", "config.yaml", *(f"fold_{k}" for k in range(3))):
            (shutil.copytree if path.is_dir() else shutil.copy)(path, alone.run("student").path / path.name)
    cards, out = folder / "more" / "test.parquet", tmp_path / "new.parquet"
    predict_file(alone, COMPETITION, "student", cards, None, out)
    predict_file(ws, COMPETITION, "student", cards, None, tmp_path / "same.parquet")
    assert out.read_bytes() == (tmp_path / "same.parquet").read_bytes()
    wanted, said = pd.read_parquet(cards), pd.read_parquet(out)
    assert said.product_id.tolist() == wanted.product_id.tolist()
    assert list(said.columns) == ["product_id", "predicted_category_id", "confidence"]


def test_new_cards_are_answered_as_the_test_cards_were(taught, tmp_path):
    ws, folder = taught
    out = tmp_path / "new.parquet"
    predict_file(ws, COMPETITION, "student", folder / "shop" / "test.parquet", None, out)
    ids, test = np.array(Labels.load(ws).ids), Predictions.load(ws.run("student").test)
    assert pd.read_parquet(out).predicted_category_id.tolist() == ids[test.classes[:, 0]].tolist()


def test_a_network_learns_from_the_same_cards_and_answers_new_ones(taught, tmp_path, capsys):
    ws, folder = taught
    network = ["model.structure=network", "model.trainer.epochs=8", "name=network"]
    distil(ws, COMPETITION, student_config(*network), folder / "more" / "test.parquet")
    own, teacher = (read_json(ws.run(name).report) for name in ("network", "linear"))
    assert own["score"] > teacher["score"] - 0.1
    predict_file(ws, COMPETITION, "network", folder / "shop" / "test.parquet", None, tmp_path / "new.parquet")
    ids, test = np.array(Labels.load(ws).ids), Predictions.load(ws.run("network").test)
    said = pd.read_parquet(tmp_path / "new.parquet").predicted_category_id
    assert said.tolist() == ids[test.classes[:, 0]].tolist()


@pytest.mark.parametrize(("cards", "chosen"), [(49_999, "tree"), (50_000, "network")])
def test_how_many_cards_there_are_chooses_between_svms_and_a_network(cards, chosen, capsys):
    model = student_config().model
    assert model.structure == "auto" and model.for_cards(cards).structure == chosen
    assert f"{cards:,} cards to learn from, so model.structure={chosen}" in capsys.readouterr().err
    flat = student_config("model.structure=flat").model
    assert flat.for_cards(cards) == flat and not capsys.readouterr().err


def test_train_test_and_further_cards_choose(taught):
    ws, _ = taught
    further = str(ws.path / "unlabelled" / "student")
    learned = len(load_cards(ws)) + 30
    for config, expected in (
        (student_config(), learned - 30),
        (student_config(f"model.further={further}"), learned),
    ):
        assert cards_learned(ws, config) == expected
    assert (
        load_experiment(ws.run("student").config).model.structure == "tree"
    )  # what was chosen is what is saved


def test_the_number_of_cards_to_learn_from_is_told_without_reading_them(taught, monkeypatch):
    ws, _ = taught
    learned, read = len(load_cards(ws)) + 30, pd.read_parquet

    def of_one_column(path: Path, columns: list[str]) -> pd.DataFrame:
        assert len(columns) == 1
        return read(path, columns=columns)

    monkeypatch.setattr(pd, "read_parquet", of_one_column)
    monkeypatch.setattr(Predictions, "load", None)
    assert cards_learned(ws, student_config(f"model.further={ws.path / 'unlabelled' / 'student'}")) == learned


def test_known_cards_are_told_apart_without_reading_them(taught, monkeypatch):
    ws, folder = taught
    expected, read, found = load_cards(ws).product_id, pd.read_parquet, []

    class Found(Exception): ...

    def new_cards(*_: object, known: pd.Series) -> None:
        found.append(known)
        raise Found

    def of_two_columns(path: Path, columns: list[str]) -> pd.DataFrame:
        assert columns == ["product_id", "split"]
        return read(path, columns=columns)

    monkeypatch.setattr(pd, "read_parquet", of_two_columns)
    monkeypatch.setattr(distillation, "NewCards", new_cards)
    with pytest.raises(Found):
        write_labelled(ws, COMPETITION, "linear", folder / "more" / "test.parquet", None, folder)
    assert found[0].equals(expected)


def test_a_network_is_trained_as_is_best_for_it_where_settings_say_nothing():
    given = {"family": "student", "fields": {"title": {}}, "trainer": {"epochs": 2}}
    trainer = StudentConfig.model_validate(given).trainer
    assert (trainer.epochs, trainer.batch_size, trainer.lr) == (2, 256, 0.003)


def test_further_cards_are_those_that_are_neither_train_nor_test(taught):
    ws, folder = taught
    cards = pd.read_parquet(ws.path / "unlabelled" / "student" / "cards.parquet")
    asked = pd.read_parquet(folder / "more" / "test.parquet")
    assert len(asked) == 70 and set(cards.product_id) == set(range(5040, 5070))


def test_a_second_call_changes_nothing_and_another_file_trains_again(taught, capsys):
    ws, folder = taught
    before = (ws.run("student").fold(ALL) / "DONE").stat().st_mtime_ns
    distil(ws, COMPETITION, student_config(), folder / "more" / "test.parquet")
    assert "labelled by linear already" in capsys.readouterr().err
    assert (ws.run("student").fold(ALL) / "DONE").stat().st_mtime_ns == before
    (other,) = (write_shop(folder / "other", n_test=90, seed=2),)
    copy = Workspace(folder / "again", COMPETITION.name)
    shutil.copytree(ws.path, copy.path)
    capsys.readouterr()
    distil(copy, COMPETITION, student_config(), folder / "more" / "test.parquet")
    assert "train student: unchanged" in capsys.readouterr().err
    distil(copy, COMPETITION, student_config(), other / "test.parquet")
    assert "train student: unchanged" not in capsys.readouterr().err
    assert (copy.run("student").fold(ALL) / "DONE").stat().st_mtime_ns != before


def test_further_cards_with_other_photos_are_labelled_again_and_photos_of_none_are_refused(
    taught, tmp_path, capsys
):
    ws, folder = taught
    copy, cards = Workspace(tmp_path / "work", COMPETITION.name), folder / "more" / "test.parquet"
    shutil.copytree(ws.path, copy.path)
    photo = tmp_path / "photos" / "images" / "test" / "5050.jpg"
    photo.parent.mkdir(parents=True)
    for colour, moved, said in (
        ("red", False, "30 further cards labelled by linear"),
        ("blue", False, "30 further cards labelled by linear"),
        ("blue", True, "labelled by linear already"),
    ):
        if moved:
            (tmp_path / "photos").rename(tmp_path / "elsewhere")
        else:
            Image.new("RGB", (20, 20), colour).save(photo)
        photos = tmp_path / ("elsewhere" if moved else "photos")
        label(copy, COMPETITION, student_config(), cards, photos, False)
        assert said in capsys.readouterr().err
    with pytest.raises(
        GoodsError, match=r"--images .*: are those of the cards that --unlabelled names; add it"
    ):
        distil(copy, COMPETITION, student_config(), None, photos)


def test_a_stack_labels_further_cards(tmp_path):
    ws = Workspace(tmp_path / "work", COMPETITION.name)
    shop = write_shop(tmp_path / "shop", n_train=90)
    prepare(ws, COMPETITION, shop)
    make_folds(ws, COMPETITION)
    train(ws, COMPETITION, load_experiment(CONFIGS / "linear.yaml"))
    settings = ["model.experiments=[linear]", "model.methods=[best_single]"]
    stack(ws, COMPETITION, load_experiment(CONFIGS / "stack.yaml", settings))
    other = write_shop(tmp_path / "other", n_test=90, seed=2)
    distil(ws, COMPETITION, student_config("model.teacher=stack"), other / "test.parquet")
    assert (ws.path / "unlabelled" / "student" / "DONE").is_file()


def test_a_stack_does_not_join_a_student():
    stack = load_experiment(CONFIGS / "stack.yaml")
    with pytest.raises(
        GoodsError, match="student learned from linear, which has seen the labels of every fold"
    ):
        check_joined(stack, student_config(), "student")


def test_what_teaches_nobody_is_refused_with_a_line(taught, tmp_path):
    ws, _ = taught
    with pytest.raises(GoodsError, match="linear is of family linear, which learns from no other"):
        distil(ws, COMPETITION, load_experiment(CONFIGS / "linear.yaml"))
    with pytest.raises(GoodsError, match="no finished run"):
        distil(ws, COMPETITION, student_config("model.teacher=stack"))
    for path, why in (
        (tmp_path / "none.parquet", "no such file"),
        (tmp_path, "a folder, expected a parquet or csv"),
    ):
        with pytest.raises(GoodsError, match=f"{path}: {why}"):
            distil(ws, COMPETITION, student_config(), path)


def test_the_script_trains_a_student(tmp_path, run_script, monkeypatch):
    ws = Workspace(tmp_path / "work", COMPETITION.name)
    prepare(ws, COMPETITION, write_shop(tmp_path / "shop", n_train=90))
    make_folds(ws, COMPETITION)
    train(ws, COMPETITION, load_experiment(CONFIGS / "linear.yaml"))
    monkeypatch.setattr("goods.cli.CONFIGS", small_configs(tmp_path / "configs", COMPETITION.name, []))
    settings = [part for text in SMALL[1:] for part in ("--set", text)]
    code, _, err = run_script("distil", COMPETITION.name, "linear", "--work", ws.root, *settings)
    assert code == 0 and "distil student: out-of-fold weighted_f1" in err and "cards/s" in err
    code, _, err = run_script("distil", COMPETITION.name, "--work", ws.root, *settings)
    assert code == 2 and "stack" in err
    code, _, err = run_script("distil", COMPETITION.name, "linear", "--name", "linear", "--work", ws.root)
    assert code == 2 and "experiment linear is of family linear, which learns from no other" in err


@pytest.mark.parametrize("name", ["..", "a/b", "a\\b", ""])
def test_a_student_has_a_name_and_no_path(tmp_path, run_script, name):
    code, _, err = run_script("distil", COMPETITION.name, "--name", name, "--work", tmp_path)
    assert (code, err) == (
        2,
        f"error: experiment {name!r}: expected a name, which is that of a folder, and no path\n",
    )


def test_a_student_is_told_to_learn_from_another_than_itself(tmp_path, run_script):
    code, _, err = run_script("distil", COMPETITION.name, "student", "--work", tmp_path)
    assert code == 2 and err.startswith("error: experiment student: is to learn from itself; name ")


@pytest.mark.parametrize("structure", ["flat", "tree"])
def test_what_is_read_back_says_the_same(taught, tmp_path, structure):
    ws, _ = taught
    config = student_config(f"model.structure={structure}").model
    train_cards, test = select(load_cards(ws), "train"), select(load_cards(ws), "test")
    one, other = (config.build(Context(Labels.load(ws))) for _ in range(2))
    one.fit(train_cards[:-20], train_cards[-20:])
    one.save(tmp_path)
    other.load(tmp_path)
    said = one.predict(test)
    np.testing.assert_array_equal(other.predict(test), said)
    np.testing.assert_allclose(said.sum(1), 1, rtol=1e-5)
