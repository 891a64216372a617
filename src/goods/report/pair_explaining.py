"""Why two products are, or are not, the same one: what each feature adds to a pair's log-odds.

reads:  runs/<experiment>/ and those of the experiments it builds on, prepared/, folds.parquet
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from goods.cards.table import select
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.execution import resources
from goods.core.ids import Id
from goods.core.predictions import Predictions
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.matching.groups import ends_of
from goods.models.pairs.pairs import PairsConfig
from goods.models.pairs.pairs_model import PairsModel
from goods.prepare.folds import load_folds
from goods.problems.kinds import load_rows
from goods.report.reasons import Explained, mean_reasons
from goods.submit.prediction import saved_config
from goods.train.context import make_context
from goods.train.keys import judges


def explain_pair(
    ws: Workspace, competition: CompetitionConfig, experiment: str, products: Sequence[Id]
) -> tuple[pd.Series, Explained]:
    """The row of the pair of two `products`, its score and the reasons for it, weightiest first. A train pair is judged
    by the model of its own fold, which has seen neither product; a test pair by the mean of those it was submitted
    from."""
    config = saved_config(ws, experiment)
    if not isinstance(config.model, PairsConfig):
        raise GoodsError(
            f"experiment {experiment} is of family {config.model.family}; name one of family pairs, which "
            "alone explains pairs"
        )
    rows = load_rows(ws)
    pair = pair_of(ws, rows, products)
    run, train = ws.run(experiment), select(rows, "train")
    if pair.split.iloc[0] == "train":
        asked, said = [int(load_folds(ws, train)[train.product_id == pair.product_id.iloc[0]][0])], run.oof
    else:
        asked, said = judges(config, competition), run.test
    given, parts = resources(competition.n_folds, False), []
    for k in asked:
        model = PairsModel(config.model, make_context(ws, config, given, None, False, k))
        model.load(run.fold(k))
        parts.append(model.contributions(pair))
    start, reasons = mean_reasons(parts)
    proba = Predictions.load(said).aligned(pair.product_id.to_numpy()).proba_of(1)[0]
    return pair.iloc[0], Explained("the same product", float(proba), start, reasons)


def pair_of(ws: Workspace, rows: pd.DataFrame, products: Sequence[Id]) -> pd.DataFrame:
    """The first of `rows` that is the pair of two `products`, in either order; GoodsError where none is."""
    if len(products) != 2:
        raise GoodsError(f"{count(len(products), 'product')} given; name the two of a pair")
    ends = np.sort(np.stack(ends_of(rows), 1), axis=1)
    asked = sorted(int(id_) for id_ in products if not isinstance(id_, str))
    pair = rows[(ends == asked).all(axis=1)].head(1) if len(asked) == 2 else rows[:0]
    if pair.empty:
        raise GoodsError(
            f"{products[0]} and {products[1]} are no pair of {ws.competition}; see {ws.pairs} for those there are"
        )
    return pair
