"""CatBoost over candidates ("is this candidate the class?"), and over classes where there are few.

Boosting starts from a pool's probabilities (CatBoost baseline), so what it learns is where the pool is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from goods.core.calibration import logit
from goods.core.execution import cores
from goods.problems.splitting import inner_split
from goods.stack.candidates import FLOOR, Candidates, normalise_by_card, softmax_by_card
from goods.stack.config import StackConfig

if TYPE_CHECKING:
    from catboost import CatBoost, Pool

INNER_SHARE = 0.15  # of the cards: they stop the boosting

BINARY = "Logloss"

LEAST_SAMPLED = 5_000  # candidates, where there are as many
MOST_SAMPLED = 0.8  # CatBoost's own default

EVAL = {"Logloss": "Logloss", "QuerySoftMax": "QuerySoftMax", "YetiRank": "PFound"}


def baseline(model: StackConfig, blend: np.ndarray) -> np.ndarray:
    """float [m] where boosting starts: log-odds for the binary loss, log-probability for the ranking ones."""
    return logit(blend, FLOOR) if model.loss == BINARY else np.log(blend.clip(FLOOR))


def parameters(model: StackConfig, seed: int) -> dict[str, Any]:
    return {
        "iterations": model.iterations,
        "depth": model.depth,
        "learning_rate": model.learning_rate,
        "l2_leaf_reg": model.l2_leaf_reg,
        "random_seed": seed,
        "thread_count": cores(),
        "allow_writing_files": False,
        "early_stopping_rounds": model.patience,
        "verbose": False,
    }


def sampling(model: StackConfig, entries: int) -> dict[str, float]:
    """What makes trees of the binary loss cheap: those candidates of which the gradient says little are seldom drawn,
    and of `entries` few no fewer than LEAST_SAMPLED are."""
    share = min(MOST_SAMPLED, LEAST_SAMPLED / max(1, entries))
    return {
        "subsample": max(model.subsample, share),
        "border_count": model.border_count,
        "leaf_estimation_iterations": model.leaf_estimation_iterations,
    }


def inner_cards(target: np.ndarray, outside: np.ndarray, seed: int) -> np.ndarray:
    """bool [n]: cards among `outside` (row numbers) that stop the boosting."""
    chosen = np.zeros(len(target), bool)
    chosen[outside[inner_split(target[outside], INNER_SHARE, seed)]] = True
    return chosen


def drawn_entries(table: Candidates, most: int, seed: int) -> np.ndarray:
    """int [x]: the entries of at most `most` cards of the table, drawn at random."""
    outside = np.unique(table.card)
    if len(outside) <= most:
        return np.arange(len(table.card))
    drawn = np.random.default_rng(seed).choice(outside, most, replace=False)
    return np.flatnonzero(np.isin(table.card, drawn))


def fit_booster(
    model: StackConfig,
    seed: int,
    features: pd.DataFrame,
    table: Candidates,
    blend: np.ndarray,
    target: np.ndarray,
    inner: np.ndarray,
) -> CatBoost | None:
    """Fitted on the entries of `table`, which `features` and `blend` float [m] are of, and stopped on its cards that
    are `inner`, bool [n_cards]; no card is on both sides. `target` int [n_cards].

    None where the cards to fit on have only right or only wrong candidates: there is nothing to learn.
    """
    from catboost import CatBoost, Pool  # half a second to import: only who boosts pays

    is_target = (table.cls == target[table.card]).astype(int)
    start, stops = baseline(model, blend), inner[table.card]

    def pool(rows: np.ndarray) -> Pool:
        group = {} if model.loss == BINARY else {"group_id": table.card[rows]}
        return Pool(features[rows], is_target[rows], baseline=start[rows], **group)

    monotone = {
        name: 1 for name in features.columns if name.endswith("_log_odds") or name.startswith("given_")
    }
    booster = CatBoost(
        parameters(model, seed)
        | {"loss_function": model.loss, "eval_metric": EVAL[model.loss]}
        | (sampling(model, int((~stops).sum())) if model.loss == BINARY else {})
        | ({"monotone_constraints": monotone, "model_shrink_rate": 0} if model.monotone else {})
    )
    if len(set(is_target[~stops])) < 2:
        return None
    booster.fit(pool(~stops), eval_set=pool(stops) if stops.any() else None)
    return booster


def boost(
    model: StackConfig, booster: CatBoost, features: pd.DataFrame, table: Candidates, blend: np.ndarray
) -> np.ndarray:
    """float64 [m] probability of each entry, 1 within each card that has entries."""
    raw = booster.predict(features, prediction_type="RawFormulaVal") + baseline(model, blend)
    if model.loss == BINARY:
        return normalise_by_card(table, 1 / (1 + np.exp(-raw.clip(-50, 50))).clip(FLOOR))
    return softmax_by_card(table, raw)


def dense_features(table: Candidates, cards: np.ndarray, n_classes: int) -> np.ndarray:
    """float32 [cards, C · M]: every model's log-probability of every class, the floor where none is a candidate."""
    n_models = table.log_proba.shape[1]
    dense = np.full((len(cards), n_classes, n_models), np.log(FLOOR), np.float32)
    dense[np.searchsorted(cards, table.card), table.cls] = table.log_proba
    return dense.reshape(len(cards), n_classes * n_models)


def fit_multiclass(
    model: StackConfig, seed: int, table: Candidates, target: np.ndarray, n_classes: int
) -> CatBoost:
    """The usual stacker: a value per class in every leaf, on dense features of the table's cards; `target` int
    [n_cards].

    Classes without a card among those it is fitted on are unknown to it.
    """
    from catboost import CatBoost, Pool

    cards = np.unique(table.card)
    features, stops = dense_features(table, cards, n_classes), inner_cards(target, cards, seed)[cards]
    stops &= np.isin(target[cards], target[cards[~stops]])
    booster = CatBoost(
        parameters(model, seed) | {"loss_function": "MultiClass", "iterations": model.multiclass_iterations}
    )
    stop = Pool(features[stops], target[cards[stops]]) if stops.any() else None
    booster.fit(Pool(features[~stops], target[cards[~stops]]), eval_set=stop)
    return booster


def multiclass(booster: CatBoost, table: Candidates, n_classes: int) -> np.ndarray:
    """float64 [m]: probability of each entry, 1 within each card; classes it does not know get the floor."""
    cards = np.unique(table.card)
    features = dense_features(table, cards, n_classes)
    dense = np.full((len(cards), n_classes), FLOOR)
    dense[:, booster.classes_.astype(int)] = booster.predict(features, prediction_type="Probability")
    entries = dense[np.searchsorted(cards, table.card), table.cls]
    return normalise_by_card(table, entries.clip(FLOOR))
