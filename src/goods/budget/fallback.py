"""A submission of one experiment, where there was no time to join several."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from goods.budget.course import Course
from goods.budget.estimates import PILOT
from goods.budget.plan import SHARES
from goods.cards.labels import Labels
from goods.cards.table import select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import json_text, read_json
from goods.core.done import DONE, begin, change, done_key, mark_done
from goods.core.log import say
from goods.core.predictions import TOP_K, Predictions, best_classes
from goods.core.processes import limited, limits
from goods.core.workspace import ALL, Run, Workspace
from goods.prepare.folds import load_folds, scored_rows
from goods.problems.kinds import load_rows, problem_of
from goods.train.gather import gather, oof_report
from goods.train.keys import is_trained, refits
from goods.train.stage import train

PRIOR = "prior"  # name of the experiment that says the shares of the classes
SCORED_BY = "scored by"  # begins the key of a fold of which another experiment says the train rows
PRIORS = {"cards": "prior", "pairs": "pair_prior"}  # its family, by problem


def prior(ws: Workspace, seed: int) -> ExperimentConfig:
    """The experiment that learns nothing but the shares of the classes."""
    model = {"family": PRIORS[problem_of(ws).name]}
    config = {"competition": ws.whole.competition, "name": PRIOR, "seed": seed, "model": model}
    return ExperimentConfig.model_validate(config)


def best_answer(course: Course, seed: int) -> ExperimentConfig:
    """What the best of the finished experiments was trained with, by its out-of-fold score; where there is none, or
    none that says more than the shares of the classes, these."""
    ws, reports = course.ws, {}
    for name in (*course.done, *(config.name for config in course.piloted)):
        reports[name] = read_json(ws.run(name).report)
    best = max(reports, key=lambda name: reports[name]["score"], default=PRIOR)
    if best != PRIOR:
        constant = score_of_shares(ws, course.competition, tuple(reports[best]["tuned_on"]))
        if reports[best]["score"] >= constant:
            return load_experiment(ws.run(best).config)
        told = f"{best} scores {reports[best]['score']:.4f} out of fold, the shares of the classes {constant:.4f}"
        course.leave_out(f"{told}: these answer")
    config = prior(ws, seed)
    with limited(replace(limits(), workers=1)):  # it takes no time, and starting processes does
        train(ws, course.competition, config, force=course.force)
    return config


def score_of_shares(ws: Workspace, competition: CompetitionConfig, tuned_on: tuple[int, ...]) -> float:
    """What `prior` would score out of fold."""
    train_rows = scored_rows(ws, select(load_rows(ws), "train"))
    fold, target = load_folds(ws, train_rows), train_rows.target.to_numpy()
    shares = np.zeros((len(target), Labels.load(ws).n_classes), np.float32)
    for k in np.unique(fold):
        others = target[fold != k] if (fold != k).any() else target
        shares[fold == k] = np.bincount(others, minlength=shares.shape[1]) / len(others)
    oof = Predictions(train_rows.product_id.to_numpy(), *best_classes(shares, TOP_K))
    return float(oof_report(ws, competition, oof, train_rows, tuned_on)["score"])


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
            copy_fold(ws.run(config.name), k, ws.run(name), k)
    say(f"{name}: {config.name} alone")
    train(ws, competition, renamed)
    return renamed


def answer_alone(course: Course, best: ExperimentConfig, name: str) -> ExperimentConfig:
    """Make runs/<name>/ of the `best` that is finished; where that is no more than a pilot or the shares of the
    classes, or of what was only to be joined, of the folds that are finished of the experiment that is left alone.
    Returns the config by that name."""
    weak = best.name in (PILOT, PRIOR) or course.named is not None
    unfinished = weak and course.ladder.alone not in course.done
    better, found = most_of(course) if unfinished else (best, [])
    course.alone = better.name if found and not refits(better) else best.name
    if found and not refits(better):
        return submit_folds(course, better, found, best, name)
    return submit_as(course.ws, course.competition, best, name)


def most_of(course: Course) -> tuple[ExperimentConfig, list[int]]:
    """The experiment that is left alone, on the most rows of which any fold is finished, and these folds; none where
    none is."""
    config, found = course.plain(), []
    for share in (1.0, *SHARES):
        config = config.model_copy(update={"share": share})
        found = [k for k in range(course.competition.n_folds) if is_trained(course.ws, config, k)]
        if found:
            break
    return config, found


def submit_folds(
    course: Course, config: ExperimentConfig, found: list[int], other: ExperimentConfig, name: str
) -> ExperimentConfig:
    """Make runs/<name>/ of the folds of `config` that are `found`, which answer new rows by themselves: a weaker model
    beside them would cost more than it adds. The rows of the other folds, which these models have seen, keep what the
    finished `other` says of them, so that the score is of no model that has seen a row; it is too low by as much."""
    run, n_folds = course.ws.run(name), course.competition.n_folds
    begin(run.path, f"folds of {config.name} and {other.name}")
    for k in range(n_folds):
        copy_fold(course.ws.run(config.name), k if k in found else found[k % len(found)], run, k)
        if k not in found:
            (run.fold(k) / DONE).unlink()
            shutil.copy2(course.ws.run(other.name).fold(k) / "valid.npz", run.fold(k) / "valid.npz")
            mark_done(run.fold(k), f"{SCORED_BY} {other.name}")
    if len(found) == n_folds:
        say(f"time limit: all folds of {config.name} are ready after all, and answer")
        course.done.append(config.name)
    else:
        course.leave_out(
            f"time limit: {len(found)} of {n_folds} folds of {config.name} are ready and answer; of the others' rows "
            f"{other.name} is scored, so the score is too low"
        )
    renamed = config.model_copy(update={"name": name})
    gather(course.ws, course.competition, renamed)
    return renamed


def is_scored_by_another(folder: Path) -> bool:
    return (done_key(folder) or "").startswith(SCORED_BY)


def copy_fold(run: Run, k: int, to: Run, place: int) -> None:
    shutil.rmtree(to.fold(place), ignore_errors=True)
    shutil.copytree(run.fold(k), to.fold(place))


def note_limits(run: Run, limits: dict[str, Any] | None) -> None:
    """Say in report.json what kept the run from more, or that nothing did."""
    report = read_json(run.report)
    if done_key(run.path) is None or report.get("limits") == limits:
        return
    others = {name: value for name, value in report.items() if name != "limits"}
    told = others if limits is None else others | {"limits": limits}
    change(run.path, run.report.name, json_text(told))
