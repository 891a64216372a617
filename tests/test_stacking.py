"""The second level through its stage: methods, submission, reasons."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, as_written
from stacks import ONE, STACK, TWO

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.metrics.base import DECODERS
from goods.metrics.evaluation import score
from goods.models.shap import shap_values
from goods.report.card_explaining import explain_cards
from goods.report.explaining import explain
from goods.report.reasons import as_text
from goods.stack.boosting import baseline, inner_cards
from goods.stack.candidates import make_candidates
from goods.stack.finished import FinishedStack
from goods.stack.fit import fit_stack
from goods.stack.ranked import fill_unused, to_predictions
from goods.stack.stage import stack
from goods.train.stage import train
from goods.tune.stage import tune
from goods.tune.study import with_params

CONFIGS = ROOT / "configs" / "kazanexpress2023"


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


def test_the_stack_submits_the_better_method_and_its_score_recomputes(trained, competition):
    stack(trained, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    report = read_json(trained.run("stack").report)
    assert report["winner"] == max(report["methods"], key=lambda m: report["methods"][m]["score"])
    cards = select(load_cards(trained), "train")
    oof = Predictions.load(trained.run("stack").oof)
    assert oof.product_id.tolist() == cards.product_id.tolist()
    recomputed = score("weighted_f1", cards.target.to_numpy(), oof.classes[:, 0], Labels.load(trained))
    assert report["score"] == pytest.approx(recomputed, abs=1e-6)
    assert report["score"] >= min(report["base"].values())


@pytest.mark.slow
def test_another_metric_is_another_stack(trained, competition):
    config = load_experiment(CONFIGS / "stack.yaml", STACK)
    stack(trained, competition, config)
    macro = competition.model_copy(update={"metric": "macro_f1"})
    train(trained, macro, load_experiment(CONFIGS / "linear.yaml"))
    assert read_json(trained.run("linear").report)["metric"] == "macro_f1"
    stack(trained, macro, config)
    assert read_json(trained.run("stack").report)["metric"] == "macro_f1"


def test_where_every_candidate_is_right_the_blend_stands(level_and_noise):
    level, _ = level_and_noise
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


def test_a_stack_of_untrained_experiments_is_refused(ws, competition):
    with pytest.raises(
        GoodsError, match=r"run scripts/train\.py configs/kazanexpress2023/linear\.yaml first"
    ):
        stack(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))


def test_an_experiment_that_names_classes_there_are_not_is_not_joined(trained, competition):
    run = trained.run("linear")
    said = Predictions.load(run.oof)
    replace(said, classes=said.classes + 3).save(run.oof)
    as_written(run.path)
    with pytest.raises(GoodsError, match=r"oof.npz: names class 8 of 6; train that experiment again"):
        stack(trained, competition, load_experiment(CONFIGS / "stack.yaml", STACK))


def test_probabilities_on_disk_are_calibrated_and_the_report_says_how(trained, competition):
    stack(trained, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    report = read_json(trained.run("stack").report)
    assert set(report["calibration"]) == {"stack", "linear", "fasttext"}
    for both in report["calibration"].values():
        assert 0 <= both["after"]["ece"] <= 1
        assert sum(cards for _, _, cards in both["before"]["reliability"]) == 240
    assert [c["wanted_precision"] for c in report["coverage"]] == [0.95, 0.99]
    assert set(report["decoders"]) == set(DECODERS)
    assert report["recall"]["all"]["recall"] >= report["recall"]["models@2"]["recall"]
    oof = Predictions.load(trained.run("stack").oof)
    assert np.allclose(oof.proba.sum(1), 1, atol=1e-5)


def test_a_saved_fold_stack_says_the_same_and_new_cards_get_what_test_cards_got(trained, competition):
    config = load_experiment(CONFIGS / "stack.yaml", [*STACK, "model.methods=[catboost]"])
    stack(trained, competition, config)
    test = select(load_cards(trained), "test")
    base = [Predictions.load(trained.run(name).test) for name in ("linear", "fasttext")]
    again = FinishedStack.load(trained, competition, config).predict(test, base)
    written = Predictions.load(trained.run("stack").test)
    assert np.array_equal(again.classes, written.classes)
    assert np.allclose(again.proba, written.proba, atol=1e-6)


def test_multiclass_is_left_out_where_it_does_not_fit(trained, competition, capsys):
    settings = [*STACK, "model.methods=[blend,multiclass]", "model.multiclass_iterations=5"]
    stack(trained, competition, load_experiment(CONFIGS / "stack.yaml", settings))
    assert set(read_json(trained.run("stack").report)["methods"]) == {"blend", "multiclass"}
    capsys.readouterr()
    stack(
        trained,
        competition,
        load_experiment(CONFIGS / "stack.yaml", [*settings, "model.multiclass_cells=100"]),
    )
    assert set(read_json(trained.run("stack").report)["methods"]) == {"blend"}
    assert "1,440 cards × classes are more than multiclass_cells=100" in capsys.readouterr().err


@pytest.mark.parametrize("loss", ["QuerySoftMax", "YetiRank"])
def test_ranking_losses_and_monotone_constraints(trained, competition, loss):
    settings = [*STACK, "model.iterations=15", f"model.loss={loss}", "model.methods=[best_single,catboost]"]
    stack(trained, competition, load_experiment(CONFIGS / "stack.yaml", settings))
    methods = read_json(trained.run("stack").report)["methods"]
    assert methods["catboost"]["score"] > methods["best_single"]["score"] - 0.05


def test_monotone_constraints_and_vector_scaling_can_be_asked_for(trained, competition):
    settings = [*STACK, "model.monotone=true", "model.calibration=vector", "model.methods=[catboost]"]
    stack(trained, competition, load_experiment(CONFIGS / "stack.yaml", settings))
    assert read_json(trained.run("stack").report)["score"] > 0.8


def test_single_cards_are_explained(trained, competition):
    for method in ("catboost", "logistic", "greedy"):
        config = load_experiment(CONFIGS / "stack.yaml", [*STACK, f"model.methods=[{method}]"])
        stack(trained, competition, config)
        cards = load_cards(trained)
        train_id, test_id = (int(cards.product_id[cards.split == s].iloc[0]) for s in ("train", "test"))
        explained = explain_cards(trained, competition, "stack", [train_id, test_id])
        assert set(explained) == {train_id, test_id}
        for product_id, candidates in explained.items():
            file = trained.run("stack").oof if product_id == train_id else trained.run("stack").test
            written = Predictions.load(file).aligned(np.array([product_id]))
            best = " → ".join(Labels.load(trained).paths[written.classes[0, 0]])
            assert candidates[0].category == best
            weights = [abs(r.contribution) for r in candidates[0].reasons]
            assert weights == sorted(weights, reverse=True)
            assert best in as_text(product_id, "title", candidates)
    said = explain(trained, competition, "stack", [str(train_id), str(test_id)], 2)
    labels = Labels.load(trained)
    answer = {
        id_: " → ".join(labels.paths[Predictions.load(file).aligned(np.array([id_])).classes[0, 0]])
        for id_, file in ((train_id, trained.run("stack").oof), (test_id, trained.run("stack").test))
    }
    true = " → ".join(labels.paths[cards.set_index("product_id").target[train_id]])
    known, asked = said.split(f"\n{test_id}  ")
    assert f"\n  true class: {true}\n" in known and f"were it a test card: {answer[train_id]}\n" in known
    assert f"\n  submitted class: {answer[test_id]}\n" in asked and "true class" not in asked
    assert asked.endswith("docs/howto.md, Glossary of reasons")
    with pytest.raises(GoodsError, match="product_id 77 is neither"):
        explain_cards(trained, competition, "stack", [77])
    with pytest.raises(GoodsError, match="family linear, not stack"):
        explain_cards(trained, competition, "linear", [train_id])


def test_shap_values_add_up_to_the_booster_s_raw_score(level_and_noise):
    level, _ = level_and_noise
    fitted = fit_stack(level, 0, ["catboost"])
    few = level.table.card < 5
    table = fitted.calibrated(level.table.take(few))
    blend = fitted.pools["blend"](table)
    features = level.maker.with_blend(level.features[few], table, blend)
    added, base = shap_values(fitted.booster, features, baseline(level.model, blend))
    raw = fitted.booster.predict(features, prediction_type="RawFormulaVal") + baseline(level.model, blend)
    assert np.allclose(added.sum(1) + base, raw, atol=1e-4)


def test_a_stack_can_be_tuned_and_its_folds_are_left_out_of_the_score(trained, competition):
    study = "tune={trials: 2, folds: [0], startup_trials: 1, space: {depth: {low: 2, high: 5}}}"
    tune(trained, competition, load_experiment(CONFIGS / "stack.yaml", [*STACK, study]))
    best = load_experiment(trained.tuning("stack") / "best.yaml")
    assert (best.name, best.tuned_on) == ("stack-tuned", (0,))
    stack(trained, competition, best)
    assert read_json(trained.run("stack-tuned").report)["tuned_on"] == [0]
    with pytest.raises(
        GoodsError, match=r"tune\.space names min_proba, which a study of a stack cannot vary"
    ):
        tune(
            trained,
            competition,
            load_experiment(
                CONFIGS / "stack.yaml",
                [*STACK, study.replace("depth: {low: 2, high: 5}", "min_proba: {low: 0.001, high: 0.1}")],
            ),
        )


def test_a_boosting_that_is_given_many_cards_draws_some_and_keeps_its_inner_split(level_and_noise):
    level, _ = level_and_noise
    few = replace(level, model=level.model.model_copy(update={"max_cards": 100}))
    fitted = fit_stack(few, 0, ["catboost"])
    assert fitted.booster.tree_count_ > 0
    rows = np.flatnonzero(level.fold != 0)
    assert inner_cards(level.target, rows, 42)[level.fold == 0].sum() == 0
