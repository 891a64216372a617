"""Why this category: what speaks for and against a card's first candidates in a finished stack.

reads:  runs/<stack>/, the predictions of its base experiments, prepared/, folds.parquet
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from goods.cards.hiding import like_test
from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.ids import Id
from goods.core.predictions import Predictions
from goods.core.workspace import ALL, Workspace
from goods.models.shap import shap_values
from goods.prepare.folds import load_dealt
from goods.problems.folds import UNSCORED
from goods.problems.kinds import problem_of
from goods.report.reasons import Explained, weightiest_first
from goods.stack.boosting import baseline
from goods.stack.candidates import Candidates
from goods.stack.config import StackConfig
from goods.stack.features import CandidateFeatures
from goods.stack.fit import BLEND, CATBOOST, FoldStack
from goods.stack.level import finished_run, maker_before, maker_of, parts_of, tabulate


def explain_cards(
    ws: Workspace, competition: CompetitionConfig, experiment: str, product_ids: Sequence[Id], most: int = 3
) -> dict[Id, list[Explained]]:
    """Card → its `most` likeliest candidates. A train card is judged by the stack of its own fold, which has not
    seen it; a test card by the mean of the folds'."""
    run = finished_run(ws, experiment)
    config = load_experiment(run.config)
    assert isinstance(config.model, StackConfig)
    (cards, _), labels = like_test(load_cards(ws)), Labels.load(ws)
    unknown = set(product_ids) - set(cards.product_id)
    if unknown:
        raise GoodsError(
            f"product_id {min(unknown, key=str)} is neither a train nor a test card of {ws.competition}"
        )
    train = select(cards, "train")
    folds, names = load_dealt(ws, train), list(config.model.experiments)
    report, maker = read_json(run.report), maker_of(train, folds, labels, names)
    stacks = [FoldStack.load(run.fold(k)) for k in range(len(report["winner_by_fold"]))]
    on_test = [FoldStack.load(run.fold(ALL))] if config.refit else stacks
    winner, parts = report["winner"], parts_of(train, folds, competition)
    fold_of = dict(zip(train.product_id, folds.fold, strict=True))
    part_of = dict(zip(train.product_id[folds.scored], parts, strict=True))
    result = {}
    for product_id in product_ids:
        card = cards[cards.product_id == product_id].reset_index(drop=True)
        k = fold_of.get(product_id)
        files = [ws.run(name).test if k is None else ws.run(name).oof for name in config.model.experiments]
        if k == UNSCORED:
            raise GoodsError(
                f"product_id {product_id} of {ws.competition} is only fitted on: no model has left it out, name another"
            )
        own, known = (None if k is None else np.array([k])), maker
        if folds.partial and k is not None:
            own, known = None, maker_before(problem_of(ws), train, folds, labels, names, k)
        table, features = tabulate(known, config.model, card, own, [Predictions.load(f) for f in files])
        judges = on_test if k is None else [stacks[part_of[product_id]]]
        result[product_id] = explain_card(maker, config.model, judges, winner, table, features, most)
    return result


def explain_card(
    maker: CandidateFeatures,
    model: StackConfig,
    stacks: list[FoldStack],
    method: str,
    table: Candidates,
    features: pd.DataFrame,
    most: int,
) -> list[Explained]:
    proba = np.mean([s.apply(maker, model, table, features, [method])[method] for s in stacks], axis=0)
    kept = table.within(min(s.depth for s in stacks))  # what every stack can speak of
    table, features, proba = table.take(kept), features[kept], proba[kept]
    parts = [contributions(maker, model, s, method, table, features) for s in stacks]
    values = parts[0][0]
    added = np.mean([p[1] for p in parts], axis=0)
    start = np.mean([p[2] for p in parts], axis=0)
    explained = []
    for i in np.argsort(-proba, kind="stable")[:most]:
        reasons = weightiest_first(values.iloc[i], added[i])
        name = " → ".join(maker.labels.paths[table.cls[i]])
        explained.append(Explained(name, float(proba[i]), float(start[i]), reasons))
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
