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
from goods.budget.fallback import is_scored_by_another
from goods.budget.plan import Plan
from goods.config.base import PresetConfig
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig, preset_model
from goods.config.loading import load_experiment
from goods.config.presets import PRESETS
from goods.core.artifacts import read_json
from goods.core.done import done_key, flaw, is_begun, read_done
from goods.core.errors import GoodsError
from goods.core.filehashes import FileHashes
from goods.core.folders import disk_used
from goods.core.inputs import changed_inputs
from goods.core.last_run import CHOSEN, last_run
from goods.core.locks import in_use_by
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.pipeline import course_of
from goods.prepare.folds import dealt
from goods.prepare.prepared import data_folder, parts
from goods.prepare.sources import present
from goods.prepare.stage import settings_key
from goods.presets import Options, load_preset, with_upstream
from goods.stack.stage import stack_inputs, stack_key
from goods.submit.entries import limits_of
from goods.train.best import TUNED, best_path, load_best
from goods.train.keys import fold_inputs, fold_key

DONE, STALE, DAMAGED, UNFINISHED, MISSING = "done", "stale", "damaged", "unfinished", "missing"
RUNNING = "running"
STAGE = "stage"  # one that is at work beside others
LEFT_OUT = "left out by the limits of the last run"
NO_PHOTOS = "left out as too few cards have a photo"
SHOWN = 4  # changed inputs that are named


@dataclass(frozen=True)
class State:
    """Of one part of a work folder: one of the words above, why or how much of it, and the bytes it takes."""

    name: str
    word: str
    why: str = ""
    size: int = 0


def chosen_last(ws: Workspace) -> dict[str, Any]:
    """Options of the last run that experiments are made by; weights only where they still are."""
    noted = {name: value for name, value in last_run(ws.path).items() if name in CHOSEN and value is not None}
    if noted.get("preset", "quick") not in PRESETS:
        del noted["preset"]
    weights = {name: Path(noted.pop(name)) for name in ("text_weights", "image_weights") if name in noted}
    return noted | {name: path for name, path in weights.items() if path.exists()}


@dataclass(frozen=True)
class Within:
    """What a run whose limits left things out came to: the experiments it joins, none where one stands alone, and the
    state of that."""

    joined: tuple[str, ...]
    state: State


def status(ws: Workspace, competition: CompetitionConfig, options: Options) -> list[State]:
    """Who is at work first, then in the order in which run_all.sh makes the parts; runs that are not of the preset
    last."""
    at_work, running = in_use_by(ws)
    found = [prepared_state(ws, competition)]
    for space, of_target in parts(ws, competition):
        preset = load_preset(options, ws.competition)
        if found[0].word == MISSING:
            names = preset_model(preset).experiments
            needed = dict.fromkeys(n for e in names for n in with_upstream(options, ws.competition, e))
            found += [State(f"{label(ws, space)}{name}", MISSING) for name in (*needed, preset.name)]
            continue
        found += states_of_target(ws, space, of_target, preset, options, running)
    return [*([State("run" if running else STAGE, RUNNING, at_work)] if at_work else []), *found]


def states_of_target(
    ws: Workspace,
    space: Workspace,
    competition: CompetitionConfig,
    preset: ExperimentConfig,
    options: Options,
    running: bool,
) -> Iterator[State]:
    """Folds, experiments and the stack of a competition with one target. While a run is `running` the limits of the
    last one leave nothing out."""
    prefix = label(ws, space)
    folds = folds_state(space, competition, prefix)
    yield folds
    if folds.word == MISSING:
        return
    course = course_of(space, competition, preset, options, None)
    dropped = wanting_photos(course, preset)
    within = None if running else within_limits(course, preset.name)
    kept = course.needed(course.plan if within is None else Plan(within.joined))
    found, open_ = [], []
    for name in dict.fromkeys((*course.needed(course.plan), *kept)):
        below = [other for other in course.needs(name)[:-1] if other in open_]
        for state in experiment_states(course, name):
            if below and state.name == name and state.word == DONE:
                state = replace(state, word=STALE, why=f"until {', '.join(below)} is done")
            if name not in kept and state.word != DONE:
                state = replace(state, why=f"{state.why}; {LEFT_OUT}".removeprefix("; "))
            elif state.word != DONE:
                open_.append(state.name)
            found.append(state)
    last = joined_state(course, course.join(course.plan.experiments)) if within is None else within.state
    if last.word == DONE and open_:
        last = replace(last, word=STALE, why=f"until {', '.join(open_)} is done")
    found.append(last)
    yield from (replace(state, name=prefix + state.name) for state in found)
    named = {state.name for state in found}
    for folder in sorted(space.runs.glob("*/")):
        if folder.name not in named:
            word, why = state_by_itself(course, folder)
            told = f"of preset {options.preset}"
            told = f"{told}, {NO_PHOTOS}" if folder.name in dropped else f"not {told}"
            yield State(
                f"{prefix}{folder.name}", word, "; ".join(filter(None, (told, why))), disk_used(folder)
            )


