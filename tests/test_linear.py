"""TF-IDF of fields, groups of a node's children, and what becomes of errors and damaged files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC
from toy_models import toy_cards, toy_context

from goods.cards.labels import Labels
from goods.core.errors import GoodsError
from goods.core.kept import Kept
from goods.models.text import class_groups, linear_model
from goods.models.text.class_groups import group_children
from goods.models.text.field_vectorizer import FieldVectorizer
from goods.models.text.linear import FieldFeatures, LinearConfig
from goods.models.text.linear_model import TEMPERATURES, LinearModel
from goods.models.text.node_svm import UNSEEN, all_margins, fit_node
from goods.models.text.one_vs_rest import fit_one_vs_rest
from goods.models.text.term_counts import transformed


def test_a_field_without_terms_has_no_columns_and_other_errors_surface():
    config = FieldFeatures(words=(1, 1), chars=(3, 3))
    vectorizer = FieldVectorizer(config, char_min_df=2)
    assert vectorizer.fit_transform(pd.Series(["", ""])).shape == (2, 0)
    vectorizer = FieldVectorizer(config, char_min_df=2)
    assert vectorizer.fit_transform(pd.Series(["молоко", "чай"])).shape == (2, 2)  # no common 3-grams
    assert [part.analyzer for part in vectorizer.parts] == ["word"]
    with pytest.raises(ValueError, match="lower boundary larger than the upper"):
        unchecked = FieldFeatures().model_copy(update={"words": (2, 1)})
        FieldVectorizer(unchecked, char_min_df=2).fit_transform(pd.Series(["молоко чай"]))


def test_terms_that_more_cards_must_have_than_there_are_are_none():
    vectorizer = FieldVectorizer(FieldFeatures(words=(1, 1), chars=(3, 3)), char_min_df=9)
    assert vectorizer.fit_transform(pd.Series(["молоко", "чай"])).shape == (2, 2)
    assert [part.analyzer for part in vectorizer.parts] == ["word"]


def test_damaged_weights_are_one_message(tmp_path):
    config = LinearConfig(family="linear", fields={"title": FieldFeatures()})
    model = LinearModel(config, toy_context(tmp_path))
    model.fit(toy_cards(40), None)
    model.save(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(GoodsError, match="train this fold again"):
        LinearModel(config, toy_context(tmp_path)).load(tmp_path)


ALONE, MANY = 128, 210  # children in no group, classes of a toy shop
TITLES = LinearConfig(family="linear", fields={"title": FieldFeatures()})


@pytest.fixture(autouse=True)
def fewer_alone(monkeypatch):
    monkeypatch.setattr(class_groups, "ALONE", ALONE)


def many_labels() -> Labels:
    names = [(f"вид{c}",) for c in range(MANY)]
    return Labels(list(range(MANY)), names, names)


def many_cards(n: int, seed: int, without: int | None = None) -> pd.DataFrame:
    """Cards of MANY classes told apart by two words each, one shared with neighbours."""
    random = np.random.default_rng(seed)
    target = np.arange(n) % MANY
    titles = [f"слово{t} отдел{t // 5} шум{random.integers(50)} шум{random.integers(50)}" for t in target]
    cards = pd.DataFrame({"product_id": np.arange(n), "title": titles, "target": target.astype(np.int32)})
    return cards if without is None else cards[target != without].reset_index(drop=True)


@pytest.mark.parametrize("n_classes", [3, 40])
def test_blocks_of_classes_solve_what_liblinear_solves(n_classes):
    random = np.random.default_rng(0)
    x = sp.random(1200, 60, 0.2, "csr", np.float32, rng=random)
    label = (x @ random.normal(size=(60, n_classes))).argmax(1)
    coef, intercept = fit_one_vs_rest(x, label, n_classes, C=0.7, seed=1, threads=2)
    svm = LinearSVC(C=0.7, tol=1e-6, dual=True, max_iter=100_000, random_state=0).fit(x, label)
    assert len(svm.classes_) == n_classes

    def objective(weights: np.ndarray, bias: float, c: int) -> float:
        loss = np.maximum(0, 1 - np.where(label == c, 1, -1) * (x @ weights + bias)) ** 2
        return (weights @ weights + bias**2) / 2 + 0.7 * loss.sum()

    for c in range(n_classes):
        best = objective(svm.coef_[c], svm.intercept_[c], c)
        assert best - 1e-3 <= objective(coef[:, c], intercept[c], c) <= 1.01 * best


def test_a_node_of_many_cards_is_solved_for_all_children_in_one_go(tmp_path, monkeypatch):
    asked, plain = [], linear_model.fit_node

    def fit_node(x, child, children, C, seed, threads):
        asked.append(bool(threads))
        return plain(x, child, children, C, seed, threads)

    monkeypatch.setattr(linear_model, "fit_node", fit_node)
    said = []
    for large in (1 << 24, 1):
        monkeypatch.setattr(linear_model, "LARGE", large)
        model = LinearModel(TITLES, toy_context(tmp_path))
        model.fit(toy_cards(40), None)
        said.append(model.predict(toy_cards(20)))
    assert set(asked[: len(asked) // 2]) == {False} and set(asked[len(asked) // 2 :]) == {True}
    np.testing.assert_allclose(*said, atol=0.05)


def test_the_largest_children_stay_alone_and_like_ones_are_grouped():
    departments = np.repeat(np.arange(4), 48)  # of 192 children
    child = np.concatenate([np.repeat(np.arange(192), 3), np.repeat(np.arange(0, 192, 48) + 1, 5)])
    x = sp.csr_matrix(np.eye(4, dtype=np.float32)[departments[child]])
    groups = group_children(x, child, list(range(1000, 1192)), seed=0)
    assert sorted(c for group in groups for c in group) == list(range(1000, 1192))
    assert groups[:4] == [[1001], [1049], [1097], [1145]]
    assert [len(group) for group in groups] == [1] * ALONE + [32, 32]
    assert all(len({departments[c - 1000] for c in group}) <= 2 for group in groups)
    few = np.arange(40)  # a card a child
    assert group_children(x[:40], few, list(range(40)), seed=0) == [[c] for c in range(40)]


def test_a_node_of_many_children_is_cut_and_answers_alike(tmp_path):
    context = toy_context(tmp_path, labels=many_labels())
    model = LinearModel(TITLES, context)
    model.fit(many_cards(1680, 0), many_cards(210, 1))
    assert sorted(map(len, model.groups[-1])) == [1] * ALONE + [20, 20, 21, 21]
    proba = model.predict(many_cards(420, 2))
    assert (proba.argmax(1) == many_cards(420, 2).target).mean() > 0.95
    assert np.allclose(proba.sum(1), 1, atol=1e-5)
    model.save(tmp_path)
    loaded = LinearModel(TITLES, context)
    loaded.load(tmp_path)
    assert (loaded.predict(many_cards(420, 2)) == proba).all()
    threaded = LinearModel(TITLES, toy_context(tmp_path, labels=many_labels(), threads=3))
    threaded.fit(many_cards(1680, 0), many_cards(210, 1))
    assert (threaded.predict(many_cards(420, 2)) == proba).all()


def test_a_class_without_train_cards_in_a_cut_node_is_hardly_ever_said(tmp_path):
    model = LinearModel(TITLES, toy_context(tmp_path, labels=many_labels()))
    model.fit(many_cards(1680, 0, without=7), None)
    proba = model.predict(many_cards(420, 2))
    assert np.isfinite(proba).all()
    assert proba[:, 7].max() < 1e-6


def test_the_temperature_is_that_of_the_least_loss_over_all_classes(tmp_path):
    model = LinearModel(TITLES, toy_context(tmp_path, labels=many_labels()))
    known, valid = many_cards(840, 0), many_cards(210, 1)
    valid["title"] = [f"{a} {b}" for a, b in zip(valid.title, valid.title[::-1], strict=True)]  # hard ones
    model.fit(known, None)
    x, target = model.text.vectors(valid), valid.target.to_numpy()

    def loss(temperature: float) -> float:
        said = model._log_proba(x, temperature)[np.arange(len(target)), target]
        return -said.clip(UNSEEN / 2).mean()

    assert model._best_temperature(x, target) == min(TEMPERATURES, key=loss)


def test_terms_are_counted_once_a_fold_and_once_for_all_weights(tmp_path, monkeypatch):
    counted, plain = [], TfidfVectorizer.fit_transform
    monkeypatch.setattr(
        TfidfVectorizer, "fit_transform", lambda self, texts: counted.append(len(texts)) or plain(self, texts)
    )
    kept = Kept()
    for weight in (1.0, 0.3):
        config = LinearConfig(family="linear", fields={"title": FieldFeatures(weight=weight)})
        alone = LinearModel(config, toy_context(tmp_path))
        alone.fit(toy_cards(40), toy_cards(8, 1))
        shared = LinearModel(config, toy_context(tmp_path, kept=kept))
        shared.fit(toy_cards(40), toy_cards(8, 1))
        assert (shared.predict(toy_cards(20, 2)) == alone.predict(toy_cards(20, 2))).all()
    assert counted == [48, 48, 48]  # twice alone, once for both that share


@pytest.mark.parametrize("analyser", ["word", "char_wb"])
def test_terms_that_are_counted_for_all_vocabularies_are_those_of_scikit_learn(analyser):
    texts = pd.Series(["Хлеб  ржаной\u00a0хлеб", "", "ё", "Хлеб ΑΣ σας İx, 12-мл", "молоко хлеб"])
    part = TfidfVectorizer(analyzer=analyser, ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32)
    part.fit(["хлеб молоко", "чай ржаной хлеб σας"])
    made, wanted = transformed(part, texts, Kept()), part.transform(texts)
    assert wanted.nnz
    for name in ("indptr", "indices", "data"):
        assert (getattr(made, name) == getattr(wanted, name)).all()


def test_all_nodes_at_once_give_the_very_answers_of_each_by_itself(tmp_path, monkeypatch):
    model = LinearModel(TITLES, toy_context(tmp_path, labels=many_labels()))
    model.fit(many_cards(1680, 0), None)
    asked = pd.concat([many_cards(90, 1), many_cards(1, 1).assign(title="")])
    together, x = model.predict(asked), model.text.vectors(asked)
    margins = all_margins(x, model.nodes)
    assert len(margins) > 1
    assert all((margins[name] == node.margins(x)).all() for name, node in model.nodes.items())
    monkeypatch.setattr(linear_model, "AT_ONCE", 0)
    assert (model.predict(asked) == together).all()


def test_what_is_kept_is_bounded():
    kept, made = Kept(most=10), []

    def make(key: str) -> str:
        return kept.get(key, lambda: made.append(key) or key, lambda _: 4)

    for key in ("a", "b", "a", "c", "a", "b"):
        assert make(key) == key
    assert made == ["a", "b", "c", "b"]  # b was not asked for longest when c came


def test_a_node_with_a_card_for_each_class_is_no_warning(recwarn):
    fit_node(sp.csr_matrix(np.eye(30, dtype=np.float32)), np.arange(30), list(range(30)), 1.0, 0, None)
    assert not recwarn.list


def test_a_node_of_more_cards_than_terms_is_solved_as_any_other():
    """By the dual, whatever scikit-learn takes by itself: the primal takes several times as long there."""
    rng = np.random.default_rng(0)
    cards = sp.csr_matrix(rng.random((400, 20)).astype(np.float32))
    child = rng.integers(0, 3, 400)
    node = fit_node(cards, child, [0, 1, 2], 1.0, 0, None)
    dual = LinearSVC(C=1.0, dual=True, tol=1e-2, random_state=0, max_iter=200).fit(cards, child)
    assert np.array_equal(node.coef, dual.coef_.T.astype(np.float32))
