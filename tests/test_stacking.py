import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, as_written, competition_config, write_shop

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.base import DECODERS
from goods.metrics.evaluation import score
from goods.models.shap import shap_values
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.stage import prepare
from goods.report.card_explaining import explain_cards
from goods.report.explaining import explain
from goods.report.reasons import as_text
from goods.stack.boosting import baseline, inner_cards
from goods.stack.candidates import make_candidates
from goods.stack.choose import best_method, picked
from goods.stack.finished import FinishedStack
from goods.stack.fit import fit_stack
from goods.stack.level import make_level
from goods.stack.ranked import fill_unused, to_predictions
from goods.stack.settle import Settled, settle
from goods.stack.stage import stack
from goods.train.stage import train
from goods.tune.stage import tune
from goods.tune.study import with_params

CONFIGS = ROOT / "configs" / "kazanexpress2023"
STACK = ["model.experiments=[linear,fasttext]", "model.iterations=40"]


def predictions(classes, proba):
    return Predictions(np.arange(len(classes)), np.array(classes, np.int32), np.array(proba, np.float32))


ONE = predictions([[0, 1], [2, 0]], [[0.9, 0.1], [0.5, 0.4]])
TWO = predictions([[1, 0], [2, 3]], [[0.6, 0.3], [0.8, 0.1]])


def test_unused_columns_hold_distinct_other_classes():
    filled = fill_unused(np.array([[2, -2, -3], [0, 1, -3], [-1, -2, -3]], np.int32))
    assert filled.tolist() == [[2, 0, 1], [0, 1, 2], [0, 1, 2]]


def test_to_predictions_ranks_candidates_and_keeps_every_card():
    labels = Labels([1, 2, 3, 4], [("a",)] * 4, [("1",), ("2",), ("3",), ("4",)])
    table = make_candidates([ONE, TWO], 4, 0)
    made = to_predictions(
        table, np.array([0.2, 0.8, 0.1, 0.6, 0.3]), pd.DataFrame({"product_id": [5, 6]}), labels
    )
    assert made.classes.tolist() == [[1, 0, 2, 3], [2, 3, 0, 1]]
    assert np.allclose(made.proba, [[0.8, 0.2, 0, 0], [0.6, 0.3, 0.1, 0]])


def trained(ws, competition):
    for name in ("linear", "fasttext"):
        train(ws, competition, load_experiment(CONFIGS / f"{name}.yaml", fast(name)))


def fast(name):
    return ["model.epochs=15", "model.dim=16", "model.buckets=2000"] if name == "fasttext" else []


def test_the_stack_submits_the_better_method_and_its_score_recomputes(ws, competition):
    trained(ws, competition)
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    report = read_json(ws.run("stack").report)
    assert report["winner"] == max(report["methods"], key=lambda m: report["methods"][m]["score"])
    cards = select(load_cards(ws), "train")
    oof = Predictions.load(ws.run("stack").oof)
    assert oof.product_id.tolist() == cards.product_id.tolist()
    recomputed = score("weighted_f1", cards.target.to_numpy(), oof.classes[:, 0], Labels.load(ws))
    assert report["score"] == pytest.approx(recomputed, abs=1e-6)
    assert report["score"] >= min(report["base"].values())


def test_folds_used_by_a_study_are_left_out_of_every_score(ws, competition):
    config = load_experiment(CONFIGS / "linear.yaml", ["tuned_on=[0]"])
    train(ws, competition, config)
    train(ws, competition, load_experiment(CONFIGS / "fasttext.yaml", fast("fasttext")))
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    cards = select(load_cards(ws), "train")
    honest = load_folds(ws, cards) != 0
    report = read_json(ws.run("stack").report)
    oof = Predictions.load(ws.run("stack").oof)
    target = cards.target.to_numpy()
    assert report["tuned_on"] == [0]
    expected = score("weighted_f1", target[honest], oof.classes[honest, 0], Labels.load(ws))
    assert report["score"] == pytest.approx(expected, abs=1e-6)


