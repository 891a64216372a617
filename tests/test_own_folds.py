"""Folds of a file, of columns, of a validation file and in order of time: no fold is scored by models that saw it."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, competition_config, write_shop
from pydantic import ValidationError

from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import ALL, Workspace
from goods.models.text.linear_model import LinearModel
from goods.prepare.folds import load_dealt, make_folds
from goods.prepare.given import given_folds, validation_fold
from goods.prepare.stage import prepare
from goods.problems.cards import CardsProblem
from goods.problems.folds import UNSCORED, Folds
from goods.problems.grouping import balanced_folds, groups_by, groups_of, joined
from goods.problems.windows import times, windows
from goods.stack.features import CandidateFeatures
from goods.stack.finished import FinishedStack
from goods.stack.stage import stack
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
LINEAR, STACK = CONFIGS / "linear.yaml", CONFIGS / "stack.yaml"
JOINED = ["model.experiments=[linear]", "model.iterations=10"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A prepared shop of 120 cards, its workspace and folder of raw files; tests deal folds of their own."""
    folder = tmp_path_factory.mktemp("prepared")
    shop, ws = (
        write_shop(folder / "shop", n_train=120, n_test=20),
        Workspace(folder / "work", "kazanexpress2023"),
    )
    prepare(ws, competition_config(), shop)
    return ws, shop


@pytest.fixture
def ws(prepared):
    workspace, _ = prepared
    yield workspace
    for path in (workspace.folds, workspace.folds.with_suffix(".json")):
        path.unlink(missing_ok=True)


def train_cards(ws):
    return select(load_cards(ws), "train")


def given(ws, folder, **columns):
    """A file of folds of the train cards, in another order than theirs."""
    cards = train_cards(ws)
    table = pd.DataFrame({"id": cards.product_id, "fold": np.arange(len(cards)) % 3}).assign(**columns)
    table.sample(frac=1, random_state=1).to_csv(folder / "mine.csv", index=False)
    return folder / "mine.csv"


