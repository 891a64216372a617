"""A submission of one experiment, where there was no time to join several."""

from __future__ import annotations

import shutil
from typing import Any

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import json_text, read_json
from goods.core.done import begin, change, done_key
from goods.core.log import say
from goods.core.workspace import ALL, Run, Workspace
from goods.problems.kinds import problem_of
from goods.train.keys import is_trained, refits
from goods.train.stage import train

PRIOR = "prior"  # name of the experiment that says the shares of the classes
PRIORS = {"cards": "prior", "pairs": "pair_prior"}  # its family, by problem


def prior(ws: Workspace, seed: int) -> ExperimentConfig:
    """The experiment that learns nothing but the shares of the classes."""
    model = {"family": PRIORS[problem_of(ws).name]}
    config = {"competition": ws.whole.competition, "name": PRIOR, "seed": seed, "model": model}
    return ExperimentConfig.model_validate(config)


def best_of(ws: Workspace, names: list[str]) -> ExperimentConfig:
    """What the best of some finished experiments was trained with, by its out-of-fold score."""
    best = max(names, key=lambda name: read_json(ws.run(name).report)["score"])
    return load_experiment(ws.run(best).config)


def submit_as(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, name: str
) -> ExperimentConfig:
    """Make runs/<name>/ of the finished run of `config`: its folds are copied, as nothing in them depends on a name.
    Returns the config by that name."""
    renamed = config.model_copy(update={"name": name})
    models = [*range(competition.n_folds), *([ALL] if refits(config) else [])]
    if not all(is_trained(ws, renamed, k) for k in models):
        begin(ws.run(name).path, f"copied from {config.name}")
        for k in models:
            folder = ws.run(name).fold(k)
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(ws.run(config.name).fold(k), folder)
    say(f"{name}: {config.name} alone")
    train(ws, competition, renamed)
    return renamed


def note_limits(run: Run, limits: dict[str, Any] | None) -> None:
    """Say in report.json what kept the run from more, or that nothing did."""
    report = read_json(run.report)
    if done_key(run.path) is None or report.get("limits") == limits:
        return
    others = {name: value for name, value in report.items() if name != "limits"}
    told = others if limits is None else others | {"limits": limits}
    change(run.path, run.report.name, json_text(told))