def test_folds_used_below_an_experiment_are_left_out_of_its_score_too(ws, competition):
    train(ws, competition, load_experiment(CONFIGS / "fasttext.yaml", [*fast("fasttext"), "tuned_on=[0]"]))
    pseudo = "pseudo={experiments: [fasttext], min_confidence: 0.9}"
    train(ws, competition, load_experiment(CONFIGS / "linear.yaml", [pseudo]))
    assert read_json(ws.run("linear").report)["tuned_on"] == [0]


def test_a_stack_without_an_honest_fold_is_refused(ws, competition):
    train(ws, competition, load_experiment(CONFIGS / "linear.yaml", ["tuned_on=[0, 1]"]))
    train(ws, competition, load_experiment(CONFIGS / "fasttext.yaml", [*fast("fasttext"), "tuned_on=[2]"]))
    with pytest.raises(GoodsError, match="used every fold"):
        stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))


def test_with_a_single_honest_fold_its_method_is_chosen_on_the_others(ws, competition):
    level, _ = level_and_predictions(ws, competition)
    few = replace(level, tuned_on=(1, 2))  # only fold 0 is scored
    good = to_predictions(level.table, np.exp(level.table.log_proba[:, 0]), level.train, level.labels)
    poor = to_predictions(level.table, np.exp(-level.table.log_proba[:, 0]), level.train, level.labels)
    settled = {"good": settle(few, good, "argmax"), "poor": settle(few, poor, "argmax")}
    poor_right_there = np.where(few.fold == 0, settled["poor"].predictions.classes[:, 0], few.target)
    assert best_method(replace(few, target=poor_right_there), settled, without=0) == "good"


@pytest.mark.slow
def test_another_metric_is_another_stack(ws, competition):
    trained(ws, competition)
    config = load_experiment(CONFIGS / "stack.yaml", STACK)
    stack(ws, competition, config)
    macro = competition.model_copy(update={"metric": "macro_f1"})
    train(ws, macro, load_experiment(CONFIGS / "linear.yaml"))
    assert read_json(ws.run("linear").report)["metric"] == "macro_f1"
    stack(ws, macro, config)
    assert read_json(ws.run("stack").report)["metric"] == "macro_f1"


def test_where_every_candidate_is_right_the_blend_stands(ws, competition):
    level, _ = level_and_predictions(ws, competition)
    right = level.table.cls == level.target[level.table.card]
    sure = replace(level, table=level.table.take(right), features=level.features[right])
    fitted = fit_stack(sure, 0, ["catboost"])
    assert fitted.booster is None
    found = fitted.apply(sure.maker, sure.model, sure.table, sure.features, ["catboost"])["catboost"]
    assert np.allclose(found, 1)


def test_a_best_config_does_not_keep_a_refit(ws, competition):
    config = load_experiment(CONFIGS / "linear.yaml", ["refit=true"])
    assert config.refit
    assert not with_params(config, {"C": 0.5}).refit


def shuffled_and_trained(tmp_path, competition, n_train):
    """A workspace whose train labels are shuffled, its base models trained on them."""
    shop = write_shop(tmp_path / "shop", n_train=n_train)
    frame = pd.read_parquet(shop / "train.parquet")
    shuffled = frame[["category_id", "category_name"]].sample(frac=1, random_state=3).reset_index(drop=True)
    frame.assign(**shuffled).to_parquet(shop / "train.parquet", index=False)
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition, shop)
    make_folds(ws, competition)
    trained(ws, competition)
    return ws


def test_shuffled_labels_score_at_chance_through_the_stack(tmp_path):
    competition = competition_config()
    ws = shuffled_and_trained(tmp_path, competition, n_train=600)
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    share = pd.Series(select(load_cards(ws), "train").target).value_counts(normalize=True)
    chance = share.iloc[0]  # accuracy of always saying the most frequent class
    for report in read_json(ws.run("stack").report)["methods"].values():
        assert report["scores"]["accuracy"] < chance + 3 * np.sqrt(chance * (1 - chance) / 600)


