"""Fit an experiment fold by fold, predict, gather the out-of-fold predictions.

reads:  prepared/, folds.parquet, one experiment config
writes: runs/<experiment>/ config.yaml report.json oof.npz test.npz DONE, fold_<k>/ model files valid.npz
        test.npz report.json DONE; with `refit` also all_folds/ as a fold without valid.npz
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.artifacts import (
    ALL,
    TOP_K,
    Predictions,
    Run,
    Workspace,
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
from goods.cards import Labels, load_cards, load_rows
from goods.config import CompetitionConfig, ExperimentConfig, PairsConfig, dump
from goods.errors import GoodsError
from goods.execution import Place, places, run_jobs
from goods.folds import inner_rows, load_folds, outside
from goods.foundations import (
    check_kind,
    key_of,
    labellers,
    make_context,
    pair_context,
    scores_key,
    tuned_below,
    upstream_of,
)
from goods.images import ImageStore
from goods.log import say
from goods.matching.cleanup import clean
from goods.matching.products import Products
from goods.metrics import evaluate, evaluate_all
from goods.models.base import Model, Refitted
from goods.models.registry import ON_GPU, build, sources
from goods.preparation import prepared_key, select

CODE = ("training.py", "foundations.py", "folds.py", "matching/groups.py", "models/base.py")
BLOCK = 4096  # cards predicted at once: bounds the dense block of probabilities


def inputs_key(ws: Workspace, config: ExperimentConfig) -> str:
    """What the folds of an experiment depend on besides their number."""
    described = config.model_dump(mode="json", exclude={"tune", "name", "refit"})
    code = code_hash(*CODE, *sources(config.model.family))
    return content_hash(described, code, prepared_key(ws), file_hash(ws.folds), scores_key(ws, config))


def fold_key(ws: Workspace, config: ExperimentConfig, k: int) -> str:
    upstream = {name: found.key for name, found in upstream_of(ws, config, k).items()}
    labelled_by = [key_of(ws, config, name, k) for name in labellers(config)]
    return content_hash(inputs_key(ws, config), k, upstream, labelled_by)


def is_trained(ws: Workspace, config: ExperimentConfig, k: int) -> bool:
    """Whether fold k is done with its present inputs."""
    if any(done_key(ws.run(name).fold(k)) is None for name in config.upstream):
        return False
    return is_done(ws.run(config.name).fold(k), fold_key(ws, config, k))


def top_k(model: Model, cards: pd.DataFrame, k: int = TOP_K) -> Predictions:
    """Predict block by block and keep each card's k best classes, best first."""
    classes, proba = [], []
    for start in range(0, len(cards), BLOCK):
        dense = np.asarray(model.predict(cards.iloc[start : start + BLOCK]), np.float32)
        kept, values = best_classes(dense, k)
        classes.append(kept)
        proba.append(values)
    return Predictions(cards.product_id.to_numpy(np.int64), np.concatenate(classes), np.concatenate(proba))


