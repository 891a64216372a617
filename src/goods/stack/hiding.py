"""Train cards as test cards are: where fewer test cards have photos, the second level sees as many train cards without.

A base experiment's out-of-fold prediction of a card whose photo is hidden is asked of the same fold's model again,
which has not seen the card: what it says of the card without the photo is what it will say of test cards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import xxhash

from goods.cards.table import has_photo
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.done import check_done, done_key
from goods.core.predictions import Predictions
from goods.core.workspace import Run, Workspace
from goods.train.finished import load_fold_model
from goods.train.fold import top_k

POINTS = 0.05  # difference between the shares of cards with photos that is left as it is


def hidden(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """bool [n]: train cards whose photo is not to be seen, drawn by their ids, so that as large a share as of the test
    cards keeps it; none where test has as many but for `POINTS`."""
    has = has_photo(train)
    share, on_test = has.mean(), has_photo(test).mean() if len(test) else 1.0
    drawn = np.zeros(len(train), bool)
    if on_test >= share - POINTS:
        return drawn
    with_photo = np.flatnonzero(has)
    ids = train.product_id.to_numpy()[with_photo].tolist()
    order = np.argsort([xxhash.xxh3_64_intdigest(str(id_).encode()) for id_ in ids], kind="stable")
    drawn[with_photo[order[: round((share - on_test) * len(train))]]] = True
    return drawn


def without_photos(cards: pd.DataFrame, which: np.ndarray) -> pd.DataFrame:
    """The cards with no photo where `which` bool [n]; the same object where that is none."""
    return cards.assign(image=cards.image.where(~which, None)) if which.any() else cards


def looks_at_photos(ws: Workspace, config: ExperimentConfig) -> bool:
    """Whether the experiment or any that its models ask does."""
    below = (load_experiment(ws.run(name).config) for name in config.model.upstream)
    return config.model.needs_photos or any(looks_at_photos(ws, other) for other in below)


def said_without_photos(
    ws: Workspace, run: Run, train: pd.DataFrame, fold: np.ndarray, which: np.ndarray
) -> Predictions:
    """The run's out-of-fold predictions in the order of `train`, those of the cards `which` bool [n] as its models
    give them where these have no photo."""
    said = Predictions.load(run.oof).aligned(train.product_id.to_numpy())
    config = load_experiment(run.config)
    if not which.any() or not looks_at_photos(ws, config):
        return said
    classes, proba = said.classes.copy(), said.proba.copy()
    n_folds = int(fold.max()) + 1
    for k in range(n_folds):
        rows = np.flatnonzero(which & (fold == k))
        if not len(rows):
            continue
        cards = without_photos(train.iloc[rows], np.ones(len(rows), bool)).reset_index(drop=True)
        found = top_k(load_fold_model(ws, config, k, n_folds), cards)
        classes[rows], proba[rows] = found.classes, found.proba
    return Predictions(said.product_id, classes, proba)


def models_key(ws: Workspace, runs: Iterable[Run], n_folds: int) -> list[Any]:
    """What the models are that are asked about cards whose photos are hidden: the keys of their folds."""
    found: list[Any] = []
    for run in runs:
        if looks_at_photos(ws, load_experiment(run.config)):
            for k in range(n_folds):
                check_done(run.fold(k), "not trained", "run scripts/train.py first")
            found.append([done_key(run.fold(k)) for k in range(n_folds)])
    return found