def test_a_leaking_feature_would_be_seen_by_the_shuffle_test(tmp_path):
    """The chance test can fail: a base model that saw the labels lifts shuffled labels far above chance."""
    competition = competition_config()
    ws = shuffled_and_trained(tmp_path, competition, n_train=300)
    cards = select(load_cards(ws), "train")
    run = ws.run("linear")
    oof = Predictions.load(run.oof)
    leaked = np.stack([cards.target.to_numpy(), (cards.target.to_numpy() + 1) % 6], 1).astype(np.int32)
    Predictions(oof.product_id, leaked, np.full(leaked.shape, [0.9, 0.1], np.float32)).save(run.oof)
    as_written(run.path)
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    assert read_json(ws.run("stack").report)["scores"]["accuracy"] > 0.9


def test_a_stack_of_untrained_experiments_is_refused(ws, competition):
    with pytest.raises(GoodsError, match=r"run scripts/train\.py for linear first"):
        stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))


def test_probabilities_on_disk_are_calibrated_and_the_report_says_how(ws, competition):
    trained(ws, competition)
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    report = read_json(ws.run("stack").report)
    assert set(report["calibration"]) == {"stack", "linear", "fasttext"}
    for both in report["calibration"].values():
        assert 0 <= both["after"]["ece"] <= 1
        assert sum(cards for _, _, cards in both["before"]["reliability"]) == 240
    assert [c["wanted_precision"] for c in report["coverage"]] == [0.95, 0.99]
    assert set(report["decoders"]) == set(DECODERS)
    assert report["recall"]["all"]["recall"] >= report["recall"]["models@2"]["recall"]
    oof = Predictions.load(ws.run("stack").oof)
    assert np.allclose(oof.proba.sum(1), 1, atol=1e-5)


