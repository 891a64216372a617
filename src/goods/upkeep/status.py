"""What of a preset is done, stale and why, unfinished or missing; nothing is changed.

reads:  work/<competition>/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from goods.budget.course import Course
from goods.budget.plan import TUNED
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.done import STARTED, done_key, flaw, read_done
from goods.core.errors import GoodsError
from goods.core.filehashes import FileHashes
from goods.core.folders import disk_used
from goods.core.inputs import changed_inputs
from goods.core.workspace import Workspace
from goods.pipeline import Options, course_of, load_preset, preset_model, with_possible, with_upstream
from goods.prepare.folds import dealt
from goods.prepare.prepared import data_folder, parts
from goods.prepare.sources import present
from goods.prepare.stage import settings_key
from goods.stack.stage import stack_inputs, stack_key
from goods.train.keys import fold_inputs, fold_key

DONE, STALE, DAMAGED, UNFINISHED, MISSING = "done", "stale", "damaged", "unfinished", "missing"
SHOWN = 4  # changed inputs that are named


@dataclass(frozen=True)
class State:
    """Of one part of a work folder: one of the words above, why or how much of it, and the bytes it takes."""

    name: str
    word: str
    why: str = ""
    size: int = 0


def status(ws: Workspace, competition: CompetitionConfig, options: Options) -> list[State]:
    """In the order in which run_all.sh makes the parts; runs that are not of the preset last."""
    found = [prepared_state(ws, competition)]
    for space, of_target in parts(ws, competition):
        preset = load_preset(options, ws.competition)
        if found[0].word == MISSING:
            names = preset_model(preset).experiments
            needed = dict.fromkeys(n for e in names for n in with_upstream(options, ws.competition, e))
            found += [State(f"{label(ws, space)}{name}", MISSING) for name in (*needed, preset.name)]
            continue
        found += states_of_target(ws, space, of_target, preset, options)
    return found


def states_of_target(
    ws: Workspace,
    space: Workspace,
    competition: CompetitionConfig,
    preset: ExperimentConfig,
    options: Options,
) -> Iterator[State]:
    """Folds, experiments and the stack of a competition with one target."""
    prefix = label(ws, space)
    folds = folds_state(space, competition, prefix)
    yield folds
    if folds.word == MISSING:
        return
    course = course_of(space, competition, with_possible(space, options, preset), options, None)
    found = [state for name in course.needed(course.plan) for state in experiment_states(course, name)]
    last = joined_state(course, course.join(course.plan.experiments))
    if last.word == DONE and (open_ := [state.name for state in found if state.word != DONE]):
        last = replace(last, word=STALE, why=f"until {', '.join(open_)} is done")
    found.append(last)
    yield from (replace(state, name=prefix + state.name) for state in found)
    named = {state.name for state in found}
    for folder in sorted((space.path / "runs").glob("*/")):
        if folder.name not in named:
            word, why = word_of(folder)
            yield State(
                f"{prefix}{folder.name}", word, f"not of preset {options.preset}" + why, disk_used(folder)
            )


def label(ws: Workspace, space: Workspace) -> str:
    return "" if space == ws else f"{space.attribute}/"


def prepared_state(ws: Workspace, competition: CompetitionConfig) -> State:
    word, why = word_of(ws.prepared)
    if word == DONE:
        data = data_folder(ws)
        if not data.is_dir():
            why = f"its raw files in {data} are gone: not compared with them"
        else:
            now = present(ws, data, settings_key(competition), FileHashes(data, ws.cache / "hashes.npz"))
            if now is None or now.key() != done_key(ws.prepared):
                word, why = STALE, "raw files, the reader or its settings have changed"
    return State("prepared", word, why, disk_used(ws.prepared))


def folds_state(space: Workspace, competition: CompetitionConfig, prefix: str) -> State:
    name = f"{prefix}folds"
    if not space.folds.is_file():
        return State(name, MISSING)
    if dealt(space) is None:
        return State(name, DAMAGED, "folds.parquet is not what was written")
    n_folds = int(pd.read_parquet(space.folds, columns=["fold"]).fold.max()) + 1
    if n_folds != competition.n_folds:
        return State(name, STALE, f"{n_folds} folds, competition.yaml says {competition.n_folds}")
    return State(name, DONE, f"{n_folds} folds", disk_used(space.folds))


def word_of(folder: Path) -> tuple[str, str]:
    """(word, why) of a folder by itself: whether it was finished and is whole."""
    if wrong := flaw(folder):
        return DAMAGED, wrong
    if read_done(folder) is not None:
        return DONE, ""
    return (UNFINISHED if (folder / STARTED).is_file() else MISSING), ""


def experiment_states(course: Course, name: str) -> Iterator[State]:
    """The study, where there is one, and the run."""
    ws, config = course.ws, course.load(name)
    if name.endswith(TUNED):
        folder = ws.tuning(config.name)
        word, why = word_of(folder)
        if word == DONE and config.name not in course.studied:
            word, why = STALE, "its settings, code, cards or folds have changed"
        yield State(folder.name, word, why, disk_used(folder))
        best = folder / "best.yaml"
        if not best.is_file():
            yield State(name, MISSING)
            return
        config = load_experiment(best)
    run = ws.run(config.name)
    folds = [fold_state(ws, config, k) for k in range(course.size.folds)]
    joined = done_key(run.path) is not None
    yield summed_up(config.name, folds, joined, disk_used(run.path))


def fold_state(ws: Workspace, config: ExperimentConfig, k: int) -> tuple[str, str]:
    folder = ws.run(config.name).fold(k)
    word, why = word_of(folder)
    if word != DONE:
        return word, why
    return compared(folder, partial(fold_key, ws, config, k), partial(fold_inputs, ws, config, k))


def compared(folder: Path, key: Any, inputs: Any) -> tuple[str, str]:
    """(word, why) of a finished folder, given what its key and its inputs would be now."""
    try:
        if done_key(folder) == key():
            return DONE, ""
        changed = changed_inputs(folder, inputs())
    except GoodsError as error:
        return STALE, str(error)
    more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return STALE, (", ".join(changed[:SHOWN]) + more if changed else "not told which input") + " changed"


def summed_up(name: str, folds: list[tuple[str, str]], joined: bool, size: int) -> State:
    """One state of all folds of a run: the worst word, with how many are done and why others are not."""
    words = Counter(word for word, _ in folds)
    if words[DONE] == len(folds):
        return State(name, DONE if joined else UNFINISHED, "" if joined else "folds are not joined", size)
    worst = next(word for word in (DAMAGED, STALE, UNFINISHED, MISSING) if words[word])
    if worst == MISSING and words[DONE]:
        worst = UNFINISHED
    reasons = dict.fromkeys(why for _, why in folds if why)
    counted = f"{words[DONE]} of {len(folds)} folds done" if words[MISSING] < len(folds) else ""
    return State(name, worst, "; ".join((*reasons, counted)) if counted else "; ".join(reasons), size)


def joined_state(course: Course, config: ExperimentConfig) -> State:
    """Of the last experiment."""
    run = course.ws.run(config.name)
    if not config.model.second_level:
        folds = [fold_state(course.ws, config, k) for k in range(course.size.folds)]
        return summed_up(config.name, folds, done_key(run.path) is not None, disk_used(run.path))
    word, why = word_of(run.path)
    if word == DONE:
        asked = (course.ws, course.competition, config)
        word, why = compared(run.path, partial(stack_key, *asked), partial(stack_inputs, *asked))
    return State(config.name, word, why, disk_used(run.path))
