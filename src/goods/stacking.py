"""CatBoost on candidates against the calibrated weighted blend; the better on honest folds goes on.

reads:  runs/<base experiment>/ oof.npz test.npz, prepared/, folds.parquet
writes: runs/<stack>/ config.yaml report.json oof.npz test.npz DONE, fold_<k>/ model.cbm blend.json

Each fold's booster and blend are fitted on the other folds' cards, whose features come from base models
that did not see them. Boosting starts from the blend, so what it learns is where the blend is wrong.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier, Pool
from tqdm import tqdm

from goods.artifacts import (
    TOP_K,
    Predictions,
    Run,
    Workspace,
    atomic,
    begin,
    code_hash,
    content_hash,
    done_key,
    file_hash,
    is_done,
    mark_done,
    read_json,
    write_json,
    write_text,
)
from goods.blending import blend, fit_blend, softmax_by_card
from goods.candidates import FLOOR, Candidates, FeatureMaker, make_candidates, recall
from goods.cards import Labels, load_cards
from goods.config import CompetitionConfig, ExperimentConfig, StackConfig, dump
from goods.errors import GoodsError
from goods.execution import cores
from goods.folds import inner_split, load_folds
from goods.log import say
from goods.preparation import prepared_key, select
from goods.training import mean_of, oof_report

CODE = ("stacking.py", "candidates.py", "blending.py", "training.py", "text.py")


def stack_config(config: ExperimentConfig) -> StackConfig:
    if not isinstance(config.model, StackConfig):
        raise GoodsError(f"experiment {config.name} is of family {config.model.family}, not stack")
    return config.model


def base_runs(ws: Workspace, config: ExperimentConfig) -> list[Run]:
    runs = [ws.run(name) for name in stack_config(config).experiments]
    for run in runs:
        if done_key(run.path) is None:
            raise GoodsError(
                f"{run.path}: not trained on every fold; run scripts/train.py for {run.path.name} first"
            )
    return runs


def stack(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, force: bool = False
) -> None:
    model = stack_config(config)
    runs = base_runs(ws, config)
    key = content_hash(
        config.model_dump(mode="json", exclude={"tune"}),
        code_hash(*CODE),
        prepared_key(ws),
        file_hash(ws.folds),
        [[file_hash(r.oof), file_hash(r.test), read_json(r.report)["tuned_on"]] for r in runs],
    )
    run = ws.run(config.name)
    if not force and is_done(run.path, key):
        say(f"stack {config.name}: unchanged, {describe(read_json(run.report))}")
        return
    begin(run.path, key)
    started = time.perf_counter()
    labels, cards = Labels.load(ws), load_cards(ws)
    train, test = select(cards, "train"), select(cards, "test")
    fold, target = load_folds(ws, train), train.target.to_numpy()
    oof = candidates_of([Predictions.load(r.oof) for r in runs], train, labels, model)
    on_test = candidates_of([Predictions.load(r.test) for r in runs], test, labels, model)
    maker = FeatureMaker(train, fold, labels, list(model.experiments))
    tuned_on = tuple(sorted({k for r in runs for k in read_json(r.report)["tuned_on"]}))
    blended, boosted = np.zeros(len(oof.card)), np.zeros(len(oof.card))
    test_blended, test_boosted, importance = [], [], []
    for k in tqdm(range(competition.n_folds), desc=f"stack {config.name}", unit="fold", leave=False):
        scored = fold[oof.card] == k
        weights = fit_blend(oof.take(~scored), target)
        booster = fit_booster(model, config.seed, maker, train, fold, oof, k, weights, target)
        save_fold(run, k, booster, weights)
        blended[scored] = blend(oof.take(scored), weights)
        boosted[scored] = boost(booster, maker, train, fold, oof.take(scored), weights)
        test_blended.append(to_predictions(on_test, blend(on_test, weights), test, labels))
        test_boosted.append(
            to_predictions(on_test, boost(booster, maker, test, None, on_test, weights), test, labels)
        )
        importance.append(booster.get_feature_importance())
    by_method = {
        "catboost": (to_predictions(oof, boosted, train, labels), mean_of(test_boosted)),
        "blend": (to_predictions(oof, blended, train, labels), mean_of(test_blended)),
    }
    reports = {m: oof_report(ws, competition, p[0], train, tuned_on) for m, p in by_method.items()}
    winner = max(reports, key=lambda m: reports[m]["score"])
    by_method[winner][0].save(run.oof)
    by_method[winner][1].save(run.test)
    report = {
        **reports[winner],
        "winner": winner,
        "methods": reports,
        "base": {
            r.path.name: on_folds(ws, competition, Predictions.load(r.oof), train, tuned_on) for r in runs
        },
        "candidate_recall": round(recall(oof, target), 6),
        "candidates_per_card": round(len(oof.card) / oof.n_cards, 2),
        "importance": named_importance(maker, train, fold, oof, importance),
        "fit_seconds": [round(time.perf_counter() - started, 2)],
    }
    write_text(run.config, dump(config))
    write_json(run.report, report)
    mark_done(run.path, key)
    say(f"stack {config.name}: {describe(report)}")


def on_folds(
    ws: Workspace, competition: CompetitionConfig, oof: Predictions, train: pd.DataFrame, tuned_on
) -> float:
    return oof_report(ws, competition, oof, train, tuned_on)["score"]


def describe(report: dict[str, Any]) -> str:
    methods = ", ".join(f"{m} {r['score']:.4f} ± {r['sd']:.4f}" for m, r in report["methods"].items())
    return f"{report['metric']} {methods}; {report['winner']} goes on"


def candidates_of(
    models: list[Predictions], cards: pd.DataFrame, labels: Labels, model: StackConfig
) -> Candidates:
    aligned = [m.aligned(cards.product_id.to_numpy()) for m in models]
    return make_candidates(aligned, labels.n_classes, model.top_k, model.min_proba)


def logit(proba: np.ndarray) -> np.ndarray:
    clipped = proba.clip(FLOOR, 1 - FLOOR)
    return np.log(clipped) - np.log1p(-clipped)


def fit_booster(
    model: StackConfig,
    seed: int,
    maker: FeatureMaker,
    train: pd.DataFrame,
    fold: np.ndarray,
    oof: Candidates,
    k: int,
    weights: np.ndarray,
    target: np.ndarray,
) -> CatBoostClassifier:
    """A binary booster "is this candidate the class" on the cards outside fold k; cards stay whole in its inner
    split, which stops it."""
    rest = oof.take(fold[oof.card] != k)
    base = blend(rest, weights)
    features = maker.make(train, fold, rest, base)
    is_target = (rest.cls == target[rest.card]).astype(int)
    outside = np.flatnonzero(fold != k)
    inner_cards = np.zeros(len(fold), bool)
    inner_cards[outside[inner_split(target[outside], 0.15, seed)]] = True
    inner = inner_cards[rest.card]
    pools = [Pool(features[rows], is_target[rows], baseline=logit(base)[rows]) for rows in (~inner, inner)]
    booster = CatBoostClassifier(
        iterations=model.iterations,
        depth=model.depth,
        learning_rate=model.learning_rate,
        l2_leaf_reg=model.l2_leaf_reg,
        loss_function="Logloss",
        random_seed=seed,
        thread_count=cores(),
        allow_writing_files=False,
        early_stopping_rounds=model.patience,
        verbose=False,
    )
    booster.fit(pools[0], eval_set=pools[1])
    return booster


def boost(
    booster: CatBoostClassifier,
    maker: FeatureMaker,
    cards: pd.DataFrame,
    fold: np.ndarray | None,
    table: Candidates,
    weights: np.ndarray,
) -> np.ndarray:
    """float64 [m] probability of each entry, normalised within its card; cards without entries are fine."""
    base = blend(table, weights)
    raw = booster.predict(maker.make(cards, fold, table, base), prediction_type="RawFormulaVal") + logit(base)
    return softmax_by_card(table, raw)


def to_predictions(table: Candidates, proba: np.ndarray, cards: pd.DataFrame, labels: Labels) -> Predictions:
    """Top-k predictions of the cards; unused places hold further classes at probability 0."""
    k = min(TOP_K, labels.n_classes)
    order = np.lexsort((table.cls, -proba, table.card))
    card, cls, value = table.card[order], table.cls[order], proba[order]
    place = np.arange(len(card)) - np.searchsorted(card, card)
    kept = place < k
    # -1 - j marks an unused place; it becomes a class that the card does not hold yet
    classes = np.tile(-1 - np.arange(k, dtype=np.int32), (len(cards), 1))
    out = np.zeros((len(cards), k), np.float32)
    classes[card[kept], place[kept]] = cls[kept]
    out[card[kept], place[kept]] = value[kept]
    return Predictions(cards.product_id.to_numpy(np.int64), fill_unused(classes), out)


def fill_unused(classes: np.ndarray) -> np.ndarray:
    """Replace negative marks by the lowest classes each row does not hold (k ≤ number of classes)."""
    k = classes.shape[1]
    used = np.zeros((len(classes), 2 * k), bool)
    rows, places = np.nonzero((classes >= 0) & (classes < 2 * k))
    used[rows, classes[rows, places]] = True
    free = np.argsort(used, axis=1, kind="stable")  # classes not used first, ascending
    negative = classes < 0
    nth = np.cumsum(negative, axis=1) - 1
    return np.where(negative, np.take_along_axis(free, nth.clip(0), 1), classes).astype(np.int32)


def named_importance(maker: FeatureMaker, train, fold, oof: Candidates, importance: list) -> dict[str, float]:
    few = oof.take(oof.card < 2)
    names = maker.make(train, fold, few, np.ones(len(few.card))).columns
    mean = np.mean(importance, axis=0)
    return {names[i]: round(float(mean[i]), 3) for i in np.argsort(-mean)}


def save_fold(run: Run, k: int, booster: CatBoostClassifier, weights: np.ndarray) -> None:
    folder = run.fold(k)
    folder.mkdir(parents=True, exist_ok=True)
    with atomic(folder / "model.cbm") as temporary:
        booster.save_model(str(temporary))
    write_json(folder / "blend.json", {"weights": weights.tolist()})


def predict_stack(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    cards: pd.DataFrame,
    base: list[Predictions],
) -> Predictions:
    """What the finished stack says of new cards, given its base experiments' predictions of them."""
    model, labels, run = stack_config(config), Labels.load(ws), ws.run(config.name)
    winner = read_json(run.report)["winner"]
    table = candidates_of(base, cards, labels, model)
    train = select(load_cards(ws), "train")
    maker = FeatureMaker(train, load_folds(ws, train), labels, list(model.experiments))
    predictions = []
    for k in range(competition.n_folds):
        weights = np.array(read_json(run.fold(k) / "blend.json")["weights"])
        if winner == "blend":
            proba = blend(table, weights)
        else:
            booster = CatBoostClassifier()
            booster.load_model(str(run.fold(k) / "model.cbm"))
            proba = boost(booster, maker, cards, None, table, weights)
        predictions.append(to_predictions(table, proba, cards, labels))
    return mean_of(predictions)