def state_by_itself(course: Course, folder: Path) -> tuple[str, str]:
    """(word, why) of a run that is not of the preset, trained again by the config that it was trained with."""
    word, why = word_of(folder)
    saved = course.ws.run(folder.name).config
    if word != DONE or not saved.is_file():
        return word, why
    try:
        state = joined_state(course, load_experiment(saved))
    except GoodsError as error:
        return STALE, str(error)
    return state.word, state.why


def wanting_photos(course: Course, preset: ExperimentConfig) -> set[str]:
    """Runs and studies of the preset's experiments that are left out where too few cards have a photo."""
    dropped = set(preset_model(preset).experiments) - set(course.plan.experiments)
    names = {below for name in dropped for below in course.needs(name)}
    return names | {course.ws.tuning(n.removesuffix(TUNED)).name for n in names if n.endswith(TUNED)}


def within_limits(course: Course, name: str) -> Within | None:
    """Of the last experiment's run, where its limits left something out."""
    run = course.ws.run(name)
    report = read_json(run.report) if word_of(run.path)[0] == DONE else {}
    if not (report.get("limits") or {}).get("left_out"):
        return None
    saved = load_experiment(run.config)
    if isinstance(saved.model, PresetConfig) and saved.model.experiments:
        joined = saved.model.experiments
        found = [joined_state(course, course.join(joined))]
    else:
        joined, found = (), [joined_state(course, config) for config in standing_in(course, saved)]
    state = next((state for state in found if state.word == DONE), found[0])
    return Within(joined, replace(state, why=limits_of(report)) if state.word == DONE else state)


def standing_in(course: Course, saved: ExperimentConfig) -> list[ExperimentConfig]:
    """What an experiment that stands alone for the preset's last would be trained with now: one of the preset's of
    its family, by its name and on its share of the rows."""
    found = []
    for name in dict.fromkeys((*course.needed(course.plan), course.ladder.alone)):
        config = course.load(name)
        studied = name.endswith(TUNED) and best_path(course.ws, config.name).is_file()
        found += [config, *([load_best(course.ws, config.name)] if studied else [])]
    alike = [config for config in found if config.model.family == saved.model.family]
    asked = {"name": saved.name, "share": saved.share}
    return [config.model_copy(update=asked) for config in alike] or [saved]


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
        return State(name, STALE, f"{count(n_folds, 'fold')}, competition.yaml says {competition.n_folds}")
    return State(name, DONE, count(n_folds, "fold"), disk_used(space.folds))


def word_of(folder: Path) -> tuple[str, str]:
    """(word, why) of a folder by itself: whether it was finished and is whole."""
    if wrong := flaw(folder):
        return DAMAGED, wrong
    if read_done(folder) is not None:
        return DONE, ""
    return (UNFINISHED if is_begun(folder) else MISSING), ""


def experiment_states(course: Course, name: str) -> Iterator[State]:
    """The study, where there is one, and the run."""
    ws, config = course.ws, course.load(name)
    if name.endswith(TUNED):
        folder = ws.tuning(config.name)
        word, why = word_of(folder)
        if word == DONE and course.ready.trials_of_study(name) is None:
            word, why = STALE, "its settings, code, cards or folds have changed"
        yield State(folder.name, word, why, disk_used(folder))
        if not best_path(ws, config.name).is_file():
            yield State(name, MISSING)
            return
        config = load_best(ws, config.name)
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
        own = [k for k in range(course.size.folds) if not is_scored_by_another(run.fold(k))]
        folds = [fold_state(course.ws, config, k) for k in own]
        return summed_up(config.name, folds, done_key(run.path) is not None, disk_used(run.path))
    word, why = word_of(run.path)
    if word == DONE:
        asked = (course.ws, course.competition, config)
        word, why = compared(run.path, partial(stack_key, *asked), partial(stack_inputs, *asked))
    return State(config.name, word, why, disk_used(run.path))
