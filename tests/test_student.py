"""A student: what it counts, what it learns from whom, and that its folder and config are all that it takes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import ROOT, competition_config, small_configs, write_shop
from scipy.special import softmax

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import ALL, Workspace
from goods.models.base import Context
from goods.models.text.byte_margins import fit_margins
from goods.models.text.classtree import ROOT as ROOT_NODE
from goods.models.text.classtree import ClassTree
from goods.models.text.hashed_terms import Block, WeighedTerms, count_terms
from goods.models.text.one_vs_rest import fit_one_vs_rest
from goods.models.text.tree_margins import best_temperature, fit_tree_margins, path_log_proba
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.stack.stage import stack
from goods.submit.distillation import distil
from goods.submit.prediction import predict_file
from goods.train.foundations import check_joined
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
COMPETITION = competition_config()
SMALL = ["model.teacher=linear", "model.bits=14"]
BITS = 16


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


def terms_of(text: str, *blocks: Block, max_chars: int = 100) -> list[set[int]]:
    counted = count_terms([[text]], list(blocks), BITS, max_chars)
    return [set(part.tolist()) for part in np.split(counted.numbers, counted.offsets[1:-1])]


def test_words_and_pairs_of_them_are_counted_whatever_stands_between():
    words = Block(0, 2, 0, 0)
    (several,) = terms_of("Кружка, Синяя кружка", words)
    assert len(several) == 4  # two words, two pairs
    assert several == terms_of("кружка синяя — КРУЖКА!", words)[0]
    assert several > terms_of("кружка", words)[0]
    counted = count_terms([["ложка ложка ложка", "", "ложка"]], [Block(0, 1, 0, 0)], BITS, 100)
    assert counted.offsets.tolist() == [0, 1, 1, 2]
    assert counted.numbers[0] == counted.numbers[1]
    np.testing.assert_allclose(counted.counts, [1 + np.log(3), 1], rtol=1e-6)


def test_runs_of_characters_are_those_of_words_in_blanks():
    (runs,) = terms_of("ab", Block(0, 0, 2, 3))
    assert len(runs) == 5  # " a", "ab", "b ", " ab", "ab "
    assert runs < terms_of("ab cd", Block(0, 0, 2, 3))[0]


def test_fields_and_kinds_of_terms_do_not_share_numbers():
    blocks = [Block(0, 1, 0, 0), Block(1, 1, 0, 0), Block(0, 0, 3, 3)]
    counted = count_terms([["a"], ["a"]], blocks, BITS, 100)
    assert len(set(counted.numbers.tolist())) == 3


def test_long_texts_are_cut_and_signs_beyond_the_first_plane_are_letters():
    word = Block(0, 1, 0, 0)
    assert terms_of("кружка ложка", word, max_chars=6) == terms_of("кружка", word)
    assert len(terms_of("𝐀𝐁 😀", word)[0]) == 2
    assert len(terms_of("x" * 5000, Block(0, 0, 1, 5), max_chars=4000)[0]) == 14


def some_cards(n: int) -> tuple[WeighedTerms, np.ndarray]:
    """Cards of 40 classes and their classes: a term or two of their own, and terms of chance."""
    rng = np.random.default_rng(0)
    target = rng.integers(0, 40, n)
    terms = np.stack([target, target + 40, *rng.integers(80, 200, (6, n))], 1).astype(np.int32)
    weights = rng.random((n, 8), np.float32) / 2
    return WeighedTerms(np.arange(0, 8 * n + 1, 8), terms.ravel(), weights.ravel()), target


def test_margins_of_bytes_are_those_of_the_weights_they_round():
    cards, target = some_cards(600)
    kept = fit_margins(cards, target, 200, 41, 1.0, 0, 1)
    x = sp.csr_matrix((cards.weights, cards.terms, cards.offsets), (600, 200))
    coef, intercept = fit_one_vs_rest(x, target, 40, 1.0, 0)
    exact, said = x @ coef + intercept, kept.of(cards)
    assert np.isneginf(said[:, 40]).all()  # no card is of the last class
    np.testing.assert_allclose(said[:, :40], exact, atol=0.1)
    assert (said.argmax(1) == exact.argmax(1)).mean() > 0.99
    assert kept.values.dtype == np.int8 and (kept.values != 0).all()


def test_margins_are_the_same_bytes_with_several_threads():
    one, several = (fit_margins(*some_cards(300), 200, 40, 1.0, 0, threads) for threads in (1, 3))
    for name, array in vars(one).items():
        np.testing.assert_array_equal(array, getattr(several, name))


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
    distil(copy, COMPETITION, student_config(), other / "test.parquet")
    assert (copy.run("student").fold(ALL) / "DONE").stat().st_mtime_ns != before


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
    with pytest.raises(GoodsError, match=r"--unlabelled .*no such file"):
        distil(ws, COMPETITION, student_config(), tmp_path / "none.parquet")


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


def some_tree() -> ClassTree:
    """Four classes: 0 and 1 below node 10, 2 and 3 below node 11 of the root."""
    children = {ROOT_NODE: [10, 11], 10: [20, 21], 11: [22, 23]}
    below = {10: [0, 1], 11: [2, 3], ROOT_NODE: [0, 1, 2, 3], **{20 + c: [c] for c in range(4)}}
    return ClassTree(children, {20 + c: c for c in range(4)}, {n: np.array(of) for n, of in below.items()})


def test_a_tree_of_decisions_multiplies_the_probabilities_on_a_path():
    rng, tree = np.random.default_rng(0), some_tree()
    margins = rng.normal(size=(5, 6)).astype(np.float32)
    said = np.exp(path_log_proba(margins, tree, 0.5))
    root, left = (softmax(margins[:, at] / 0.5, axis=1) for at in (slice(0, 2), slice(2, 4)))
    np.testing.assert_allclose(said[:, 1], root[:, 0] * left[:, 1], rtol=1e-5)
    np.testing.assert_allclose(said.sum(1), 1, rtol=1e-5)
    margins[:, 4:] = -np.inf  # no card of either class: neither is preferred
    np.testing.assert_allclose(np.exp(path_log_proba(margins, tree, 0.5))[:, 2], root[:, 1] / 2, rtol=1e-5)


def test_each_decision_of_a_tree_is_fitted_on_the_cards_below_it():
    cards, target = some_cards(600)
    target, tree = target % 3, some_tree()  # no card is of class 3
    kept = fit_tree_margins(cards, target, 200, tree, 1.0, 0, 1)
    said, x = kept.of(cards), sp.csr_matrix((cards.weights, cards.terms, cards.offsets), (600, 200))
    own = x[target < 2]
    alone = fit_margins(
        WeighedTerms(own.indptr.astype(np.int64), own.indices, own.data),
        target[target < 2],
        200,
        2,
        1.0,
        0,
        1,
    )
    np.testing.assert_allclose(said[:, 2:4], alone.of(cards), rtol=1e-5)
    assert np.isfinite(said[:, :5]).all() and np.isneginf(said[:, 5]).all()
    temperature = best_temperature(said, target, tree)
    assert (path_log_proba(said, tree, temperature).argmax(1) == target).mean() > 0.9


def test_a_tree_of_no_card_below_a_node_is_fitted_all_the_same():
    cards, target = some_cards(200)
    said = fit_tree_margins(cards, target % 2, 200, some_tree(), 1.0, 0, 1).of(cards)
    assert np.isneginf(said[:, 4:]).all() and np.isneginf(said[:, 1]).all()
    assert np.isfinite(path_log_proba(said, some_tree(), 1.0)[:, :2]).all()


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
