"""What the costs of a competition grow with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from goods.cards.hiding import like_test
from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, has_photo, select
from goods.config.competition import CompetitionConfig
from goods.core.workspace import Workspace
from goods.problems.kinds import load_rows

SAMPLE = 2000  # rows whose words are counted


@dataclass(frozen=True)
class Size:
    """`train` and `test` rows; `words` of a row, all its texts together; `siblings`: the children of the nodes on the
    path to a row's class, that of the root and so on, added up, mean over train rows; `photos`: the share of rows that
    models see a photo of."""

    train: int
    test: int
    folds: int
    classes: int
    words: float = 0.0
    siblings: float = 0.0
    photos: float = 0.0

    @property
    def fitted(self) -> float:
        """Share of the train rows that models of a fold are fitted on; about, where folds are no equal parts."""
        return 1 - 1 / max(2, self.folds)

    def part(self, share: float) -> Size:
        """With a share of the train rows, one of each class at least."""
        return replace(self, train=min(self.train, max(round(share * self.train), self.classes)))


def size_of(ws: Workspace, competition: CompetitionConfig) -> Size:
    rows, labels = load_rows(ws), Labels.load(ws)
    train = select(rows, "train")
    seen = like_test(rows)[0] if "image" in rows else rows
    drawn = rows.sample(min(SAMPLE, len(rows)), random_state=0)
    return Size(
        train=len(train),
        test=len(rows) - len(train),
        folds=competition.n_folds,
        classes=labels.n_classes,
        words=sum(words(drawn[field]) for field in TEXT_FIELDS if field in drawn),
        siblings=siblings(labels, train.target.to_numpy()),
        photos=float(has_photo(seen).mean()) if "image" in seen else 0.0,
    )


def words(texts: pd.Series) -> float:
    return float(np.mean([len(text.split()) for text in texts.fillna("")]))


def siblings(labels: Labels, target: np.ndarray) -> float:
    children: dict[str, set[str]] = {}
    for path in labels.nodes:
        for parent, child in zip(("", *path), path, strict=False):
            children.setdefault(parent, set()).add(child)
    of_class = [sum(len(children[parent]) for parent in ("", *path[:-1])) for path in labels.nodes]
    return float(np.array(of_class)[target].mean())
