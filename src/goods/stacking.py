"""CatBoost on candidates against pools of the base models; the best on honest folds goes on.

reads:  runs/<base experiment>/ oof.npz test.npz, prepared/, folds.parquet
writes: runs/<stack>/ config.yaml report.json oof.npz test.npz DONE,
        fold_<k>/ methods.json model.cbm multiclass.cbm

Each fold's methods are fitted on the other folds' cards, whose features come from base models that did not see
them. The method of a fold is the one that scores best on the others, so the reported score is that of the whole
procedure, choice included; the test cards get the method that scores best on all honest folds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from catboost import CatBoost
from scipy.special import softmax
from tqdm import tqdm

from goods.artifacts import (
    ALL,
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
from goods.boosting import boost, fit_booster, fit_multiclass, multiclass
from goods.candidates import (
    FLOOR,
    Candidates,
    choose_depth,
    first_choice,
    make_candidates,
    recall_by_source,
)
from goods.cards import Labels, load_cards
from goods.config import CompetitionConfig, ExperimentConfig, StackConfig, dump, load_experiment
from goods.decoding import BY_METRIC, DECODERS, chosen_first, decode, fit_decoding
from goods.errors import GoodsError
from goods.folds import load_folds
from goods.log import say
from goods.metrics import all_scores, score
from goods.models.calibration import fit_temperature
from goods.pooling import Pool, fit_best_single, fit_greedy, fit_linear_pool, fit_log_pool
from goods.preparation import prepared_key, select
from goods.reliability import coverage, expected_calibration_error, reliability
from goods.stack_features import FeatureMaker
from goods.training import mean_of, oof_report

CODE = (
    "stacking.py",
    "candidates.py",
    "evidence.py",
    "stack_features.py",
    "pooling.py",
    "boosting.py",
    "decoding.py",
    "reliability.py",
    "training.py",
    "metrics.py",
    "folds.py",
    "text.py",
    "models/calibration.py",
    "models/wordvectors.py",
)
TEMPERATURES = (0.5, 2.0)
BLEND = "blend"  # the pool boosting starts from
CATBOOST, MULTICLASS = "catboost", "multiclass"


def stack_config(config: ExperimentConfig) -> StackConfig:
    if not isinstance(config.model, StackConfig):
        raise GoodsError(f"experiment {config.name} is of family {config.model.family}, not stack")
    return config.model


def finished_run(ws: Workspace, experiment: str) -> Run:
    """The run of a finished stack; GoodsError if it is not one."""
    run = ws.run(experiment)
    if done_key(run.path) is None:
        raise GoodsError(f"{run.path}: no finished run; run scripts/stack.py first")
    stack_config(load_experiment(run.config))
    return run


def base_runs(ws: Workspace, config: ExperimentConfig) -> list[Run]:
    runs = [ws.run(name) for name in stack_config(config).experiments]
    for run in runs:
        if done_key(run.path) is None:
            raise GoodsError(
                f"{run.path}: not trained on every fold; run scripts/train.py for {run.path.name} first"
            )
    return runs


@dataclass(frozen=True)
class Level:
    """What the second level is fitted on: the train cards, their candidates and features, all out of fold."""

    metric: str
    config: ExperimentConfig
    model: StackConfig
    labels: Labels
    train: pd.DataFrame
    target: np.ndarray
    fold: np.ndarray
    tuned_on: tuple[int, ...]
    maker: FeatureMaker
    table: Candidates
    features: pd.DataFrame

    @property
    def honest(self) -> np.ndarray:
        """bool [n]: cards of folds that no study has used."""
        return ~np.isin(self.fold, self.tuned_on)

    def score(self, true: np.ndarray, predicted: np.ndarray) -> float:
        return score(self.metric, true, predicted, self.labels)


def make_level(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> Level:
    model, labels, runs = stack_config(config), Labels.load(ws), base_runs(ws, config)
    train = select(load_cards(ws), "train")
    fold = load_folds(ws, train)
    maker = FeatureMaker(train, fold, labels, list(model.experiments))
    table, features = tabulate(maker, model, train, fold, [Predictions.load(r.oof) for r in runs])
    tuned_on = {k for r in runs for k in read_json(r.report)["tuned_on"]} | set(config.tuned_on)
    if tuned_on >= set(fold.tolist()):
        raise GoodsError(
            f"experiment {config.name}: studies of its base experiments used every fold, none is left to score it; "
            "set tune.folds so that all studies share theirs"
        )
    return Level(
        competition.metric,
        config,
        model,
        labels,
        train,
        train.target.to_numpy(),
        fold,
        tuple(sorted(tuned_on)),
        maker,
        table,
        features,
    )


def tabulate(
    maker: FeatureMaker,
    model: StackConfig,
    cards: pd.DataFrame,
    fold: np.ndarray | None,
    base: list[Predictions],
) -> tuple[Candidates, pd.DataFrame]:
    """Candidates of the cards and their features; `fold` is each card's own, None for cards not in train."""
    aligned = [p.aligned(cards.product_id.to_numpy()) for p in base]
    near = maker.neighbours(cards, fold)
    sources = maker.sources(cards, fold, near)
    table = make_candidates(aligned, maker.labels.n_classes, model.min_proba, sources)
    return table, maker.make(cards, fold, table, near)


