"""Train cards whose category is probably wrong: confident learning (Northcutt et al., arXiv 1911.00068) by cleanlab."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from goods.core.predictions import BLOCK
from goods.report.judged import Judged

with warnings.catch_warnings():  # of tqdm, which in a notebook wants widgets for bars that are not shown
    warnings.filterwarnings("ignore", message="IProgress not found")
    from cleanlab.experimental.label_issues_batched import LabelInspector

FEWEST = 5  # train cards of a class below which too little was learned of it to doubt a label


def suspected_labels(judged: Judged) -> pd.DataFrame:
    """The most suspicious first: product_id, title, given and suggested category, and the probability of both.

    A card is suspected where another class is submitted and is at least as probable as it is, in the mean, for the
    cards that bear it.
    """
    columns = ("product_id", "title", "given", "suggested", "p_given", "p_suggested")
    rows = np.flatnonzero(judged.class_size[judged.target] >= FEWEST)
    if judged.labels.n_classes < 2 or not len(rows):
        return pd.DataFrame(columns=list(columns))
    inspector = LabelInspector(num_class=judged.labels.n_classes, verbose=False, n_jobs=1)
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    for block in blocks:
        inspector.update_confident_thresholds(judged.target[block], dense(judged, block))
    for block in blocks:
        inspector.score_label_quality(judged.target[block], dense(judged, block))
    found = rows[inspector.get_label_issues()]
    found = found[~judged.right[found]]
    given = np.where(judged.oof.classes[found] == judged.target[found, None], judged.oof.proba[found], 0).sum(
        1
    )
    values = (
        judged.cards.product_id.to_numpy()[found],
        judged.cards.title.to_numpy()[found],
        [judged.names[c] for c in judged.target[found].tolist()],
        [judged.names[c] for c in judged.predicted[found].tolist()],
        given.round(4),
        judged.oof.proba[found, 0].round(4),
    )
    return pd.DataFrame(dict(zip(columns, values, strict=True)))


def dense(judged: Judged, rows: np.ndarray) -> np.ndarray:
    """float64 [m, C] probabilities of some cards, 1 per card."""
    proba = np.full((len(rows), judged.labels.n_classes), 1e-9)
    np.put_along_axis(proba, judged.oof.classes[rows].astype(np.int64), judged.oof.proba[rows], axis=1)
    return proba / proba.sum(1, keepdims=True)
