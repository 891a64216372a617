"""One fold: fit on the cards outside it (of folds in order of time, before it), predict it and the test cards."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.table import select
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import write_json
from goods.core.errors import GoodsError
from goods.core.execution import Resources
from goods.core.ids import id_array
from goods.core.predictions import BLOCK, TOP_K, Predictions, best_classes, mean_of
from goods.core.taken import measured
from goods.core.workspace import ALL, Workspace
from goods.models.base import Context, Model, Refitted, WholeFitted
from goods.prepare.folds import load_dealt
from goods.problems.base import Problem
from goods.problems.kinds import problem_of
from goods.train.context import make_context
from goods.train.foundations import trained_fold
from goods.train.rows import check_classes, rows_seen
from goods.train.teaching import taught_cards

OFF = 1e-2  # of a row's sum from 1: what 16-bit arithmetic may leave


def checked(said: object, n: int, n_classes: int | None, model: str) -> np.ndarray:
    """float32 [n, n_classes] as it was said; GoodsError where it is no distribution over all classes."""
    try:
        dense = np.asarray(said, np.float32) if said is not None else np.empty(0, np.float32)
    except (RuntimeError, TypeError, ValueError):  # sparse, ragged, texts, a tensor with its gradient
        raise GoodsError(
            f"{model}.predict gave a {type(said).__name__}, expected an array of numbers; mend the model"
        ) from None
    if dense.ndim != 2 or len(dense) != n or n_classes not in (None, dense.shape[1]):
        wanted = f"({n}, {n_classes})" if n_classes else f"({n}, classes)"
        raise GoodsError(
            f"{model}.predict gave an array of shape {dense.shape}, expected {wanted}; mend the model"
        )
    if not np.isfinite(dense).all() or (dense < 0).any() or (np.abs(dense.sum(1) - 1) > OFF).any():
        raise GoodsError(
            f"{model}.predict gave no probabilities: each row has to be at least 0 and sum to 1; mend it"
        )
    return dense


def top_k(model: Model, cards: pd.DataFrame, k: int = TOP_K, n_classes: int | None = None) -> Predictions:
    """Predict block by block and keep each card's k best classes, best first."""
    classes, proba = [], []
    for start in range(0, len(cards), BLOCK):
        block = cards.iloc[start : start + BLOCK]
        dense = checked(model.predict(block), len(block), n_classes, type(model).__name__)
        kept, values = best_classes(dense, k)
        classes.append(kept)
        proba.append(values)
    return Predictions(id_array(cards.product_id), np.concatenate(classes), np.concatenate(proba))


def write_fold(ws: Workspace, config: ExperimentConfig, k: int, progress: bool, resources: Resources) -> None:
    """Train on what fold k's models may see, predict fold k and the test cards, write all of fold_<k>/ but its DONE.

    With k = ALL no fold is left out, none is predicted, and what inner splits choose is the mean of the folds'.
    """
    with measured() as taken:
        report = fit_and_predict(ws, config, k, progress, resources)
    write_json(ws.run(config.name).fold(k) / "report.json", report | {"memory_mb": taken.memory_mb})


