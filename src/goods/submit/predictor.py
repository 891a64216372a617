"""Finished experiments that new cards are asked of.

reads: runs/<experiment>/ and those of the experiments it builds on
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.done import DONE
from goods.core.kept import Kept
from goods.core.log import say
from goods.core.predictions import Predictions, mean_of
from goods.core.runs import check_run
from goods.core.workspace import Workspace
from goods.models.base import Model
from goods.models.prior import PairPriorConfig, PriorConfig
from goods.stack.config import StackConfig
from goods.submit.entries import joined
from goods.train.commands import how_to_have, run_again
from goods.train.finished import load_run_models
from goods.train.fold import top_k
from goods.train.keys import judges

if TYPE_CHECKING:
    from goods.stack.finished import FinishedStack


def saved_config(ws: Workspace, experiment: str) -> ExperimentConfig:
    return load_experiment(check_run(ws, experiment, "no finished run", how_to_have(ws, experiment)).config)


def warn_of_shares(experiment: str, spaces: list[Workspace]) -> None:
    """Say so where an experiment looks at nothing: what a run makes for which there was no time to train more."""
    for space in spaces:
        model = saved_config(space, experiment).model
        if isinstance(model, PriorConfig | PairPriorConfig):
            of = f" of {space.attribute}" if len(spaces) > 1 else ""
            pairs = isinstance(model, PairPriorConfig)
            all_alike = "pair gets the share of matches" if pairs else "card gets the most frequent one"
            say(
                f"warning: {experiment}{of} is nothing but the shares of the classes: every {all_alike}; run "
                f"{run_again(space, experiment)} again with wider limits, or without"
            )


class Predictor:
    """A finished experiment that new cards are asked of: the mean of the run's fold models, of a stack what it makes of
    its base experiments. Models are loaded once where they `stay`, else for each batch one after the other."""

    def __init__(
        self,
        ws: Workspace,
        competition: CompetitionConfig,
        experiment: str,
        images: Path | None,
        kept: Kept,
        stay: bool,
    ) -> None:
        config = saved_config(ws, experiment)
        self.kept = kept
        self.base: list[Predictor] = []
        self.stack: FinishedStack | None = None
        self.load = partial(load_run_models, ws, competition, config, images, kept=kept)
        self.models: list[Model] | None = None
        if isinstance(config.model, StackConfig):
            from goods.stack.finished import FinishedStack

            names = config.model.experiments
            self.base = [Predictor(ws, competition, name, images, kept, stay) for name in names]
            self.stack = FinishedStack.load(ws, competition, config)
        elif stay:
            self.models = list(self.load())
        of_models = len(judges(config, competition))
        self.steps: int = sum(base.steps for base in self.base) or of_models

    def predict(self, cards: pd.DataFrame, step: Callable[[], None]) -> Predictions:
        """`step` is called as often as `steps` says."""
        if self.stack is not None:
            return self.stack.predict(cards, [base.predict(cards, step) for base in self.base])
        found = []
        for model in self.load() if self.models is None else self.models:
            found.append(top_k(model, cards))
            step()
        return mean_of(found)


def asked_first(config: ExperimentConfig) -> tuple[str, ...]:
    """Experiments whose models an answer of this one needs too."""
    return joined(config) or config.model.upstream


def model_folders(ws: Workspace, competition: CompetitionConfig, experiment: str) -> list[Path]:
    """Where the models are that an experiment's answer comes from; GoodsError where one is not finished."""
    config = saved_config(ws, experiment)
    folders = [ws.run(config.name).fold(k) for k in judges(config, competition)]
    return folders + [f for name in asked_first(config) for f in model_folders(ws, competition, name)]


def done_folders(ws: Workspace, competition: CompetitionConfig, experiment: str) -> list[Path]:
    """Folders whose DONE is of what an experiment's answer comes from: a stack's folds are finished with their run."""
    models = model_folders(ws, competition, experiment)
    return [place for folder in models for place in (folder, folder.parent) if (place / DONE).is_file()]


def size_of(folder: Path) -> int:
    """Bytes of the files below it."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
