"""A student that is a network: what it learns of a teacher that is not sure, and that it comes back as it was."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from toy_models import KINDS, accuracy, killed_after, toy_cards, toy_context, trainer

from goods.core.artifacts import write_json
from goods.core.errors import GoodsError
from goods.core.ids import id_array
from goods.core.predictions import Predictions
from goods.models.text.student import StudentConfig
from goods.models.text.student_terms import StudentTerms

FIELDS = {"title": {"words": 1, "chars": [2, 3]}, "shop": {"weight": 0.5}}


def student(**changes) -> StudentConfig:
    small = {"structure": "network", "hidden": 24, "bits": 12, "dropout": 0.1, "trainer": trainer(epochs=12)}
    return StudentConfig(family="student", fields=FIELDS, **(small | changes))


def taught_by(cards: pd.DataFrame, sure: float) -> Predictions:
    """A teacher that gives `sure` to a card's class and what is left to the next one."""
    target = cards.target.to_numpy()
    classes = np.stack([target, (target + 1) % len(KINDS)], 1).astype(np.int32)
    return Predictions(
        id_array(cards.product_id), classes, np.full(classes.shape, [sure, 1 - sure], np.float32)
    )


def fitted(folder, threads: int = 1, **changes):
    """Fitted on train cards and on more that a teacher is sure of to two thirds."""
    train, more = toy_cards(40), toy_cards(160, 1).assign(split="test")
    scores = {"stack": taught_by(more, 2 / 3)}
    model = student(**changes).build(toy_context(folder, scores=scores, threads=threads))
    model.fit(pd.concat([train, more], ignore_index=True), None)
    return model


def test_it_learns_of_unlabelled_cards_how_sure_its_teacher_is(tmp_path):
    model, new = fitted(tmp_path), toy_cards(80, 2)
    assert accuracy(model, new) > 0.95
    target, rows = new.target.to_numpy(), np.arange(len(new))
    said, unsure = (
        model.predict(new),
        160 / 200 / 3,
    )  # of 200 cards 160 are taught, a third of each as the next class
    assert said[rows, (target + 1) % len(KINDS)].mean() == pytest.approx(unsure, abs=0.1)
    assert said[rows, (target + 2) % len(KINDS)].mean() < 0.05


def test_of_a_train_card_it_learns_the_class_alone(tmp_path):
    train = toy_cards(160)
    model = student().build(toy_context(tmp_path, scores={"stack": taught_by(train, 0.2)}))
    model.fit(train, toy_cards(24, 1))
    assert accuracy(model, toy_cards(40, 2)) > 0.95


def test_frequent_classes_are_given_what_the_inner_split_has_of_them(tmp_path):
    cards, valid = toy_cards(400), toy_cards(80, 1)
    train = cards[cards.index % 4 >= np.arange(400) % 3 * 2]  # of one class thrice as many as of another
    log_count = np.log1p(np.bincount(train.target))
    unsure = valid.assign(title="", attributes="", description="")
    model = student().build(toy_context(tmp_path))
    model.fit(train.reset_index(drop=True), unsure)
    expected = (model.predict(unsure) * log_count).sum(1).mean()
    assert expected == pytest.approx(log_count[valid.target].mean(), abs=1e-3)
    assert 0 < model.strength < 1


def test_on_all_folds_frequent_classes_lose_as_much_as_in_the_folds_on_average(tmp_path):
    train, said = toy_cards(120)[lambda cards: (cards.target < 2) | (cards.index < 40)], []
    for strengths in ((0.0, 0.0), (0.3, 0.5)):
        folds = [tmp_path / str(k) for k in range(2)]
        for folder, strength in zip(folds, strengths, strict=True):
            write_json(folder / "model.json", {"temperature": 1.5, "epochs": 2, "strength": strength})
        model = student().build(toy_context(tmp_path))
        model.refit(train, folds)
        said.append(np.log(model.predict(train)))
    lost = said[0] - said[1] - 0.4 * np.log1p(np.bincount(train.target))
    np.testing.assert_allclose(lost, np.broadcast_to(lost[:, :1], lost.shape), atol=1e-4)


def test_equal_fits_leave_equal_bytes_with_any_number_of_threads_and_after_a_kill(tmp_path, monkeypatch):
    folders = {name: tmp_path / name for name in ("one", "two", "killed")}
    fitted(folders["one"]).save(folders["one"] / "saved")
    fitted(folders["two"], threads=2).save(folders["two"] / "saved")
    with killed_after(monkeypatch, 2), pytest.raises(KeyError):
        fitted(folders["killed"])
    fitted(folders["killed"]).save(folders["killed"] / "saved")
    for file in ("network.safetensors", "terms.safetensors", "model.json"):
        first, *others = ((folder / "saved" / file).read_bytes() for folder in folders.values())
        assert [other == first for other in others] == [True, True]


def test_the_terms_of_a_fit_are_counted_once(tmp_path, monkeypatch):
    counted, count = [], StudentTerms._counted
    monkeypatch.setattr(
        StudentTerms, "_counted", lambda self, cards: counted.append(len(cards)) or count(self, cards)
    )
    model = student(trainer=trainer(epochs=1)).build(toy_context(tmp_path))
    model.fit(toy_cards(40), toy_cards(24, 1))
    assert counted == [40, 24]


def test_what_is_read_back_says_the_same_and_needs_no_teacher(tmp_path):
    model, new = fitted(tmp_path), toy_cards(40, 2)
    model.save(tmp_path / "saved")
    again = student().build(toy_context(tmp_path))
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(new), model.predict(new))
    (tmp_path / "saved" / "terms.safetensors").write_bytes(b"half")
    with pytest.raises(GoodsError, match=r"saved: missing or damaged model files .* train it again"):
        again.load(tmp_path / "saved")


def test_cards_of_which_no_term_is_known_get_an_answer(tmp_path):
    model = fitted(tmp_path, min_df=1_000)
    assert not len(model.terms)
    said = model.predict(toy_cards(3).assign(title="", target=-1))
    np.testing.assert_allclose(said.sum(1), 1, atol=1e-5)


def test_students_without_a_network_do_without_torch():
    tree = student(structure="tree")
    assert not [module for module in tree.modules if "network" in module]
    code = f"import sys, {', '.join(tree.modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