def level_and_predictions(ws, competition):
    """A stack's level and noisy predictions of its cards."""
    trained(ws, competition)
    level = make_level(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    rng = np.random.default_rng(0)
    table = level.table
    value = np.exp(table.log_proba[:, 0]) * rng.random(len(table.card))
    return level, to_predictions(table, value, level.train, level.labels)


@pytest.mark.parametrize("decoder", ["argmax", "class_bias", "expected_hierarchical_f1"])
def test_temperature_and_decoding_of_a_fold_do_not_see_its_labels(ws, competition, decoder):
    level, raw = level_and_predictions(ws, competition)
    own = level.fold == 1
    changed = replace(level, target=np.where(own, (level.target + 1) % 6, level.target))
    before, after = settle(level, raw, decoder), settle(changed, raw, decoder)
    assert np.array_equal(before.predictions.proba[own], after.predictions.proba[own])
    assert np.array_equal(before.predictions.classes[own], after.predictions.classes[own])
    assert not np.array_equal(before.predictions.proba[~own], after.predictions.proba[~own])


def test_the_method_of_a_fold_is_chosen_on_the_others(ws, competition):
    level, raw = level_and_predictions(ws, competition)
    wrong = (level.target + 1) % 6
    # "one" is right on fold 0 and wrong elsewhere, "two" the other way round
    right_on = {"one": level.fold == 0, "two": level.fold != 0}
    settled = {}
    for name, rows in right_on.items():
        classes = np.where(rows, level.target, wrong)[:, None].astype(np.int32)
        settled[name] = Settled(Predictions(raw.product_id, classes, np.ones((240, 1), "f4")), 1.0, {})
    assert best_method(level, settled, without=None) == "two"
    assert best_method(level, settled, without=0) == "two"
    assert picked(level, settled, ["two", "one", "one"]).classes[:, 0].tolist() == wrong.tolist()
    # only folds no study has used have a say
    assert best_method(replace(level, tuned_on=(1, 2)), settled, without=1) == "one"


def test_the_log_loss_decides_between_methods_the_score_cannot_tell_apart(ws, competition):
    level, raw = level_and_predictions(ws, competition)
    wrong = (level.target + 1) % 6

    def saying(right, confidence):
        classes = np.stack([np.where(right, level.target, wrong), np.where(right, wrong, level.target)], 1)
        proba = np.tile(np.array([confidence, 1 - confidence], "f4"), (240, 1))
        return Settled(Predictions(raw.product_id, classes.astype(np.int32), proba), 1.0, {})

    order = np.arange(240)
    rash, careful = saying(order >= 20, 0.999), saying((order >= 3) & (order < 222), 0.9)
    # 21 wrong against 20, of 38 cards on which they differ: a standard error is more than six cards
    assert best_method(level, {"rash": rash, "careful": careful}, without=None) == "careful"
    poor = saying(order >= 40, 0.9)  # 40 wrong against 20 of 20 on which they differ: a real difference
    assert best_method(level, {"rash": rash, "poor": poor}, without=None) == "rash"


def test_what_is_fitted_for_a_fold_does_not_see_its_labels(ws, competition):
    level, _ = level_and_predictions(ws, competition)
    own = level.fold == 1
    changed = replace(level, target=np.where(own, (level.target + 1) % 6, level.target))
    methods = ["best_single", "weighted", "greedy", "blend", "logistic", "catboost", "multiclass"]
    found = []
    for one in (level, changed):
        fitted = fit_stack(one, 1, methods)
        found.append(fitted.apply(one.maker, one.model, one.table, one.features, methods))
    for method in methods:
        assert np.array_equal(found[0][method], found[1][method]), method
    other = fit_stack(changed, 0, ["blend"]).pools["blend"].weights
    assert not np.array_equal(fit_stack(level, 0, ["blend"]).pools["blend"].weights, other)


def test_a_saved_fold_stack_says_the_same_and_new_cards_get_what_test_cards_got(ws, competition):
    trained(ws, competition)
    config = load_experiment(CONFIGS / "stack.yaml", [*STACK, "model.methods=[catboost]"])
    stack(ws, competition, config)
    test = select(load_cards(ws), "test")
    base = [Predictions.load(ws.run(name).test) for name in ("linear", "fasttext")]
    again = FinishedStack.load(ws, competition, config).predict(test, base)
    written = Predictions.load(ws.run("stack").test)
    assert np.array_equal(again.classes, written.classes)
    assert np.allclose(again.proba, written.proba, atol=1e-6)


def test_multiclass_is_left_out_where_it_does_not_fit(ws, competition, capsys):
    trained(ws, competition)
    settings = [*STACK, "model.methods=[blend,multiclass]", "model.multiclass_iterations=5"]
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", settings))
    assert set(read_json(ws.run("stack").report)["methods"]) == {"blend", "multiclass"}
    capsys.readouterr()
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", [*settings, "model.multiclass_cells=100"]))
    assert set(read_json(ws.run("stack").report)["methods"]) == {"blend"}
    assert "1,440 cards × classes are more than multiclass_cells=100" in capsys.readouterr().err


@pytest.mark.parametrize("loss", ["QuerySoftMax", "YetiRank"])
def test_ranking_losses_and_monotone_constraints(ws, competition, loss):
    trained(ws, competition)
    settings = [*STACK, "model.iterations=15", f"model.loss={loss}", "model.methods=[best_single,catboost]"]
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", settings))
    methods = read_json(ws.run("stack").report)["methods"]
    assert methods["catboost"]["score"] > methods["best_single"]["score"] - 0.05


def test_monotone_constraints_and_vector_scaling_can_be_asked_for(ws, competition):
    trained(ws, competition)
    settings = [*STACK, "model.monotone=true", "model.calibration=vector", "model.methods=[catboost]"]
    stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", settings))
    assert read_json(ws.run("stack").report)["score"] > 0.8


NAMES = """Самовары Гитары Палатки Аквариумы Термометры Скакалки Пианино Бинокли Глобусы Верстаки Удочки Гантели
Фонари Микроскопы Барабаны Коляски Зонты Велосипеды Гамаки Штативы Компасы Мольберты Пазлы Качели Батуты Шахматы
Карнизы Лестницы Насосы Паяльники Матрасы Шторы Рюкзаки Телескопы Скрипки Флейты Сёдла Ласты Клюшки Коньки"""
RARE = {id_: (f"Редкое->{name}", name.lower()) for id_, name in enumerate(NAMES.split(), 41)}
BY_SHOP = list(RARE)[-16:]  # given away by their shop, whose only goods they are; of all but the last two the
BY_SHOP_ALONE = BY_SHOP[-2:]  # shop sells four more
BY_NAME = list(RARE)[:-16]
NEVER = {  # leaves of the tree with test cards and no train card
    id_: (f"Редкое->{name}", name.lower())
    for id_, name in enumerate(["Арфы", "Веера", "Лупы", "Кегли", "Рогатки", "Подковы"], 91)
}


def shop_with_rare_classes(folder):
    """The small shop, and 46 small classes with a test card each, most with a single train card, six with none.

    What is known by name shares only the category's name, in another form, with its train card, and its shop sells
    all kinds; what is known by shop shares nothing else.
    """
    shop = write_shop(folder, n_train=300, n_test=30)
    train, test = pd.read_parquet(shop / "train.parquet"), pd.read_parquet(shop / "test.parquet")
    rows, numbers = {"train": [], "test": []}, iter(range(10_000))
    for leaf, (path, word) in (RARE | NEVER).items():
        by_shop = leaf in BY_SHOP
        extra = 4 if by_shop and leaf not in BY_SHOP_ALONE else 0
        for split, base in [
            ("train", 9000),
            ("test", 9500),
            *[("train", 9600 + 100 * i) for i in range(extra)],
        ]:
            named = word if split == "train" else word[:-1]
            fields = {"title": f"{'товар' if by_shop else named} номер{next(numbers)}", "description": ""}
            row = train.iloc[0].to_dict()
            row |= {"product_id": base + leaf, "category_id": leaf, "category_name": f"Все категории->{path}"}
            row |= {"text_fields": json.dumps(fields), "shop_title": f"Лавка {leaf if by_shop else 0}"}
            if split == "test" or leaf in RARE:
                rows[split].append(row)
    pd.concat([train, pd.DataFrame(rows["train"])]).to_parquet(shop / "train.parquet", index=False)
    extra_test = pd.DataFrame(rows["test"])[test.columns]
    pd.concat([test, extra_test]).to_parquet(shop / "test.parquet", index=False)
    tree = (shop / "categories_tree.csv").read_text() + "40,Редкое,1\n"
    tree += "".join(f"{leaf},{path.split('->')[1]},40\n" for leaf, (path, _) in (RARE | NEVER).items())
    (shop / "categories_tree.csv").write_text(tree)
    return shop


@pytest.mark.slow
def test_a_class_with_one_train_card_is_predicted_where_its_name_or_shop_gives_it_away(tmp_path):
    competition = competition_config()
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition, shop_with_rare_classes(tmp_path / "shop"))
    make_folds(ws, competition)
    trained(ws, competition)
    config = load_experiment(CONFIGS / "stack.yaml", [STACK[0], "model.methods=[catboost]"])
    stack(ws, competition, config)
    labels, test = Labels.load(ws), Predictions.load(ws.run("stack").test)
    assert labels.n_classes == 6 + len(RARE) + len(NEVER)  # no class is dropped
    predicted = dict(zip(test.product_id.tolist(), test.classes[:, 0].tolist(), strict=True))
    right = {leaf: labels.ids[predicted[9500 + leaf]] == leaf for leaf in RARE | NEVER}
    assert np.mean([right[leaf] for leaf in NEVER]) >= 0.5
    assert np.mean([right[leaf] for leaf in BY_NAME]) >= 0.8
    assert all(right[leaf] for leaf in BY_SHOP_ALONE)
    # out of fold no base model knows the class of a single card: its name alone speaks for it
    level = make_level(ws, competition, config)
    rare = np.flatnonzero(level.train.product_id.isin([9000 + leaf for leaf in BY_NAME]))
    entries = np.isin(level.table.card, rare) & (level.table.cls == level.target[level.table.card])
    assert entries.sum() == len(rare)  # all are candidates
    assert level.table.named["category name"][entries].all()
    oof = Predictions.load(ws.run("stack").oof)
    assert (oof.classes[rare, 0] == level.target[rare]).mean() >= 0.8


