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
from goods.stack.candidates import Candidates, ranks
from goods.stack.config import StackConfig
from goods.stack.features import CandidateFeatures
from goods.stack.fit import BLEND, CATBOOST, FoldStack
from goods.stack.level import finished_run, maker_before, maker_of, parts_of, tabulate

IN_TEST = -3  # in place of a train card's fold


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
            f"product_id {min(unknown, key=str)} is neither a train nor a test card of {ws.competition}; "
            f"take one of {ws.cards}"
        )
    train = select(cards, "train")
    folds, names = load_dealt(ws, train), list(config.model.experiments)
    report, maker = read_json(run.report), maker_of(train, folds, labels, config.model)
    fold_of = dict(zip(train.product_id, folds.fold.tolist(), strict=True))
    part_of = dict(zip(train.product_id[folds.scored], parts_of(train, folds, competition), strict=True))
    asked = cards[cards.product_id.isin(product_ids)]
    places = [(fold_of.get(i, IN_TEST), int(part_of.get(i, IN_TEST))) for i in asked.product_id]
    found: dict[Id, list[Explained]] = {}
    for k, part in sorted(set(places)):
        group = asked[[place == (k, part) for place in places]].reset_index(drop=True)
        if k == UNSCORED:
            raise GoodsError(
                f"product_id {group.product_id[0]} of {ws.competition} is only fitted on, no model has left "
                "it out; "
                "name another"
            )
        in_test = k == IN_TEST
        files = [ws.run(name).test if in_test else ws.run(name).oof for name in names]
        own, known = (None if in_test else np.full(len(group), k)), maker
        if folds.partial and not in_test:
            own, known = None, maker_before(problem_of(ws), train, folds, labels, config.model, k)
        table, features = tabulate(known, config.model, group, own, [Predictions.load(f) for f in files])
        every = [ALL] if config.refit else range(len(report["winner_by_fold"]))
        judges = [FoldStack.load(run.fold(number)) for number in (every if in_test else [part])]
        explained = explain_table(maker, config.model, judges, report["winner"], table, features, most)
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
        raise GoodsError(
            f"method {method}: no explanation; choose CatBoost on candidates or a pool, which have one"
        )
    values = pd.DataFrame(calibrated.log_proba if pool.log else np.exp(calibrated.log_proba))
    values.columns = pd.Index(maker.names)
    start = np.zeros(len(values)) if pool.class_bias is None else pool.class_bias[table.cls]
    weights = pool.weights + (0 if pool.class_weights is None else pool.class_weights[table.cls])
    return values, values.to_numpy() * weights, start
