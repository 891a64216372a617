"""What an experiment builds on: finished runs below it, by what they hold."""

from __future__ import annotations

from pathlib import Path

from goods.config.base import PresetConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.done import DONE, check_done, flaw, fold_content
from goods.core.errors import GoodsError
from goods.core.execution import has_torch
from goods.core.hashing import file_hash
from goods.core.predictions import Predictions, joined
from goods.core.runs import check_whole
from goods.core.workspace import ALL, Run, Workspace
from goods.models.base import Upstream
from goods.problems.base import Problem
from goods.problems.kinds import PROBLEMS, problem_of
from goods.train.commands import given_to_a_script


def check_problem(ws: Workspace, config: ExperimentConfig) -> None:
    """GoodsError where an experiment does not go with the prepared competition or with what it builds on."""
    check_family(config, problem_of(ws), ws.competition)
    for name in config.model.scored_by:
        if name != config.model.taught_by:
            check_joined(config, load_experiment(scored_run(ws, config, name).config), name)


def check_family(config: ExperimentConfig, found: Problem, competition: str) -> None:
    """GoodsError where an experiment for cards meets pairs of them, or the other way round, or one lacks a package that
    it works with, a neural network torch."""
    if config.model.on_gpu and not has_torch():
        raise GoodsError(
            f"experiment {config.name}: family {config.model.family} runs on torch, which is not installed; "
            "pip install 'goods[networks]', or take --preset light"
        )
    config.model.check_installed()
    wanted = PROBLEMS[config.model.problem]
    if wanted is not found:
        raise GoodsError(
            f"experiment {config.name}: family {config.model.family} is for a competition that {wanted.needs}, "
            f"which {competition} does not; leave it out"
        )
    if config.pseudo is not None and not found.takes_pseudo_labels:
        raise GoodsError(
            f"experiment {config.name}: pseudo: does not apply to {found.name}, whose test part shares products "
            "with scored ones; leave it out"
        )


def check_joined(config: ExperimentConfig, below: ExperimentConfig, name: str) -> None:
    """GoodsError where `config` joins an experiment that itself joins others, or that learned from one of them."""
    if below.model.taught_by is not None:
        raise GoodsError(
            f"experiment {config.name}: {name} learned from {below.model.taught_by}, which has seen the labels of "
            "every fold; leave it out"
        )
    if isinstance(below.model, PresetConfig):
        raise GoodsError(
            f"experiment {config.name}: {name} is of family {below.model.family} itself; name its experiments"
        )


def scored_run(ws: Workspace, config: ExperimentConfig, name: str) -> Run:
    """A finished run whose predictions are features of `config`; GoodsError where it was not trained."""
    run = ws.run(name)
    check_whole(
        run,
        f"experiment {config.name} builds on {name}, which is not trained",
        f"run scripts/train.py {given_to_a_script(ws, name)} first",
    )
    return run


def scores_key(ws: Workspace, config: ExperimentConfig) -> list[str]:
    """Hashes of the predictions that are features of this experiment."""
    runs = [scored_run(ws, config, name) for name in config.model.scored_by]
    return [file_hash(path) for run in runs for path in (run.oof, run.test)]


def said_of_all(run: Run) -> Predictions:
    """What an experiment says of every row: out of fold of train rows, submitted of test rows."""
    return joined([Predictions.load(run.oof), Predictions.load(run.test)])


def labelled_by(ws: Workspace, config: ExperimentConfig, k: int) -> list[str]:
    """Hashes of the predictions that pseudo-labels for fold k come from."""
    return [file_hash(trained_fold(ws, config, name, k) / "test.npz") for name in config.labellers]


def trained_fold(ws: Workspace, config: ExperimentConfig, name: str, k: int) -> Path:
    """The folder of fold k of an experiment below `config`; GoodsError where it was not trained."""
    folder = ws.run(name).fold(k)
    missing = "is not fitted on all folds" if k == ALL else f"has no trained fold {k}"
    how = " with --set refit=true" if k == ALL else ""
    check_done(
        folder,
        f"experiment {config.name} builds on {name}, which {missing}",
        f"run scripts/train.py {given_to_a_script(ws, name)}{how} first",
    )
    return folder


def trained_config(ws: Workspace, config: ExperimentConfig, name: str) -> ExperimentConfig:
    """What an experiment below `config` was trained with; GoodsError where there is none, or it is not what was
    written."""
    run = ws.run(name)
    if not run.config.is_file() and not run.path.joinpath(DONE).exists():
        raise GoodsError(
            f"experiment {config.name} builds on {name}, which is not trained; "
            f"run scripts/train.py {given_to_a_script(ws, name)} first"
        )
    if wrong := flaw(run.path):
        raise GoodsError(
            f"experiment {config.name} builds on {name}, of which {wrong}; "
            f"run scripts/train.py {given_to_a_script(ws, name)} again"
        )
    return load_experiment(run.config)


def upstream_of(ws: Workspace, config: ExperimentConfig, k: int) -> dict[str, Upstream]:
    """Fold k of the experiments that `config` builds on."""
    found = {}
    for name in config.model.upstream:
        folder = trained_fold(ws, config, name, k)
        other = trained_config(ws, config, name)
        if (other.seed, other.inner_share) != (config.seed, config.inner_share):
            raise GoodsError(
                f"experiment {config.name}: expected seed and inner_share of {name}, whose training cards "
                "would else be in the inner split that stops and calibrates this one"
            )
        found[name] = Upstream(other.model, folder, fold_content(folder))
    return found


def tuned_below(ws: Workspace, config: ExperimentConfig) -> tuple[int, ...]:
    """Folds that studies have used of the experiment or of any it builds on."""
    used = set(config.tuned_on)
    for name in config.upstream:
        used |= set(tuned_below(ws, trained_config(ws, config, name)))
    if config.model.taught_by is not None:  # a stack's are in its report alone
        used |= set(read_json(ws.run(config.model.taught_by).report)["tuned_on"])
    return tuple(sorted(used))
