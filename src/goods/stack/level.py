"""What the second level is fitted on: candidates and features of the train cards, all out of fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from goods.cards.hiding import like_test
from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.done import check_done
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Run, Workspace
from goods.metrics.evaluation import score
from goods.prepare.folds import load_folds
from goods.stack.candidates import Candidates, make_candidates
from goods.stack.config import StackConfig
from goods.stack.features import CandidateFeatures


def stack_config(config: ExperimentConfig) -> StackConfig:
    if not isinstance(config.model, StackConfig):
        raise GoodsError(f"experiment {config.name} is of family {config.model.family}, not stack")
    return config.model


def finished_run(ws: Workspace, experiment: str) -> Run:
    """The run of a finished stack; GoodsError if it is not one."""
    run = ws.run(experiment)
    check_done(run.path, "no finished run", "run scripts/stack.py first")
    try:
        stack_config(load_experiment(run.config))
    except GoodsError as error:
        if not read_json(run.report).get("limits"):
            raise
        raise GoodsError(
            f"{error}: the limits of its run left the stack out; run scripts/run_all.sh {ws.whole.competition} again "
            "with higher limits, or without"
        ) from None
    return run


def base_runs(ws: Workspace, config: ExperimentConfig) -> list[Run]:
    runs = [ws.run(name) for name in stack_config(config).experiments]
    for run in runs:
        check_done(run.path, "not trained on every fold", f"run scripts/train.py for {run.path.name} first")
    return runs


@dataclass(frozen=True)
class Level:
    """What the second level is fitted on: the train cards, their candidates and features, all out of fold.
    `photos_hidden`: share of the train cards that are seen as if they had no photo, because fewer test cards have one.
    """

    metric: str
    config: ExperimentConfig
    model: StackConfig
    labels: Labels
    train: pd.DataFrame
    target: np.ndarray
    fold: np.ndarray
    tuned_on: tuple[int, ...]
    maker: CandidateFeatures
    table: Candidates
    features: pd.DataFrame
    photos_hidden: float

    @property
    def honest(self) -> np.ndarray:
        """bool [n]: cards of folds that no study has used."""
        return ~np.isin(self.fold, self.tuned_on)

    def score(self, true: np.ndarray, predicted: np.ndarray) -> float:
        return score(self.metric, true, predicted, self.labels)


def make_level(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> Level:
    model, labels, runs = stack_config(config), Labels.load(ws), base_runs(ws, config)
    cards, photos_hidden = like_test(load_cards(ws))
    train = select(cards, "train")
    fold = load_folds(ws, train)
    maker = CandidateFeatures(train, fold, labels, list(model.experiments))
    table, features = tabulate(maker, model, train, fold, [Predictions.load(r.oof) for r in runs])
    tuned_on = {k for r in runs for k in read_json(r.report)["tuned_on"]} | set(config.tuned_on)
    if tuned_on >= set(fold.tolist()):
        raise GoodsError(
            f"experiment {config.name}: studies of its base experiments used every fold, none is left to score it; "
            "set tune.folds so that all studies share theirs"
        )
    return Level(
        competition.metric,
        config,
        model,
        labels,
        train,
        train.target.to_numpy(),
        fold,
        tuple(sorted(tuned_on)),
        maker,
        table,
        features,
        photos_hidden,
    )


def tabulate(
    maker: CandidateFeatures,
    model: StackConfig,
    cards: pd.DataFrame,
    fold: np.ndarray | None,
    base: list[Predictions],
) -> tuple[Candidates, pd.DataFrame]:
    """Candidates of the cards and their features; `fold` is each card's own, None for cards not in train."""
    aligned = [p.aligned(cards.product_id.to_numpy()) for p in base]
    near = maker.neighbours(cards, fold)
    sources = maker.sources(cards, fold, near)
    table = make_candidates(aligned, maker.labels.n_classes, model.min_proba, sources)
    return table, maker.make(cards, fold, table, near)
