"""Trained matching experiments for pairs of any catalogue.

reads:  runs/<experiment>/ and those of the experiments it builds on; of the catalogue's file the columns of the
        contest's format
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.rawtext import normalise
from goods.cards.table import Issues
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.ids import numbered
from goods.core.log import say
from goods.core.predictions import Predictions
from goods.core.progress import track
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.matching.cleanup import of_matches
from goods.matching.expected import Expected, Expecting, share_of_matches, shift_between
from goods.matching.handmade import Scorer
from goods.matching.products import Products, Vectors
from goods.models.base import Model
from goods.models.pairs.pairs_model import PairsModel, in_short
from goods.problems.kinds import load_rows
from goods.submit.batches import Asked, of_one_training
from goods.submit.predictor import saved_config, warn_of_shares
from goods.submit.raw_batches import whole_file
from goods.train.finished import load_run_models

PAIRS_AT_ONCE = 200_000
LOST = 10  # % of a booster's importance that cards may lack without a word


def predict_pairs(
    ws: Workspace, competition: CompetitionConfig, experiment: str, products: Products, pairs: pd.DataFrame
) -> Predictions:
    """Mean of a finished run's fold models on `pairs` (product_id, variantid1, variantid2, target) of `products`, whose
    candidates they are, after what the experiments it builds on say."""
    config = saved_config(ws, experiment)
    scores = {name: predict_pairs(ws, competition, name, products, pairs) for name in config.model.scored_by}
    models = list(load_run_models(ws, competition, config, None, products, scores))
    warn_of_lacking(models[0], experiment, pairs.head(PAIRS_AT_ONCE))
    found = []
    for start in track(
        range(0, len(pairs), PAIRS_AT_ONCE),
        f"scores ({experiment})",
        unit="blocks",
        hidden=len(pairs) <= PAIRS_AT_ONCE,
    ):
        part = pairs.iloc[start : start + PAIRS_AT_ONCE].reset_index(drop=True)
        found.append(np.mean([model.predict(part)[:, 1] for model in models], axis=0))
    return of_matches(pairs.product_id.to_numpy(), np.concatenate(found))


def warn_of_lacking(model: Model, experiment: str, pairs: pd.DataFrame) -> None:
    """Say so where the products have nothing for much of what a booster goes by."""
    lost = model.lacking(pairs) if isinstance(model, PairsModel) else {}
    share = sum(lost.values())
    if share > LOST:
        say(
            f"warning: {share:.0f} % of what {experiment} goes by is not known of these cards "
            f"({in_short(sorted(lost, key=lost.__getitem__, reverse=True))}): its scores may be far off; give the "
            "cards those columns, or train it without their groups in model.features"
        )


def check_finished(ws: Workspace, experiment: str) -> None:
    """GoodsError, before hours of blocking, unless the experiment and those below it are trained and score pairs."""
    config = saved_config(ws, experiment)
    if config.model.problem != "pairs":
        raise GoodsError(
            f"experiment {experiment} is of family {config.model.family}, which scores no pairs; name one "
            "that does"
        )
    for name in config.model.scored_by:
        check_finished(ws, name)


def trained_scorer(
    ws: Workspace, competition: CompetitionConfig, experiment: str, path: Path | None = None
) -> Scorer:
    """Scores of candidate pairs as a finished experiment gives them; `path` is the cards' file, whose columns of the
    contest's format are read. How a pair stands among all others is a feature: the scorer is asked once, for all."""
    check_finished(ws, experiment)
    warn_of_shares(experiment, [ws])

    def scorer(cards: pd.DataFrame, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if not len(left):
            return np.empty(0, np.float32)
        ids = numbered(cards.product_id)
        pairs = pd.DataFrame(
            {"product_id": np.arange(len(left)), "variantid1": ids[left], "variantid2": ids[right]}
        )
        pairs["target"] = np.int32(-1)
        products = (
            Products.of(cards.assign(product_id=ids), pairs)
            if path is None
            else contest_products(competition, path, cards, ids, pairs)
        )
        with of_one_training(Asked(ws, competition, experiment, None)) as check:
            said = predict_pairs(ws, competition, experiment, products, pairs)
            check()
        return said.proba_of(1)

    return scorer


def expecting_of(ws: Workspace) -> Expecting:
    """What to expect of a trained experiment's scores on candidate pairs of any catalogue, among which matches are more
    or less frequent than among the pairs it was trained on."""
    rows = load_rows(ws)
    labelled = float(rows.target[rows.split == "train"].mean())

    def expecting(score: np.ndarray) -> Expected:
        share = share_of_matches(score, labelled) if len(score) else labelled
        # easier pairs than those it was trained on: not one match is left by likelihood
        if share * len(score) < 1:
            return Expected(
                0.0,
                f"as its scores say, found on pairs of which {labelled:.0%} were matches; rather fewer are, for how "
                "many of these candidates match they do not tell",
            )
        among = f"{share:.1%} of matches among these candidates, {labelled:.0%} where it was trained"
        how = f"as its scores tell of {among}"
        return Expected(shift_between(labelled, share), how)

    return expecting


def contest_products(
    competition: CompetitionConfig, path: Path, cards: pd.DataFrame, numbers: np.ndarray, pairs: pd.DataFrame
) -> Products:
    """`cards`, the rows of `path` in order, with what the file tells in columns of the contest's format; their
    `numbers` int64 [n], which the `pairs` have, in place of their ids."""
    describe = competition_of(competition).describe
    if describe is None:
        return Products.of(cards.assign(product_id=numbers), pairs)
    issues, ids = Issues(), cards.product_id.to_numpy()
    with whole_file(path) as file:
        columns = describe(file, ids, issues).columns
    for column, cells in issues.unreadable.items():
        product, cell = cells[0]
        say(
            f"warning: {path}: column {column!r}: {len(cells)} of {count(len(cards), 'cell')} cannot be read, such as "
            f"that of product {product}: {cell}; {issues.mends[column]}"
        )
    cards = cards.assign(**columns, product_id=numbers)
    normalise(cards, issues)

    def read() -> dict[str, Vectors]:
        with whole_file(path) as file:
            found = describe(file, ids, issues).embeddings()
        return {kind: Vectors.of(*owned, len(cards)) for kind, owned in found.items()}

    return Products.of(cards, pairs, read)