@dataclass(frozen=True)
class FoldStack:
    """What is fitted on the cards outside one fold. `calibration`: a log-linear pool per base model; without a
    `booster` there was nothing to learn, and CatBoost's answer is where it would start from."""

    depth: int
    calibration: list[Pool]
    pools: dict[str, Pool]
    booster: CatBoost | None = None
    multiclass: CatBoost | None = None

    def calibrated(self, table: Candidates) -> Candidates:
        return calibrate(table, self.calibration)

    def apply(
        self,
        maker: FeatureMaker,
        model: StackConfig,
        table: Candidates,
        features: pd.DataFrame,
        methods: list[str],
    ) -> dict[str, np.ndarray]:
        """Method → float64 [m] probability of each entry; 0 for those beyond the depth."""
        kept = table.within(self.depth)
        taken = self.calibrated(table.take(kept))
        found = {name: self.pools[name](taken) for name in methods if name in self.pools}
        if CATBOOST in methods:
            blend = self.pools[BLEND](taken)
            seen = maker.with_blend(features[kept], taken, blend)
            found[CATBOOST] = boost(model, self.booster, seen, taken, blend) if self.booster else blend
        if MULTICLASS in methods:
            assert self.multiclass is not None
            found[MULTICLASS] = multiclass(self.multiclass, taken, maker.labels.n_classes)
        full = {}
        for name, proba in found.items():
            full[name] = np.zeros(len(table.card))
            full[name][kept] = proba
        return full

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, booster in (("model.cbm", self.booster), ("multiclass.cbm", self.multiclass)):
            if booster is not None:
                with atomic(folder / name) as temporary:
                    booster.save_model(str(temporary))
        pools = {name: pool.to_json() for name, pool in self.pools.items()}
        calibration = [pool.to_json() for pool in self.calibration]
        write_json(folder / "methods.json", {"depth": self.depth, "calibration": calibration, "pools": pools})

    @staticmethod
    def load(folder: Path) -> FoldStack:
        data = read_json(folder / "methods.json")
        return FoldStack(
            data["depth"],
            [Pool.from_json(pool) for pool in data["calibration"]],
            {name: Pool.from_json(pool) for name, pool in data["pools"].items()},
            load_booster(folder / "model.cbm"),
            load_booster(folder / "multiclass.cbm"),
        )


def load_booster(path: Path) -> CatBoost | None:
    return CatBoost().load_model(str(path)) if path.is_file() else None


def calibrate(table: Candidates, calibration: list[Pool]) -> Candidates:
    """The table with each model's probabilities calibrated by its own pool; as it is where there are none."""
    if not calibration:
        return table
    columns = [pool(table.model(j)).clip(FLOOR, 1) for j, pool in enumerate(calibration)]
    return replace(table, log_proba=np.log(np.stack(columns, axis=1)).astype(np.float32))


