"""What the second level is fitted on: candidates and features of the train cards, all out of fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from goods.cards.hiding import like_test
from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.runs import check_run, check_whole
from goods.core.workspace import Run, Workspace
from goods.metrics.base import ClassMetric
from goods.metrics.evaluation import card_metric, score
from goods.prepare.folds import load_dealt
from goods.problems.base import Problem
from goods.problems.folds import Folds
from goods.problems.kinds import problem_of
from goods.problems.splitting import assign_folds
from goods.stack.candidates import Candidates, make_candidates, side_by_side
from goods.stack.config import StackConfig
from goods.stack.features import CandidateFeatures
from goods.train.commands import given_to_a_script, run_again

PARTS = 5  # of the cards of a single scored fold, for the second level


def stack_config(config: ExperimentConfig) -> StackConfig:
    if not isinstance(config.model, StackConfig):
        raise GoodsError(
            f"experiment {config.name} is of family {config.model.family}, not stack; name one that is"
        )
    return config.model


def finished_run(ws: Workspace, experiment: str) -> Run:
    """The run of a finished stack; GoodsError if it is not one."""
    how = f"run scripts/stack.py {given_to_a_script(ws, experiment)} first"
    run = check_run(ws, experiment, "no finished run", how)
    config = load_experiment(run.config)
    if not isinstance(config.model, StackConfig) and read_json(run.report).get("limits"):
        raise GoodsError(
            f"experiment {config.name} is of family {config.model.family}, not stack: the limits of its run left the "
            f"stack out; run {run_again(ws, config.name)} again with wider limits, or without"
        )
    stack_config(config)
    return run


def base_runs(ws: Workspace, config: ExperimentConfig) -> list[Run]:
    runs = [ws.run(name) for name in stack_config(config).experiments]
    for run in runs:
        mend = f"run scripts/train.py {given_to_a_script(ws, run.path.name)} first"
        check_whole(run, "not trained on every fold", mend)
    return runs


@dataclass(frozen=True)
class Level:
    """What the second level is fitted on: the train cards that some fold scores, their candidates and features, all out
    of fold. `fold` is what a card is left out with at this level: its fold or, of a single one, a part of it.
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
    def n_folds(self) -> int:
        return int(self.fold.max()) + 1

    @property
    def honest(self) -> np.ndarray:
        """bool [n]: cards of folds that no study has used."""
        return ~np.isin(self.fold, self.tuned_on)

    def score(self, true: np.ndarray, predictions: Predictions) -> float:
        """`true` int [n] are the classes of the cards of the predictions, in their order."""
        return card_metric(self.metric).judge(true, predictions, self.labels)

    def score_classes(self, true: np.ndarray, predicted: np.ndarray) -> float:
        """Of classes alone, int [n] both: of a metric of probabilities its stand-in, accuracy."""
        metric = card_metric(self.metric)
        name = self.metric if isinstance(metric, ClassMetric) else "accuracy"
        return score(name, true, predicted, self.labels)


def said_out_of_fold(run: Run, labels: Labels) -> Predictions:
    """GoodsError where it names a class that there is not."""
    said = Predictions.load(run.oof)
    if (said.classes >= labels.n_classes).any():
        raise GoodsError(
            f"{run.oof}: names class {said.classes.max()} of {labels.n_classes}; train that experiment again"
        )
    return said


def make_level(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> Level:
    model, labels, runs = stack_config(config), Labels.load(ws), base_runs(ws, config)
    cards, photos_hidden = like_test(load_cards(ws))
    train = select(cards, "train")
    folds = load_dealt(ws, train)
    maker = maker_of(train, folds, labels, model)
    base = [said_out_of_fold(r, labels) for r in runs]
    if folds.partial:
        before = partial(maker_before, problem_of(ws), train, folds, labels, model)
        table, features = tabulate_scored(before, model, train, folds, base)
    else:
        table, features = tabulate(maker, model, train, folds.fold, base)
    train, fold = train[folds.scored].reset_index(drop=True), parts_of(train, folds, competition)
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


def parts_of(train: pd.DataFrame, folds: Folds, competition: CompetitionConfig) -> np.ndarray:
    """int8 [n] what each scored card is left out with at the second level: its fold; of a single fold one of PARTS."""
    fold = folds.fold[folds.scored]
    if fold.max() > 0:
        return fold
    groups = np.arange(len(fold)) if folds.groups is None else folds.groups[folds.scored]
    return assign_folds(train.target.to_numpy()[folds.scored], groups, PARTS, competition.seed)


def maker_of(train: pd.DataFrame, folds: Folds, labels: Labels, model: StackConfig) -> CandidateFeatures:
    """What all train cards tell of others; of each other too where every fold leaves out itself alone."""
    fold = np.zeros_like(folds.fold) if folds.partial else folds.fold
    return CandidateFeatures(train, fold, labels, list(model.experiments), model.id_order)


def maker_before(
    problem: Problem, train: pd.DataFrame, folds: Folds, labels: Labels, model: StackConfig, k: int
) -> CandidateFeatures:
    """What those train cards tell that models of fold k may be fitted on."""
    known = train[folds.may_fit(problem, train, k)].reset_index(drop=True)
    fold = np.zeros(len(known), np.int8)
    return CandidateFeatures(known, fold, labels, list(model.experiments), model.id_order)


def tabulate_scored(
    before: Callable[[int], CandidateFeatures],
    model: StackConfig,
    train: pd.DataFrame,
    folds: Folds,
    base: list[Predictions],
) -> tuple[Candidates, pd.DataFrame]:
    """As `tabulate` of the scored train cards, where of each fold only what is known `before` it speaks."""
    place = np.cumsum(folds.scored) - 1  # of a train card among the scored
    tables, features, rows = [], [], []
    for k in range(int(folds.fold.max()) + 1):
        here = np.flatnonzero(folds.of(k))
        table, told = tabulate(before(k), model, train.iloc[here].reset_index(drop=True), None, base)
        tables.append(table)
        features.append(told)
        rows.append(place[here])
    table, order = side_by_side(tables, rows, int(folds.scored.sum()))
    return table, pd.concat(features, ignore_index=True).iloc[order].reset_index(drop=True)


def tabulate(
    maker: CandidateFeatures,
    model: StackConfig,
    cards: pd.DataFrame,
    fold: np.ndarray | None,
    base: list[Predictions],
) -> tuple[Candidates, pd.DataFrame]:
    """Candidates of the cards and their features, a row for each entry; `fold` int [n] is each card's own, None
    for cards not in train."""
    aligned = [p.aligned(cards.product_id.to_numpy()) for p in base]
    found = maker.read(cards, fold)
    sources = maker.sources(cards, fold, found)
    table = make_candidates(aligned, maker.labels.n_classes, model.min_proba, sources)
    return table, maker.make(cards, fold, table, found)
