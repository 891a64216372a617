"""Finished runs of experiments, by their names."""

from __future__ import annotations

from goods.core.done import DONE, check_done
from goods.core.errors import GoodsError
from goods.core.meant import among
from goods.core.workspace import Run, Workspace


def finished_runs(ws: Workspace) -> list[str]:
    """Names of the experiments that a stage has finished, whether their files are still whole or not."""
    runs = [Run(folder) for folder in sorted(ws.runs.glob("*/"))]
    return [run.path.name for run in runs if run.config.is_file() and (run.path / DONE).is_file()]


def check_whole(run: Run, missing: str, how: str) -> None:
    """GoodsError, with `how` to go on, unless it is finished and whole and an experiment's, which a study's is not;
    `missing` says what it is if not."""
    check_done(run.path, missing, how)
    if not run.config.is_file():
        raise GoodsError(f"{run.path}: {missing}; {how}")


def check_run(ws: Workspace, experiment: str, missing: str, how: str) -> Run:
    """The run of a finished experiment; GoodsError, with `how` to go on and those that are finished, where it is
    `missing`."""
    run, names = ws.run(experiment), finished_runs(ws)
    others = names and experiment not in names
    check_whole(run, missing, f"{how}; finished are {among(experiment, names)}" if others else how)
    return run