def test_given_folds_stay_until_they_are_removed(ws, tmp_path, capsys):
    cards = train_cards(ws)
    path = given(ws, tmp_path, group=[f"g{i % 3}" for i in range(len(cards))])
    make_folds(ws, competition_config(), given=path)
    kept = ws.folds.read_bytes()
    assert load_dealt(ws, cards).fold.tolist() == (np.arange(len(cards)) % 3).tolist()
    assert len(set(load_dealt(ws, cards).groups)) == 3
    make_folds(ws, competition_config(seed=7), force=True)
    assert ws.folds.read_bytes() == kept
    assert "those of mine.csv kept" in capsys.readouterr().err
    with pytest.raises(GoodsError, match=r"order_by of competition\.yaml says what is scored"):
        make_folds(ws, competition_config(order_by="product_id"))
    with pytest.raises(GoodsError, match="another n_folds; give it again"):
        make_folds(ws, competition_config(n_folds=4))
    ws.folds.unlink()
    make_folds(ws, competition_config())
    assert load_dealt(ws, cards).groups is None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.iloc[1:], "1 of 120 train cards are missing, id"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "occurs twice"),
        (lambda t: pd.concat([t, t.iloc[:1].assign(id=9)]), "id 9 is no train card"),
        (lambda t: t.assign(fold=t.fold % 2), "fold 2 is empty, n_folds is 3"),
        (lambda t: t.assign(fold=t.fold + 1), "is 3, expected 0 to 2"),
        (lambda t: t.assign(fold=t.fold * 0.5), "is 0.5, expected 0 to 2"),
        (lambda t: t.assign(fold="a"), "is a, expected 0 to 2"),
        (lambda t: t.rename(columns={"fold": "part"}), "column 'fold' is missing"),
        (lambda t: t.assign(id=t.id.astype(str) + "x"), "not a whole number"),
        (lambda t: t.assign(group=0), "are of one group and in folds"),
        (lambda t: t.iloc[:0], "holds no rows"),
        (lambda t: pd.concat([t, t.fold], axis=1), "there are several columns 'fold'; keep one"),
    ],
)
def test_a_file_of_folds_that_is_no_deal_of_the_cards_is_refused(ws, tmp_path, spoil, message):
    path = given(ws, tmp_path)
    spoil(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(GoodsError, match=message):
        make_folds(ws, competition_config(), given=path)
    assert not ws.folds.exists()


def test_ids_of_a_file_may_be_texts_and_an_empty_group_is_none(tmp_path):
    known = pd.Series(["007", "a b", "NULL-1", "8"])
    table = pd.DataFrame({"id": known[::-1], "fold": [1, 1, 0, 0], "group": ["x", "x", None, None]})
    table.to_csv(tmp_path / "mine.csv", index=False)
    found = given_folds(tmp_path / "mine.csv", pd.DataFrame({"product_id": known}), known, 2)
    assert found.fold.tolist() == [0, 0, 1, 1]
    assert found.group[2] == found.group[3]
    assert found.group.nunique() == 3
    more = pd.concat([known, pd.Series(["9"])], ignore_index=True)
    fold = validation_fold(tmp_path / "mine.csv", pd.DataFrame({"product_id": more}), more)
    assert fold.tolist() == [0, 0, 0, 0, UNSCORED]


def test_ids_of_a_file_of_folds_that_are_lists_or_went_through_a_float_are_refused(tmp_path):
    known = pd.Series([2**53, 2**53 + 2, 3, 4])
    cards = pd.DataFrame({"product_id": known})
    pd.DataFrame({"id": [[1], [2], [3], [4]], "fold": [0, 1, 0, 1]}).to_parquet(tmp_path / "lists.parquet")
    with pytest.raises(
        GoodsError, match=r"lists.parquet: row 0: 'id' is .1., not a whole number; mend that row"
    ):
        given_folds(tmp_path / "lists.parquet", cards, known, 2)
    (tmp_path / "floats.csv").write_text(f"id,fold\n3,0\n4,1\n{2**53 + 1}.0,0\n{2**53 + 2}.0,1\n")
    with pytest.raises(GoodsError, match=r"floats.csv: row 2: 'id' 9007199254740992 went through a float"):
        given_folds(tmp_path / "floats.csv", cards, known, 2)


def test_groups_may_be_lists():
    cards = pd.DataFrame({"shops": [[1, 2], [3], [1, 2], None]})
    groups = groups_by(cards, "shops")
    assert groups[0] == groups[2] and len(set(groups.tolist())) == 3


def test_given_folds_that_part_a_group_of_the_competition_are_refused(ws, tmp_path):
    with pytest.raises(GoodsError, match="are of one group and in folds"):
        make_folds(ws, competition_config(group_by=["shop"]), given=given(ws, tmp_path))


def test_a_column_s_values_and_near_duplicates_are_kept_together_through_each_other():
    cards = pd.DataFrame(
        {
            "product_id": range(6),
            "title": ["a 1", "a 2", "b", "c", "d", "e"],
            "shop": ["x", "x", "x", "", "y", "y"],
            "brand": ["p", "q", "q", "", None, "r"],
        }
    )
    both = groups_of(cards, competition_config(group_by=["brand"], group_near_duplicates=True))
    assert both[0] == both[1] == both[2]  # 0 and 1 by title, 1 and 2 by brand
    assert len(set(both)) == 4  # no brand is no brand in common
    with pytest.raises(GoodsError, match="cards have no column 'colour'; there are product_id, title"):
        groups_of(cards, competition_config(group_by=["colour"]))
    assert joined([both]) is both


def test_groups_of_very_different_size_fill_folds_alike_and_are_never_parted():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(120), rng.integers(1, 30, 120))
    target = rng.integers(0, 7, len(groups))
    fold = balanced_folds(target, groups, 5, 1)
    assert pd.Series(fold).groupby(groups).nunique().max() == 1
    sizes = np.bincount(fold)
    assert sizes.max() < 1.1 * sizes.min()
    for cls in range(7):
        assert np.bincount(fold[target == cls], minlength=5).min() > 0.6 * (target == cls).sum() / 5


def test_folds_by_a_column_never_part_its_values(ws):
    make_folds(ws, competition_config(group_by=["shop"], n_folds=2))
    cards = train_cards(ws)
    assert pd.Series(load_dealt(ws, cards).fold).groupby(cards.shop.to_numpy()).nunique().max() == 1
    assert load_dealt(ws, cards).groups is not None


def test_windows_go_in_order_of_time_and_part_no_moment():
    cards = pd.DataFrame(
        {"product_id": range(12), "day": [f"2024-05-{1 + i // 2:02d}" for i in range(12)][::-1]}
    )
    fold = windows(cards, "day", 2)
    assert fold.tolist() == [1] * 4 + [0] * 4 + [UNSCORED] * 4
    with pytest.raises(GoodsError, match="product_id 0 is 'soon'; expected a number or a date"):
        windows(cards.assign(day=["soon", *cards.day[1:]]), "day", 2)
    with pytest.raises(GoodsError, match="has 2 different values"):
        windows(cards.assign(day=[1, 2] * 6), "day", 2)