def best_classes(dense: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(classes int32 [n, k], values float32 [n, k]) of the k largest per row, ties to the lower class."""
    k = min(k, dense.shape[1])
    order = np.argpartition(-dense, k - 1, axis=1)[:, :k] if k < dense.shape[1] else None
    if order is None:
        order = np.tile(np.arange(k), (len(dense), 1))
    order.sort(axis=1)
    values = np.take_along_axis(dense, order, 1)
    ranked = np.argsort(-values, axis=1, kind="stable")
    return np.take_along_axis(order, ranked, 1).astype(np.int32), np.take_along_axis(values, ranked, 1)


def fit_fold(
    ws: Workspace, config: ExperimentConfig, k: int, key: str, place: Place, progress: bool = False
) -> None:
    """Train on the cards outside fold k, predict fold k and the test cards, write fold_<k>/ under its `key`.

    With k = ALL no fold is left out, none is predicted, and what inner splits choose is the mean of the folds'.
    """
    folder = ws.run(config.name).fold(k)
    begin(folder, key)
    rows = load_rows(ws)
    train, test = select(rows, "train"), select(rows, "test")
    fold = load_folds(ws, train)
    context = make_context(ws, config, place, folder, progress, k)
    model = build(config.model, pair_context(ws, config, context))
    started = time.perf_counter()
    known, extra = train[outside(train, fold == k)].reset_index(drop=True), pseudo_cards(ws, config, k, test)
    if known.target.nunique() < 2:
        raise GoodsError(
            f"{ws.competition}: what may be fitted on for fold {k} is of a single class ({len(known)} rows): "
            f"the rarest class has {train.target.value_counts().min()} of {len(train)} train rows, and pairs that "
            "share a product with the fold are left out; give more rows or lower n_folds in competition.yaml"
        )
    if k == ALL and isinstance(model, Refitted):
        folds = [ws.run(config.name).fold(j) for j in range(int(fold.max()) + 1)]
        model.refit(pd.concat([known, extra], ignore_index=True), folds)
    else:
        fit_on(model, known, config, extra)
    fitted = time.perf_counter()
    valid = top_k(model, train[fold == k]) if k != ALL else None
    on_test = top_k(model, test)
    predicted = time.perf_counter()
    model.save(folder)
    if valid is not None:
        valid.save(folder / "valid.npz")
    on_test.save(folder / "test.npz")
    n_predicted = len(test) + (len(valid.product_id) if valid is not None else 0)
    write_json(
        folder / "report.json",
        {
            "fit_seconds": round(fitted - started, 2),
            "predict_seconds": round(predicted - fitted, 2),
            "cards_per_second": round(n_predicted / (predicted - fitted), 1),
            "pseudo_labelled": len(extra),
        },
    )
    mark_done(folder, key)


def fit_on(
    model: Model, train: pd.DataFrame, config: ExperimentConfig, extra: pd.DataFrame | None = None
) -> None:
    """Fit with an inner split taken from `train`: the fold that is scored is never seen. `extra` cards (pseudo-
    labelled ones) are fitted on and judge nothing."""
    inner = inner_rows(train, config.inner_share, config.seed)
    kept = train[outside(train, inner)]
    if kept.target.nunique() < 2:  # so few pairs that the inner split touches all of them
        inner, kept = np.zeros(len(train), bool), train
    parts = [kept] if extra is None else [kept, extra]
    model.fit(pd.concat(parts, ignore_index=True), train[inner].reset_index(drop=True))


def pseudo_cards(ws: Workspace, config: ExperimentConfig, k: int, test: pd.DataFrame) -> pd.DataFrame:
    """Fold k's half of the test cards where its models of the labelling experiments are sure, their class as target.

    These models have not seen fold k either, so its score stays honest (self-training: Lee 2013). The other half is
    what fold k's model predicts (`test_predictions`): a test card meets models not fitted on it, as a train card does.
    """
    if config.pseudo is None:
        return test.iloc[:0]
    found = []
    for name in config.pseudo.experiments:
        key_of(ws, config, name, k)
        found.append(Predictions.load(ws.run(name).fold(k) / "test.npz").aligned(test.product_id.to_numpy()))
    mean = mean_of(found)
    sure = (mean.proba[:, 0] >= config.pseudo.min_confidence) & (halves(len(test), config.seed) == k % 2)
    return test[sure].assign(target=mean.classes[sure, 0].astype(np.int32)).reset_index(drop=True)


def halves(n_test: int, seed: int) -> np.ndarray:
    """int [n] 0 or 1: which of two random halves a test card is in."""
    return np.random.default_rng(seed).permutation(n_test) % 2


def test_predictions(run: Run, config: ExperimentConfig, n_folds: int) -> Predictions:
    """What an experiment says of the test cards: the mean of the fold models, with pseudo-labels of those that were
    not fitted on the card; with `refit` what the model of all folds says."""
    if refits(config):
        return Predictions.load(run.fold(ALL) / "test.npz")
    found = [Predictions.load(run.fold(k) / "test.npz") for k in range(n_folds)]
    if config.pseudo is None:
        return mean_of(found)
    first, second = (mean_of([found[k] for k in range(n_folds) if k % 2 != half]) for half in (0, 1))
    in_first = halves(len(first.product_id), config.seed)[:, None] == 0
    return Predictions(
        first.product_id,
        np.where(in_first, first.classes, second.classes),
        np.where(in_first, first.proba, second.proba),
    )


def refits(config: ExperimentConfig) -> bool:
    """Whether test cards get a model of all folds. One fitted on pseudo-labels would be fitted on the test cards."""
    return config.refit and config.pseudo is None


def train(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    folds: list[int] | None = None,
    force: bool = False,
) -> None:
    """Train the folds that are not done (or all given, with `force`), then gather."""
    run = ws.run(config.name)
    check_kind(ws, competition, config)
    wanted = list(range(competition.n_folds)) if folds is None else folds
    for k in wanted:
        if not 0 <= k < competition.n_folds:
            raise GoodsError(f"--fold {k}: {ws.competition} has folds 0 to {competition.n_folds - 1}")
    if not ws.folds.is_file():
        raise GoodsError(f"{ws.folds}: missing; run scripts/make_folds.py {ws.competition} first")
    todo = [k for k in wanted if force or not is_trained(ws, config, k)]
    if force:
        for k in todo:  # a forced fold starts from nothing, checkpoints included
            begin(run.fold(k), "forced")
    if todo:
        fit_folds(ws, config, todo)
    missing = [k for k in range(competition.n_folds) if not is_trained(ws, config, k)]
    if missing:
        say(
            f"train {config.name}: folds {missing} are still to be trained; out-of-fold predictions wait for them"
        )
        return
    if refits(config) and (force or not is_trained(ws, config, ALL)):
        fit_folds(ws, config, [ALL])
    gather(ws, competition, config)


def fit_folds(ws: Workspace, config: ExperimentConfig, todo: list[int]) -> None:
    neural = config.model.family in ON_GPU
    where, at_once = places(len(todo), neural)
    warm_place = Place(where[0].device, where[0].threads * at_once)
    run = ws.run(config.name)
    write_text(run.config, dump(config))
    context = make_context(ws, config, warm_place, None, True)
    model = build(config.model, pair_context(ws, config, context))
    model.warm(all_rows(ws))
    jobs = [
        (ws, config, k, fold_key(ws, config, k), place, at_once == 1)
        for k, place in zip(todo, where, strict=True)
    ]
    run_jobs(fit_fold, jobs, at_once, where[0].threads, f"train {config.name}")


def all_rows(ws: Workspace) -> pd.DataFrame:
    """What caches are filled for: every pair, or every card, those of other targets included."""
    return load_rows(ws) if ws.pairs.is_file() else load_cards(ws.whole)


def gather(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> None:
    """Join the folds into oof.npz (every train id exactly once) and test.npz (`test_predictions`)."""
    run, tuned_on = ws.run(config.name), tuned_below(ws, config)
    folds = [run.fold(k) for k in range(competition.n_folds)]
    testers = [run.fold(ALL)] if refits(config) else folds
    key = content_hash(
        inputs_key(ws, config),
        competition.metric,
        tuned_on,
        [file_hash(f / "valid.npz") for f in folds],
        [file_hash(f / "test.npz") for f in testers],
    )
    if is_done(run.path, key) and run.oof.is_file() and run.test.is_file():
        say(f"train {config.name}: unchanged, {headline(read_json(run.report))}")
        return
    (run.path / "DONE").unlink(missing_ok=True)
    train_cards = select(load_rows(ws), "train")
    valid = [Predictions.load(f / "valid.npz") for f in folds]
    joined = Predictions(
        np.concatenate([p.product_id for p in valid]),
        np.concatenate([p.classes for p in valid]),
        np.concatenate([p.proba for p in valid]),
    )
    if len(joined.product_id) != len(train_cards):
        raise GoodsError(
            f"{run.path}: folds hold {len(joined.product_id)} of {len(train_cards)} train cards; --force"
        )
    oof = joined.aligned(train_cards.product_id.to_numpy())
    test = test_predictions(run, config, competition.n_folds)
    agreed: dict[str, Any] = {}
    if isinstance(config.model, PairsConfig) and config.model.cleanup:
        rows, fold = load_rows(ws), load_folds(ws, train_cards)
        test = test.aligned(select(rows, "test").product_id.to_numpy())
        oof, test, found = clean(rows, oof, test, fold, ~np.isin(fold, tuned_on), competition.metric)
        agreed = {"cleanup": found}
    oof.save(run.oof)
    test.save(run.test)
    write_text(run.config, dump(config))
    report = oof_report(ws, competition, oof, train_cards, tuned_on) | agreed
    report["fit_seconds"] = [read_json(f / "report.json")["fit_seconds"] for f in folds]
    report["cards_per_second"] = [read_json(f / "report.json")["cards_per_second"] for f in folds]
    write_json(run.report, report)
    mark_done(run.path, key)
    say(f"train {config.name}: {headline(report)}")


def oof_report(
    ws: Workspace,
    competition: CompetitionConfig,
    oof: Predictions,
    train_cards: pd.DataFrame,
    tuned_on: tuple[int, ...],
) -> dict[str, Any]:
    """Scores of the out-of-fold predictions of `train_cards`, in their order. `score` is over the folds no study has
    used."""
    labels, metric = Labels.load(ws), competition.metric
    fold = load_folds(ws, train_cards)

    def part(rows: np.ndarray) -> tuple[pd.DataFrame, Predictions]:
        return train_cards[rows], Predictions(oof.product_id[rows], oof.classes[rows], oof.proba[rows])

    honest = part(~np.isin(fold, tuned_on))
    per_fold = [evaluate(metric, *part(fold == k), labels) for k in range(competition.n_folds)]
    kept = [per_fold[k] for k in range(competition.n_folds) if k not in tuned_on]
    return {
        "metric": metric,
        "score": round(evaluate(metric, *honest, labels), 6),
        "sd": round(float(np.std(kept, ddof=1)) if len(kept) > 1 else 0.0, 6),
        "folds": [round(s, 6) for s in per_fold],
        "tuned_on": list(tuned_on),
        "score_all_folds": round(evaluate(metric, train_cards, oof, labels), 6),
        "scores": evaluate_all(metric, *honest, labels),
    }


def headline(report: dict[str, Any]) -> str:
    optimistic = f", optimistic on tuned folds {report['tuned_on']}: left out" if report["tuned_on"] else ""
    return f"out-of-fold {report['metric']} {report['score']:.4f} ± {report['sd']:.4f}{optimistic}"


def mean_of(predictions: list[Predictions]) -> Predictions:
    """Mean distribution of several models over the same cards in the same order, cut to the top k again."""
    first = predictions[0]
    n, k = first.classes.shape
    classes = np.concatenate([p.aligned(first.product_id).classes for p in predictions], axis=1)
    proba = np.concatenate([p.aligned(first.product_id).proba for p in predictions], axis=1)
    kept_classes, kept_proba = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for start in range(0, n, BLOCK):
        block = slice(start, start + BLOCK)
        kept_classes[block], kept_proba[block] = _merge(classes[block], proba[block], k)
    return Predictions(first.product_id, kept_classes, kept_proba / np.float32(len(predictions)))


def _merge(classes: np.ndarray, proba: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum `proba` of equal classes within each row, keep the k largest sums."""
    order = np.argsort(classes, axis=1, kind="stable")
    classes, proba = np.take_along_axis(classes, order, 1), np.take_along_axis(proba, order, 1)
    first = np.ones(classes.shape, bool)
    first[:, 1:] = classes[:, 1:] != classes[:, :-1]
    flat = np.cumsum(first.ravel()) - 1
    sums = np.bincount(flat, weights=proba.ravel().astype(np.float64))
    merged = np.where(first, sums[flat].reshape(classes.shape), -1.0)
    ranked = np.argsort(-merged, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(classes, ranked, 1), np.take_along_axis(merged, ranked, 1).astype(np.float32)


def load_run_models(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    images: Path | None,
    products: Products | None = None,
    scores: dict[str, Predictions] | None = None,
) -> Iterator[Model]:
    """The models that a finished run's test predictions come from, one at a time, for new cards whose photos are
    below `images`, or new pairs of `products` and what other experiments say of them."""
    run = ws.run(config.name)
    place = places(1, config.model.family in ON_GPU)[0][0]
    for k in [ALL] if refits(config) else range(competition.n_folds):
        if done_key(run.fold(k)) is None:
            raise GoodsError(f"{run.fold(k)}: not trained; run scripts/train.py first")
        context = make_context(ws, config, place, None, False, k)
        context = replace(
            context,
            cache=None,
            images=ImageStore(images) if images else None,
            products=products,
            scores=scores or {},
        )
        model = build(config.model, context)
        model.load(run.fold(k))
        yield model
