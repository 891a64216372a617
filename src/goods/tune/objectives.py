"""What a trial maximises."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import optuna

from goods.cards.labels import Labels
from goods.cards.table import select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig, TuneConfig
from goods.core.errors import GoodsError, within
from goods.core.execution import Resources, first_gpu, own_resources
from goods.core.kept import Kept
from goods.core.workspace import Workspace
from goods.metrics.evaluation import check_finite, evaluate, metric_of
from goods.prepare.folds import load_dealt
from goods.problems.kinds import problem_of
from goods.stack.level import make_level, stack_config
from goods.stack.stage import catboost_score
from goods.train.context import make_context
from goods.train.fold import fit_on, pseudo_cards, top_k
from goods.train.foundations import upstream_of
from goods.train.rows import check_classes, rows_seen
from goods.tune.study import suggest, with_params


class Objective:
    """Mean score over the study's folds; after each (fold, share) the trial may be pruned."""

    def __init__(
        self,
        ws: Workspace,
        competition: CompetitionConfig,
        config: ExperimentConfig,
        given: Resources | None = None,
    ) -> None:
        assert config.tune is not None
        self.ws, self.config, self.tune, self.metric = ws, config, config.tune, competition.metric
        self.labels = Labels.load(ws)
        rows, _ = rows_seen(ws, config)
        self.cards, self.test = (select(rows, split) for split in ("train", "test"))
        self.folds = load_dealt(ws, self.cards)
        self.problem = problem_of(ws)
        given = given or first_gpu(own_resources(1, config.model.on_gpu))
        # what trials share is bounded in memory; a trial that varies what it depends on makes its own
        self.context = replace(make_context(ws, config, given, None, False), kept=Kept())
        config.model.build(self.context).warm(self.problem.all_rows(ws))

    def __call__(self, trial: optuna.Trial) -> float:
        candidate = with_params(self.config, suggest(trial, self.tune.space))
        scores: list[float] = []
        for k in self.tune.folds:
            for share in self.tune.shares:
                with within(f"experiment {self.config.name}, trial {trial.number}, fold {k}"):
                    value = self._score(candidate, k, share)
                go_on(trial, self.metric, [*scores, value], trial_step(self.tune, k, share))
            scores.append(value)
        return float(np.mean(scores))

    def _score(self, candidate: ExperimentConfig, k: int, share: float) -> float:
        rows = np.flatnonzero(self.folds.may_fit(self.problem, self.cards, k))
        check_classes(self.ws, self.problem, self.cards, self.cards.iloc[rows], k)
        if share < 1:
            rng = np.random.default_rng(self.config.seed)
            rows = np.sort(rng.choice(rows, max(2, round(share * len(rows))), replace=False))
        model = candidate.model.build(replace(self.context, upstream=upstream_of(self.ws, candidate, k)))
        extra = pseudo_cards(self.ws, candidate, k, self.test)
        groups = None if self.folds.groups is None else self.folds.groups[rows]
        fit_on(self.problem, model, self.cards.iloc[rows].reset_index(drop=True), candidate, extra, groups)
        valid = self.cards[self.folds.of(k)]
        return evaluate(self.metric, valid, top_k(model, valid, metric_of(self.metric).depth), self.labels)


class StackObjective:
    """Mean score over the study's folds of CatBoost on candidates, which are made once: what makes them is fixed."""

    FIXED = ("experiments", "min_proba")

    def __init__(self, ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> None:
        assert config.tune is not None
        for key in self.FIXED:
            if key in config.tune.space:
                raise GoodsError(
                    f"experiment {config.name}: tune.space names {key}, which a study of a stack cannot vary; "
                    "compare stacks of different names instead"
                )
        self.level = make_level(ws, competition, config)

    def __call__(self, trial: optuna.Trial) -> float:
        assert self.level.config.tune is not None
        candidate = with_params(self.level.config, suggest(trial, self.level.config.tune.space))
        level = replace(self.level, config=candidate, model=stack_config(candidate))
        scores: list[float] = []
        for step, k in enumerate(self.level.config.tune.folds):
            scores.append(catboost_score(level, k))
            go_on(trial, level.metric, scores, step)
        return float(np.mean(scores))


def go_on(trial: optuna.Trial, metric: str, scores: list[float], step: int) -> None:
    """Tell the trial its scores up to a step; TrialPruned where it is not worth more, GoodsError where one is no
    number: Optuna would leave the trial out, and others without end be begun in its place."""
    check_finite(metric, scores)
    trial.report(float(np.mean(scores)), step=step)
    if trial.should_prune():
        raise optuna.TrialPruned


def objective_of(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, given: Resources | None = None
) -> Objective | StackObjective:
    if config.model.second_level:
        return StackObjective(ws, competition, config)
    return Objective(ws, competition, config, given)


def trial_step(tune: TuneConfig, k: int, share: float) -> int:
    return tune.folds.index(k) * len(tune.shares) + tune.shares.index(share)