def test_a_window_s_models_see_earlier_cards_alone_and_none_of_its_groups():
    fold = np.array([UNSCORED, UNSCORED, 0, 0, 1, 1], np.int8)
    folds = Folds(fold, np.array([0, 1, 0, 2, 2, 3]), expanding=True)
    rows, problem = pd.DataFrame({"product_id": range(6)}), CardsProblem()
    assert np.flatnonzero(folds.may_fit(problem, rows, 0)).tolist() == [1]
    assert np.flatnonzero(folds.may_fit(problem, rows, 1)).tolist() == [0, 1, 2]
    assert folds.may_fit(problem, rows, ALL).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_folds": 1},
        {"validation": "v.csv", "n_folds": 3},
        {"validation": "v.csv", "order_by": "product_id", "n_folds": 1},
    ],
)
def test_keys_that_do_not_go_together_are_refused(wrong):
    with pytest.raises(ValidationError):
        competition_config(**wrong)


def seen(monkeypatch):
    """Ids that linear models were fitted on or stopped by, fit by fit; those that evidence of the stack was made of."""
    fits, evidence = [], []
    fit, make = LinearModel.fit, CandidateFeatures.__init__

    def spying_fit(self, known, valid):
        fits.append({*known.product_id, *valid.product_id})
        fit(self, known, valid)

    def spying_make(self, known, *others):
        evidence.append(set(known.product_id))
        make(self, known, *others)

    monkeypatch.setattr(LinearModel, "fit", spying_fit)
    monkeypatch.setattr(CandidateFeatures, "__init__", spying_make)
    return fits, evidence


def check_stacked(ws, competition, fits, evidence, allowed):
    """`allowed`: per fold the ids that its models may see. All is trained, and only the scored cards have an answer."""
    cards = train_cards(ws)
    for may, fitted in zip(allowed, fits, strict=True):
        assert fitted
        assert fitted <= may
    stack(ws, competition, load_experiment(STACK, JOINED))
    assert evidence[0] == set(cards.product_id)  # for test cards
    for may, known in zip(allowed, evidence[1:], strict=True):
        assert known
        assert known <= may
    scored = cards.product_id[load_dealt(ws, cards).scored].tolist()
    for name in ("linear", "stack"):
        assert Predictions.load(ws.run(name).oof).product_id.tolist() == scored
        assert read_json(ws.run(name).report)["score"] > 0.5


def test_in_order_of_time_no_model_sees_what_came_later(ws, monkeypatch):
    competition = competition_config(order_by="product_id", n_folds=2)
    make_folds(ws, competition)
    fits, evidence = seen(monkeypatch)
    train(ws, competition, load_experiment(LINEAR))
    ids = train_cards(ws).product_id.to_numpy()
    fold = load_dealt(ws, train_cards(ws)).fold
    allowed = [set(ids[ids < ids[fold == k].min()]) for k in range(2)]
    check_stacked(ws, competition, fits, evidence, allowed)
    last = Predictions.load(ws.run("linear").fold(1) / "test.npz")
    assert (Predictions.load(ws.run("linear").test).proba == last.proba).all()


def test_a_validation_file_s_cards_are_scored_and_never_fitted_on(prepared, ws, monkeypatch):
    _, shop = prepared
    cards = train_cards(ws)
    cards[["product_id"]].iloc[::3].to_parquet(shop / "valid.parquet")
    competition = competition_config(validation="valid.parquet", n_folds=1)
    make_folds(ws, competition)
    assert load_dealt(ws, cards).fold.tolist() == [UNSCORED if i % 3 else 0 for i in range(len(cards))]
    fits, evidence = seen(monkeypatch)
    train(ws, competition, load_experiment(LINEAR))
    check_stacked(ws, competition, fits, evidence, [set(cards.product_id) - set(cards.product_id.iloc[::3])])
    config, test = load_experiment(STACK, JOINED), select(load_cards(ws), "test")
    base = [Predictions.load(ws.run("linear").test)]
    again = FinishedStack.load(ws, competition, config).predict(test, base)
    assert (again.classes[:, 0] == Predictions.load(ws.run("stack").test).classes[:, 0]).all()


def test_pseudo_labels_need_folds_of_all_cards(ws):
    competition = competition_config(order_by="product_id", n_folds=2)
    make_folds(ws, competition)
    with pytest.raises(GoodsError, match="has order_by or validation"):
        train(ws, competition, load_experiment(CONFIGS / "linear-pseudo.yaml"))


def test_repeats_need_folds_that_are_dealt(ws, tmp_path):
    with pytest.raises(GoodsError, match="there is one such assignment"):
        make_folds(ws, competition_config(repeats=2), given=given(ws, tmp_path))
    with pytest.raises(ValidationError, match="leave repeats out"):
        competition_config(repeats=2, order_by="product_id")


def test_a_card_without_its_place_in_time_is_told_with_its_cell_as_the_file_has_it():
    cards = pd.DataFrame({"product_id": [7, 8], "number:year": [2020.0, np.nan]})
    with pytest.raises(GoodsError, match=r"order_by: number:year of product_id 8 is nan; expected a number"):
        times(cards, "number:year")