def test_single_cards_are_explained(ws, competition):
    trained(ws, competition)
    for method in ("catboost", "logistic", "greedy"):
        config = load_experiment(CONFIGS / "stack.yaml", [*STACK, f"model.methods=[{method}]"])
        stack(ws, competition, config)
        cards = load_cards(ws)
        train_id, test_id = (int(cards.product_id[cards.split == s].iloc[0]) for s in ("train", "test"))
        explained = explain_cards(ws, competition, "stack", [train_id, test_id])
        assert set(explained) == {train_id, test_id}
        for product_id, candidates in explained.items():
            file = ws.run("stack").oof if product_id == train_id else ws.run("stack").test
            written = Predictions.load(file).aligned(np.array([product_id]))
            best = " → ".join(Labels.load(ws).paths[written.classes[0, 0]])
            assert candidates[0].category == best
            weights = [abs(r.contribution) for r in candidates[0].reasons]
            assert weights == sorted(weights, reverse=True)
            assert best in as_text(product_id, "title", candidates)
    said = explain(ws, competition, "stack", [str(train_id), str(test_id)], 2)
    labels = Labels.load(ws)
    answer = {
        id_: " → ".join(labels.paths[Predictions.load(file).aligned(np.array([id_])).classes[0, 0]])
        for id_, file in ((train_id, ws.run("stack").oof), (test_id, ws.run("stack").test))
    }
    true = " → ".join(labels.paths[cards.set_index("product_id").target[train_id]])
    known, asked = said.split(f"\n{test_id}  ")
    assert f"\n  true class: {true}\n" in known and f"were it a test card: {answer[train_id]}\n" in known
    assert f"\n  submitted class: {answer[test_id]}\n" in asked and "true class" not in asked
    assert asked.endswith("docs/howto.md, Glossary of reasons")
    with pytest.raises(GoodsError, match="product_id 77 is neither"):
        explain_cards(ws, competition, "stack", [77])
    with pytest.raises(GoodsError, match="family linear, not stack"):
        explain_cards(ws, competition, "linear", [train_id])