def methods_of(level: Level) -> list[str]:
    """The methods that are compared; multiclass boosting only where it fits."""
    methods: list[str] = list(level.model.methods)
    cells = len(level.train) * level.labels.n_classes
    if MULTICLASS in methods and cells > level.model.multiclass_cells:
        say(
            f"stack {level.config.name}: multiclass left out, {cells:,} cards × classes are more than "
            f"multiclass_cells={level.model.multiclass_cells:,}"
        )
        methods.remove(MULTICLASS)
    return methods


def fit_fold(level: Level, k: int, methods: list[str]) -> FoldStack:
    """Every method on the cards outside fold k (ALL: on all cards); depth and calibration too are theirs."""
    model, target, seed = level.model, level.target, level.config.seed
    outside = level.fold[level.table.card] != k
    whole = level.table.take(outside)
    depth = choose_depth(whole, target) if model.top_k == "auto" else model.top_k
    kept = whole.within(depth)
    table, rows = whole.take(kept), np.flatnonzero(outside)[kept]
    n_models, n_classes = table.log_proba.shape[1], level.labels.n_classes
    calibration = []
    if model.calibration != "none":
        biases = model.calibration == "vector"
        calibration = [fit_log_pool(table.model(j), target, n_classes, biases) for j in range(n_models)]
        table = calibrate(table, calibration)
    fits: dict[str, Callable[[], Pool]] = {
        "best_single": lambda: fit_best_single(table, target, level.score),
        "uniform": lambda: Pool(False, np.full(n_models, 1 / n_models)),
        "weighted": lambda: fit_linear_pool(table, target),
        "greedy": lambda: fit_greedy(table, target, level.score),
        BLEND: lambda: fit_log_pool(table, target, n_classes),
        "logistic": lambda: fit_log_pool(table, target, n_classes, biases=True, per_class=True),
    }
    wanted = {*methods, BLEND} if CATBOOST in methods else set(methods)
    pools = {name: fit() for name, fit in fits.items() if name in wanted}
    booster = many = None
    if CATBOOST in methods:
        blend = pools[BLEND](table)
        features = level.maker.with_blend(level.features.iloc[rows], table, blend)
        booster = fit_booster(model, seed, features, table, blend, target)
    if MULTICLASS in methods:
        many = fit_multiclass(model, seed, table, target, n_classes)
    return FoldStack(depth, calibration, pools, booster, many)


@dataclass(frozen=True)
class Settled:
    """A method's out-of-fold predictions, calibrated, the class to submit first; and what new cards need."""

    predictions: Predictions
    temperature: float
    decoding: dict[str, Any]


def settle(level: Level, raw: Predictions, decoder: str) -> Settled:
    """Temperature and decoding of each fold are fitted on the others; those for new cards on all."""
    classes, proba = raw.classes.copy(), raw.proba.copy()
    for k in np.unique(level.fold):
        here = level.fold == k
        temperature, decoding = fit_settings(level, raw, ~here, decoder)
        done = finished(rows_of(raw, here), level.labels, temperature, decoding)
        classes[here], proba[here] = done.classes, done.proba
    return Settled(
        Predictions(raw.product_id, classes, proba),
        *fit_settings(level, raw, np.ones(len(classes), bool), decoder),
    )


def fit_settings(
    level: Level, raw: Predictions, rows: np.ndarray, decoder: str
) -> tuple[float, dict[str, Any]]:
    """Temperature and decoding learned from the cards `rows` bool [n]."""
    known, target = rows_of(raw, rows), level.target[rows]
    is_target = known.classes == target[:, None]
    found = is_target.any(1)
    with np.errstate(divide="ignore"):
        logits = np.log(known.proba[found])
    # a stack that is always right would ask for none: what is left of its doubt is kept
    temperature = float(np.clip(fit_temperature(logits, is_target[found].argmax(1)), *TEMPERATURES))
    warmed = tempered(known, temperature)
    return temperature, fit_decoding(decoder, warmed, target, level.labels)