def fit_and_predict(
    ws: Workspace, config: ExperimentConfig, k: int, progress: bool, resources: Resources
) -> dict[str, Any]:
    """All of fold_<k>/ but its report, which is returned."""
    folder = ws.run(config.name).fold(k)
    problem = problem_of(ws)
    rows, _ = rows_seen(ws, config)
    train, test = select(rows, "train"), select(rows, "test")
    folds = load_dealt(ws, train)
    groups = folds.groups
    context = make_context(ws, config, resources, folder, progress, k)
    model, n_classes = config.model.build(context), context.labels.n_classes
    started = time.perf_counter()
    may_fit = folds.may_fit(problem, train, k)
    may_fit[may_fit] = drawn(train.target[may_fit], config)
    known, extra = train[may_fit].reset_index(drop=True), extra_cards(ws, config, k, test, context)
    check_classes(ws, problem, train, known, k)
    if k == ALL and isinstance(model, Refitted):
        folders = [ws.run(config.name).fold(j) for j in range(int(folds.fold.max()) + 1)]
        model.refit(pd.concat([known, extra], ignore_index=True), folders)
    else:
        fit_on(problem, model, known, config, extra, None if groups is None else groups[may_fit])
    fitted = time.perf_counter()
    valid = top_k(model, train[folds.of(k)], n_classes=n_classes) if k != ALL else None
    on_test = top_k(model, test, n_classes=n_classes)
    predicted = time.perf_counter()
    model.save(folder)
    if valid is not None:
        valid.save(folder / "valid.npz")
    on_test.save(folder / "test.npz")
    n_predicted = len(test) + (len(valid.product_id) if valid is not None else 0)
    return {
        "fit_seconds": round(fitted - started, 2),
        "predict_seconds": round(predicted - fitted, 2),
        "cards_per_second": round(n_predicted / (predicted - fitted), 1),
        "pseudo_labelled": len(extra),
        "threads": resources.threads,
    }


def drawn(target: pd.Series, config: ExperimentConfig) -> np.ndarray:
    """bool [n]: the share of the rows that models of the experiment are fitted on, the same of each class but at least
    one, drawn at random."""
    if config.share == 1:
        return np.ones(len(target), bool)
    order = pd.Series(np.random.default_rng(config.seed).permutation(len(target)), target.index)
    by_class = order.groupby(target)
    return (by_class.rank() <= (config.share * by_class.transform("size")).round().clip(lower=1)).to_numpy()


def fit_on(
    problem: Problem,
    model: Model,
    train: pd.DataFrame,
    config: ExperimentConfig,
    extra: pd.DataFrame | None = None,
    groups: np.ndarray | None = None,
) -> None:
    """Fit with an inner split taken from `train`: the fold that is scored is never seen. `extra` cards (pseudo-
    labelled ones) are fitted on and judge nothing; `groups` int64 [n] are not split. What may not be fitted on beside
    the inner split is seen by models that are fitted on everything once it has judged."""
    inner = problem.inner_rows(train, config.inner_share, config.seed, groups)
    kept = train[problem.outside(train, inner)]
    if kept.target.nunique() < 2:  # so few pairs that the inner split touches all of them
        inner, kept = np.zeros(len(train), bool), train
    more = [] if extra is None else [extra]
    model.fit(pd.concat([kept, *more], ignore_index=True), train[inner].reset_index(drop=True))
    if isinstance(model, WholeFitted) and len(kept) < len(train):
        model.fit_whole(pd.concat([train, *more], ignore_index=True))


def extra_cards(
    ws: Workspace, config: ExperimentConfig, k: int, test: pd.DataFrame, context: Context
) -> pd.DataFrame:
    """Cards without a known class that fold k is fitted on besides, labelled by other experiments."""
    if config.model.taught_by is not None:
        return taught_cards(config, test, context.scores)
    return pseudo_cards(ws, config, k, test)


def pseudo_cards(ws: Workspace, config: ExperimentConfig, k: int, test: pd.DataFrame) -> pd.DataFrame:
    """Fold k's half of the test cards where its models of the labelling experiments are sure, their class as target.

    These models have not seen fold k either, so its score stays honest (self-training: Lee 2013). The other half is
    what fold k's model predicts (`test_predictions`): a test card meets models not fitted on it, as a train card does.
    """
    if config.pseudo is None:
        return test.iloc[:0]
    found = []
    for name in config.labellers:
        said = Predictions.load(trained_fold(ws, config, name, k) / "test.npz")
        found.append(said.aligned(test.product_id.to_numpy()))
    mean = mean_of(found)
    sure = (mean.proba[:, 0] >= config.pseudo.min_confidence) & (halves(len(test), config.seed) == k % 2)
    return test[sure].assign(target=mean.classes[sure, 0].astype(np.int32)).reset_index(drop=True)


def halves(n_test: int, seed: int) -> np.ndarray:
    """int [n] 0 or 1: which of two random halves a test card is in."""
    return np.random.default_rng(seed).permutation(n_test) % 2