def test_shap_values_add_up_to_the_booster_s_raw_score(ws, competition):
    level, _ = level_and_predictions(ws, competition)
    fitted = fit_stack(level, 0, ["catboost"])
    few = level.table.card < 5
    table = fitted.calibrated(level.table.take(few))
    blend = fitted.pools["blend"](table)
    features = level.maker.with_blend(level.features[few], table, blend)
    added, base = shap_values(fitted.booster, features, baseline(level.model, blend))
    raw = fitted.booster.predict(features, prediction_type="RawFormulaVal") + baseline(level.model, blend)
    assert np.allclose(added.sum(1) + base, raw, atol=1e-4)


def test_a_stack_can_be_tuned_and_its_folds_are_left_out_of_the_score(ws, competition):
    trained(ws, competition)
    study = "tune={trials: 2, folds: [0], startup_trials: 1, space: {depth: {low: 2, high: 5}}}"
    tune(ws, competition, load_experiment(CONFIGS / "stack.yaml", [*STACK, study]))
    best = load_experiment(ws.tuning("stack") / "best.yaml")
    assert (best.name, best.tuned_on) == ("stack-tuned", (0,))
    stack(ws, competition, best)
    assert read_json(ws.run("stack-tuned").report)["tuned_on"] == [0]
    with pytest.raises(
        GoodsError, match=r"tune\.space names min_proba, which a study of a stack cannot vary"
    ):
        tune(
            ws,
            competition,
            load_experiment(CONFIGS / "stack.yaml", [*STACK, study.replace("depth", "min_proba")]),
        )


def test_a_boosting_that_is_given_many_cards_draws_some_and_keeps_its_inner_split(ws, competition):
    level, _ = level_and_predictions(ws, competition)
    few = replace(level, model=level.model.model_copy(update={"max_cards": 100}))
    fitted = fit_stack(few, 0, ["catboost"])
    assert fitted.booster.tree_count_ > 0
    rows = np.flatnonzero(level.fold != 0)
    assert inner_cards(level.target, rows, 42)[level.fold == 0].sum() == 0