def rows_of(predictions: Predictions, rows: np.ndarray) -> Predictions:
    return Predictions(predictions.product_id[rows], predictions.classes[rows], predictions.proba[rows])


def tempered(predictions: Predictions, temperature: float) -> Predictions:
    """Probabilities to the power 1 / temperature, 1 per card again."""
    with np.errstate(divide="ignore"):
        return replace(
            predictions, proba=softmax(np.log(predictions.proba) / np.float32(temperature), axis=1)
        )


def finished(raw: Predictions, labels: Labels, temperature: float, decoding: dict[str, Any]) -> Predictions:
    """Calibrated, with the class to submit in the first place."""
    warmed = tempered(raw, temperature)
    return chosen_first(warmed, decode(warmed, labels, decoding))


def stack_key(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> str:
    """What a stack depends on: its config, the metric, its code, cards, folds and its base experiments' predictions."""
    return content_hash(
        competition.metric,
        config.model_dump(mode="json", exclude={"tune"}),
        code_hash(*CODE),
        prepared_key(ws),
        file_hash(ws.folds),
        [
            [file_hash(r.oof), file_hash(r.test), read_json(r.report)["tuned_on"]]
            for r in base_runs(ws, config)
        ],
    )


def stack(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, force: bool = False
) -> None:
    runs, key, run = base_runs(ws, config), stack_key(ws, competition, config), ws.run(config.name)
    if not force and is_done(run.path, key):
        say(f"stack {config.name}: unchanged, {describe(read_json(run.report))}")
        return
    begin(run.path, key)
    started = time.perf_counter()
    level = make_level(ws, competition, config)
    folds, oof, calibrated = fit_folds(level, competition.n_folds, run)
    if config.refit:
        folds.append(fit_fold(level, ALL, methods_of(level)))
        folds[-1].save(run.fold(ALL))
    decoder = BY_METRIC[level.metric] if level.model.decoding == "auto" else level.model.decoding
    settled = {name: settle(level, raw, decoder) for name, raw in oof.items()}
    reports = {
        name: oof_report(ws, competition, s.predictions, level.train, level.tuned_on)
        for name, s in settled.items()
    }
    winner = best_method(level, settled, without=None)
    by_fold = [best_method(level, settled, without=k) for k in range(competition.n_folds)]
    final = picked(level, settled, by_fold)
    final.save(run.oof)
    test = select(load_cards(ws), "test")
    on_test = predicted(
        level.maker,
        level.model,
        judges(folds, config),
        winner,
        test,
        [Predictions.load(r.test) for r in runs],
    )
    finished(on_test, level.labels, settled[winner].temperature, settled[winner].decoding).save(run.test)
    report = {
        **oof_report(ws, competition, final, level.train, level.tuned_on),
        "winner": winner,
        "winner_by_fold": by_fold,
        "temperature": settled[winner].temperature,
        "decoding": settled[winner].decoding,
        "methods": reports,
        "base": {
            r.path.name: oof_report(ws, competition, Predictions.load(r.oof), level.train, level.tuned_on)[
                "score"
            ]
            for r in runs
        },
        **diagnostics(level, folds, final, oof[winner], settled[winner], calibrated),
        "fit_seconds": [round(time.perf_counter() - started, 2)],
    }
    write_text(run.config, dump(config))
    write_json(run.report, report)
    mark_done(run.path, key)
    say(f"stack {config.name}: {describe(report)}")


def fit_folds(
    level: Level, n_folds: int, run: Run
) -> tuple[list[FoldStack], dict[str, Predictions], Candidates]:
    """The fold stacks, each method's out-of-fold predictions and the table with calibrated base models."""
    methods = methods_of(level)
    table, folds = level.table, []
    oof = {name: np.zeros(len(table.card)) for name in methods}
    calibrated = table.log_proba.copy()
    for k in tqdm(range(n_folds), desc=f"stack {level.config.name}", unit="fold", leave=False):
        folds.append(fit_fold(level, k, methods))
        folds[k].save(run.fold(k))
        rows = np.flatnonzero(level.fold[table.card] == k)
        part = table.take(rows)
        found = folds[k].apply(level.maker, level.model, part, level.features.iloc[rows], methods)
        for name in methods:
            oof[name][rows] = found[name]
        calibrated[rows] = folds[k].calibrated(part).log_proba
    predictions = {name: to_predictions(table, p, level.train, level.labels) for name, p in oof.items()}
    return folds, predictions, replace(table, log_proba=calibrated)


def catboost_score(level: Level, k: int) -> float:
    """Score of CatBoost on fold k, fitted on the others: what a study of the stack maximises."""
    rows = np.flatnonzero(level.fold[level.table.card] == k)
    table, fitted = level.table.take(rows), fit_fold(level, k, [CATBOOST])
    proba = fitted.apply(level.maker, level.model, table, level.features.iloc[rows], [CATBOOST])[CATBOOST]
    cards = level.fold == k
    return level.score(level.target[cards], first_choice(table, proba)[cards])


def best_method(level: Level, settled: dict[str, Settled], without: int | None) -> str:
    """The method with the best score on the honest folds but for one (on all but that one where no other is honest).

    Of methods that the score cannot tell from the best, by less than a standard error apart, it is the one with the
    lowest log-loss, which tells apart what no F1 does.
    """
    rows = level.honest & (level.fold != without)
    if not rows.any():
        rows = level.fold != without
    target = level.target[rows]
    known = {name: rows_of(s.predictions, rows) for name, s in settled.items()}
    scores = {name: level.score(target, p.classes[:, 0]) for name, p in known.items()}
    best = max(scores, key=lambda name: scores[name])

    def within_noise(name: str) -> bool:
        right, wanted = (known[n].classes[:, 0] == target for n in (name, best))
        return scores[best] - scores[name] <= np.sqrt((right != wanted).sum()) / len(target)

    return min(filter(within_noise, known), key=lambda name: log_loss(known[name], target))


def log_loss(predictions: Predictions, target: np.ndarray) -> float:
    """Mean -log of the probability of each card's class, the floor where it is not kept."""
    is_target = predictions.classes == target[:, None]
    return float(-np.log((predictions.proba * is_target).sum(1).clip(FLOOR)).mean())


def picked(level: Level, settled: dict[str, Settled], by_fold: list[str]) -> Predictions:
    """The cards of fold k from method by_fold[k]."""
    first = next(iter(settled.values())).predictions
    classes, proba = first.classes.copy(), first.proba.copy()
    for k, name in enumerate(by_fold):
        here = level.fold == k
        classes[here] = settled[name].predictions.classes[here]
        proba[here] = settled[name].predictions.proba[here]
    return Predictions(first.product_id, classes, proba)


def predicted(
    maker: FeatureMaker,
    model: StackConfig,
    folds: list[FoldStack],
    method: str,
    cards: pd.DataFrame,
    base: list[Predictions],
) -> Predictions:
    """Mean of the fold stacks' predictions of new cards by one method, not yet calibrated."""
    table, features = tabulate(maker, model, cards, None, base)
    parts = (fold.apply(maker, model, table, features, [method])[method] for fold in folds)
    return mean_of([to_predictions(table, proba, cards, maker.labels) for proba in parts])


def predict_stack(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    cards: pd.DataFrame,
    base: list[Predictions],
) -> Predictions:
    """What the finished stack says of new cards, given its base experiments' predictions of them."""
    model, labels, run = stack_config(config), Labels.load(ws), ws.run(config.name)
    report, train = read_json(run.report), select(load_cards(ws), "train")
    maker = FeatureMaker(train, load_folds(ws, train), labels, list(model.experiments))
    folds = [FoldStack.load(run.fold(k)) for k in ([ALL] if config.refit else range(competition.n_folds))]
    raw = predicted(maker, model, folds, report["winner"], cards, base)
    return finished(raw, labels, report["temperature"], report["decoding"])


def judges(folds: list[FoldStack], config: ExperimentConfig) -> list[FoldStack]:
    """Those of the fold stacks that new cards are asked of: with `refit` the last, fitted on all folds."""
    return folds[-1:] if config.refit else folds


def diagnostics(
    level: Level,
    folds: list[FoldStack],
    final: Predictions,
    raw: Predictions,
    settled: Settled,
    calibrated: Candidates,
) -> dict[str, Any]:
    """What report.json says besides scores: decodings, calibration, coverage, candidates, features. `raw` and
    `settled` are the winner's, `calibrated` holds the base models' calibrated probabilities."""
    honest, correct = level.honest, right(level, final)
    return {
        "decoders": {name: decoded_scores(level, raw, name) for name in DECODERS},
        "calibration": calibration_report(level, calibrated, raw, settled),
        "coverage": [
            coverage(final.proba[honest, 0], correct[honest], level.fold[honest], precision)
            for precision in level.model.precisions
        ],
        "recall": recall_by_source(level.table, level.target),
        "depth": [f.depth for f in folds],  # with refit the last is that of all folds
        "candidate_recall": candidate_recall(level, folds),
        "candidates_per_card": round(len(level.table.card) / level.table.n_cards, 2),
        "importance": named_importance(folds),
    }


def right(level: Level, predictions: Predictions) -> np.ndarray:
    return predictions.classes[:, 0] == level.target


def decoded_scores(level: Level, raw: Predictions, decoder: str) -> dict[str, float]:
    """Every metric of one method under one decoding, on the honest folds."""
    chosen = settle(level, raw, decoder).predictions.classes[level.honest, 0]
    return all_scores(level.target[level.honest], chosen, level.labels)


def calibration_report(
    level: Level, calibrated: Candidates, raw: Predictions, final: Settled
) -> dict[str, Any]:
    """Expected calibration error and reliability diagram before and after, per base model and of the winner."""
    pairs = {"stack": (raw, final.predictions)}
    for j, name in enumerate(level.maker.names):
        pairs[name] = (
            to_predictions(level.table, np.exp(level.table.log_proba[:, j]), level.train, level.labels),
            to_predictions(level.table, np.exp(calibrated.log_proba[:, j]), level.train, level.labels),
        )
    return {
        name: {
            when: calibration_of(p.proba[level.honest, 0], right(level, p)[level.honest])
            for when, p in zip(("before", "after"), both, strict=True)
        }
        for name, both in pairs.items()
    }


def calibration_of(confidence: np.ndarray, correct: np.ndarray) -> dict[str, Any]:
    return {
        "ece": round(expected_calibration_error(confidence, correct), 6),
        "reliability": reliability(confidence, correct).round(6).tolist(),
    }


def candidate_recall(level: Level, folds: list[FoldStack]) -> float:
    """Share of cards whose class is among the candidates of their own fold's stack."""
    found = level.table.cls == level.target[level.table.card]
    fold = level.fold[level.table.card]
    kept = sum((found & (fold == k) & level.table.within(f.depth)).sum() for k, f in enumerate(folds))
    return round(float(kept / level.table.n_cards), 6)


def named_importance(folds: list[FoldStack]) -> dict[str, float]:
    """Mean over folds of CatBoost's feature importance (sums to 100), greatest first."""
    boosters = [f.booster for f in folds if f.booster is not None]
    if not boosters:
        return {}
    mean = np.mean([b.get_feature_importance(type="PredictionValuesChange") for b in boosters], axis=0)
    return {boosters[0].feature_names_[i]: round(float(mean[i]), 3) for i in np.argsort(-mean)}


def describe(report: dict[str, Any]) -> str:
    methods = ", ".join(f"{m} {r['score']:.4f} ± {r['sd']:.4f}" for m, r in report["methods"].items())
    return f"{report['metric']} {methods}; {report['winner']} goes on"


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
