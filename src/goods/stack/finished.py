"""A finished stack, for new cards.

reads:  runs/<stack>/ report.json fold_<k>/, prepared/, folds.parquet
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import read_json
from goods.core.predictions import Predictions, mean_of
from goods.core.workspace import ALL, Workspace
from goods.prepare.folds import load_dealt
from goods.stack.config import StackConfig
from goods.stack.features import CandidateFeatures
from goods.stack.fit import FoldStack
from goods.stack.level import maker_of, stack_config, tabulate
from goods.stack.ranked import to_predictions
from goods.stack.settle import finished


def predicted(
    maker: CandidateFeatures,
    model: StackConfig,
    folds: list[FoldStack],
    method: str,
    cards: pd.DataFrame,
    base: list[Predictions],
) -> Predictions:
    """Mean of the fold stacks' predictions of new cards by one method, not yet calibrated."""
    table, features = tabulate(maker, model, cards, None, base)
    parts = (fold.apply(maker, model, table, features, [method])[method] for fold in folds)
    return mean_of([to_predictions(table, proba, cards, maker.labels) for proba in parts])


@dataclass(frozen=True)
class FinishedStack:
    """What the train cards tell of others, and the fold stacks that new cards are asked of. What is said of a card
    does not depend on the cards it is asked with."""

    maker: CandidateFeatures
    model: StackConfig
    folds: list[FoldStack]
    report: dict[str, Any]

    @staticmethod
    def load(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> FinishedStack:
        model, labels, run = stack_config(config), Labels.load(ws), ws.run(config.name)
        cards, report = load_cards(ws), read_json(run.report)
        train = select(cards, "train")
        maker = maker_of(train, load_dealt(ws, train), labels, model)
        if maker.ids is not None:
            maker.ids.table = cards.product_id
        numbers = [ALL] if config.refit else range(len(report["winner_by_fold"]))
        return FinishedStack(maker, model, [FoldStack.load(run.fold(k)) for k in numbers], report)

    def predict(self, cards: pd.DataFrame, base: list[Predictions]) -> Predictions:
        """`base`: what its experiments say of the cards, in their order."""
        raw = predicted(self.maker, self.model, self.folds, self.report["winner"], cards, base)
        return finished(raw, self.maker.labels, self.report["temperature"], self.report["decoding"])
