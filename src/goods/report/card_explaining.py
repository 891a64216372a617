"""Why this category: what speaks for and against a card's first candidates in a finished stack.

reads:  runs/<stack>/, the predictions of its base experiments, prepared/, folds.parquet
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from goods.cards.hiding import like_test
from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import ALL, Workspace
from goods.models.shap import shap_values
from goods.prepare.folds import load_folds
from goods.report.reasons import Explained, weightiest_first
from goods.stack.boosting import baseline
from goods.stack.candidates import Candidates, ranks
from goods.stack.config import StackConfig
from goods.stack.features import CandidateFeatures
from goods.stack.fit import BLEND, CATBOOST, FoldStack
from goods.stack.level import finished_run, tabulate


def explain_cards(
    ws: Workspace, competition: CompetitionConfig, experiment: str, product_ids: list, most: int = 3
) -> dict[Any, list[Explained]]:
    """Card → its `most` likeliest candidates. A train card is judged by the stack of its own fold, which has not
    seen it; a test card by the mean of the folds'."""
    run = finished_run(ws, experiment)
    config = load_experiment(run.config)
    assert isinstance(config.model, StackConfig)
    (cards, _), labels = like_test(load_cards(ws)), Labels.load(ws)
    unknown = set(product_ids) - set(cards.product_id)
    if unknown:
        raise GoodsError(f"product_id {min(unknown)} is neither a train nor a test card of {ws.competition}")
    train = select(cards, "train")
    fold = load_folds(ws, train)
    maker = CandidateFeatures(train, fold, labels, list(config.model.experiments))
    winner, fold_of = read_json(run.report)["winner"], dict(zip(train.product_id, fold.tolist(), strict=True))
    asked = cards[cards.product_id.isin(product_ids)]
    found: dict[Any, list[Explained]] = {}
    of_test = -1
    of_fold = np.array([fold_of.get(product_id, of_test) for product_id in asked.product_id])
    for k in np.unique(of_fold).tolist():
        in_test, group = k == of_test, asked[of_fold == k].reset_index(drop=True)
        files = [ws.run(name).test if in_test else ws.run(name).oof for name in config.model.experiments]
        own = None if in_test else np.full(len(group), k)
        table, features = tabulate(maker, config.model, group, own, [Predictions.load(f) for f in files])
        numbers = ([ALL] if config.refit else range(competition.n_folds)) if in_test else [k]
        judges = [FoldStack.load(run.fold(number)) for number in numbers]
        explained = explain_table(maker, config.model, judges, winner, table, features, most)
        found |= dict(zip(group.product_id.tolist(), explained, strict=True))
    return {product_id: found[product_id] for product_id in product_ids}


def explain_table(
    maker: CandidateFeatures,
    model: StackConfig,
    stacks: list[FoldStack],
    method: str,
    table: Candidates,
    features: pd.DataFrame,
    most: int,
) -> list[list[Explained]]:
    """Of each card of the table its `most` likeliest candidates."""
    proba = np.mean([s.apply(maker, model, table, features, [method])[method] for s in stacks], axis=0)
    kept = table.within(min(s.depth for s in stacks))  # what every stack can speak of
    table, features, proba = table.take(kept), features[kept], proba[kept]
    first = ranks(table, proba) < most
    parts = [contributions(maker, model, s, method, table, features) for s in stacks]
    values = parts[0][0]
    added = np.mean([p[1] for p in parts], axis=0)
    start = np.mean([p[2] for p in parts], axis=0)
    explained: list[list[Explained]] = [[] for _ in range(table.n_cards)]
    order = np.flatnonzero(first)
    for i in order[np.argsort(-proba[order], kind="stable")]:
        reasons = weightiest_first(values.iloc[i], added[i])
        name = " → ".join(maker.labels.paths[table.cls[i]])
        explained[table.card[i]].append(Explained(name, float(proba[i]), float(start[i]), reasons))
    return explained


def contributions(
    maker: CandidateFeatures,
    model: StackConfig,
    stack: FoldStack,
    method: str,
    table: Candidates,
    features: pd.DataFrame,
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """(values [m, f], what each adds to the score [m, f], where the score starts [m])."""
    calibrated = stack.calibrated(table)
    if method == CATBOOST and stack.booster is not None:
        blend = stack.pools[BLEND](calibrated)
        seen = maker.with_blend(features, calibrated, blend)
        added, start = shap_values(stack.booster, seen, baseline(model, blend))
        return seen, added, start
    pool = stack.pools.get(BLEND if method == CATBOOST else method)
    if pool is None:
        raise GoodsError(f"method {method}: no explanation; CatBoost on candidates and pools have one")
    values = pd.DataFrame(calibrated.log_proba if pool.log else np.exp(calibrated.log_proba))
    values.columns = pd.Index(maker.names)
    start = np.zeros(len(values)) if pool.class_bias is None else pool.class_bias[table.cls]
    weights = pool.weights + (0 if pool.class_weights is None else pool.class_weights[table.cls])
    return values, values.to_numpy() * weights, start
