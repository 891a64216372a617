"""Every stage in order, for one competition: what scripts/run_all.sh runs.

A preset is a stack config: `stack.yaml` (quick) or `stack-full.yaml` (full). Its `experiments` say what is
trained; a name ending in "-tuned" means: run the study of the experiment before the suffix, train its best.yaml.
"""

from __future__ import annotations

import time
from functools import cache, partial
from math import inf
from pathlib import Path

from goods.budget.course import Course
from goods.budget.disk import check_course
from goods.budget.estimates import PILOT
from goods.budget.fallback import answer_alone, best_answer, note_limits
from goods.budget.memory import keep_within_memory
from goods.budget.messages import STACK, TRAIN, TUNE, announce, estimate, tell_used
from goods.budget.plan import Plan
from goods.budget.queue import train_all
from goods.budget.size import size_of
from goods.competitions.loading import load_competition
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig, preset_model
from goods.core.artifacts import write_text
from goods.core.deadline import OutOfTime, deadline
from goods.core.errors import together
from goods.core.folders import check_writable
from goods.core.last_run import CHOSEN, note_run
from goods.core.locks import working, writing
from goods.core.log import about, say
from goods.core.processes import limited
from goods.core.progress import headline, live
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.prepared import parts
from goods.prepare.stage import prepare
from goods.presets import (
    Options,
    check_configs,
    check_readable,
    joining,
    load_base,
    load_preset,
    settings,
    tell_ids_left_out,
    with_possible,
    with_upstream,
)
from goods.problems.kinds import load_rows
from goods.report.comparison import comparison
from goods.report.stage import write_report
from goods.report.summary import LISTS, tell_end
from goods.stack.stage import stack
from goods.submit.copies import REPORT, keep_report
from goods.submit.entries import key_of, overall
from goods.submit.stage import submit
from goods.train.best import TUNED, load_best
from goods.train.rows import check_folds
from goods.train.stage import train


def run_all(name: str, options: Options) -> str:
    """Run or resume everything; returns the closing line."""
    started = time.perf_counter() if options.began is None else options.began
    ws = Workspace(options.work, name)
    with together() as apart:
        with apart():
            competition = load_competition(name, options.configs)
        stack_experiment = load_preset(options, ws.whole.competition)
        check_readable(options, ws.whole.competition, stack_experiment)
    check_configs(options, competition, stack_experiment)
    tell_ids_left_out(options, ws.whole.competition, stack_experiment)
    for folder in (options.work, options.out):
        check_writable(folder)
    held = working(ws, alone=True, wait=options.wait), writing(options.out / name, options.wait)
    with live(), held[0], held[1], limited(options.budget.limits):
        note_run(ws.path, {name: getattr(options, name) for name in CHOSEN})
        path, courses = run_all_stages(ws, competition, stack_experiment, options, started)
    tell_end(ws, competition, stack_experiment.name, path)
    metric, score, _ = overall(ws, competition, stack_experiment.name)
    rows = int((load_rows(ws).split == "test").sum())
    used = time.perf_counter() - started
    tell_used(courses, options.budget, used)
    return f"result: {path} rows={rows} {metric}={score:.4f} seconds={used:.0f}"


def run_all_stages(
    ws: Workspace,
    competition: CompetitionConfig,
    stack_experiment: ExperimentConfig,
    options: Options,
    started: float,
) -> tuple[Path, list[Course]]:
    """From raw files to the submission: its path, and the way there of each target; `started` as of `estimate`."""
    ready = time.perf_counter()
    headline(f"{ws.whole.competition}: prepare")
    prepare(ws.whole, load_competition(ws.whole.competition, options.configs), options.data, options.force)
    spaces, start = parts(ws, competition), 0.0 if options.began is None else ready - started
    ends, courses = options.budget.part_ends(started, len(spaces)), []
    for space, part in spaces:
        with about(space.attribute if competition.targets else ""):
            make_folds(space, part, options.force)
    with together() as apart:
        for space, _ in spaces:
            with apart():
                check_folds(space)
    for space, part in spaces:
        with about(space.attribute if competition.targets else ""):
            courses.append(course_of(space, part, stack_experiment, options, ends, start))
    estimate(courses, options.budget, started)
    for left, course in zip(range(len(courses), 0, -1), courses, strict=True):
        course.ends = options.budget.part_ends(started, left)
        with about(course.ws.attribute if competition.targets else ""):
            run_stages(course, options)
    headline(f"{ws.competition}: submit")
    path = submit(ws, competition, stack_experiment.name, options.out)
    if competition.targets:
        write_report(ws, competition, stack_experiment, options.out)
        write_text(path.with_name("comparison.md"), comparison(ws, competition, stack_experiment.name))
    if (report := path.with_name(REPORT)).is_file():
        keep_report(report, key_of([space for space, _ in spaces], stack_experiment.name))
    return path, courses


def run_stages(course: Course, options: Options) -> None:
    """Base experiments, stack and report of a competition with one target."""
    ws, stack_experiment = course.ws, course.join(course.plan.experiments)
    keep_within_memory(course)
    check_course(course, options.out, 1 + len(course.after))
    if options.budget.plans and not course.finished:
        submitted = run_within(course, stack_experiment, options)
    else:
        finish = partial(train_experiment, course, options)
        train_all(course, settings(options), lambda name: finish(name, course.load(name)))
        join(course, stack_experiment, options)
        submitted = stack_experiment
    note_limits(ws.run(submitted.name), options.budget.told(course.estimate, course.told, course.alone))
    report_in_time(course, submitted, options.out)


def course_of(
    ws: Workspace,
    competition: CompetitionConfig,
    stack_experiment: ExperimentConfig,
    options: Options,
    ends: float | None,
    start: float = 0.0,
) -> Course:
    """What is to be trained of one target, dealt to folds; a start of so many seconds was seen, of 0 none."""
    name, possible = ws.whole.competition, with_possible(ws, options, stack_experiment)
    course = Course(
        ws,
        competition,
        options.budget,
        ends,
        size_of(ws, competition),
        load=cache(partial(load_base, options, name)),
        needs=cache(partial(with_upstream, options, name)),
        join=lambda experiments: joining(possible, experiments),
        plan=Plan(preset_model(possible).experiments),
        force=options.force,
        start=start,
    )
    course.open()
    return course


def run_within(course: Course, stack_experiment: ExperimentConfig, options: Options) -> ExperimentConfig:
    """As much of the base experiments and the stack as the budget allows; returns what is submitted."""
    ws, competition, name = course.ws, course.competition, stack_experiment.name
    course.first, pilot = course.plan, course.pilot()
    if pilot is not None:
        announce(course, (TRAIN, PILOT))
        if course.in_time(PILOT, partial(train, ws, competition, pilot)):
            course.piloted.append(pilot)
    while (needed := course.next()) is not None:
        training = partial(train_experiment, course, options, needed, course.config(needed))
        if course.in_time(needed, training):
            course.done.append(needed)
    last = joining(stack_experiment, course.plan.experiments)
    if course.plan.joined and course.in_time(name, partial(join, course, last, options)):
        return last
    return answer_alone(course, best_answer(course, stack_experiment.seed), name)


def join(course: Course, stack_experiment: ExperimentConfig, options: Options) -> None:
    """The last experiment over finished ones."""
    ws, competition, name = course.ws, course.competition, stack_experiment.name
    if not course.finished:
        announce(course, (STACK if stack_experiment.model.second_level else TRAIN, name))
    if stack_experiment.model.second_level:
        stack(ws, competition, stack_experiment, options.force)
    else:
        train(ws, competition, stack_experiment, force=options.force)


def train_experiment(course: Course, options: Options, name: str, config: ExperimentConfig) -> None:
    """Train an experiment of the preset, whose name says whether a study of `config` comes first."""
    ws, competition, to_do = course.ws, course.competition, name not in (*course.done, *course.queued)
    if name.endswith(TUNED):
        from goods.tune.stage import tune

        if config.name not in course.studied:
            if to_do:
                announce(course, (TUNE, name))
            tune(ws, competition, config.model_copy(update={"share": 1.0}), options.force)
        course.ready.look_again(name)
        best = load_best(ws, config.name, settings(options))
        config = best.model_copy(update={"share": config.share})
    if to_do:
        announce(course, (TRAIN, name))
    train(ws, competition, config, force=options.force)


def report_in_time(course: Course, submitted: ExperimentConfig, out: Path) -> None:
    """Where there is no time for the page and its lists, there are none, rather than those of another run."""
    name = course.ws.competition
    headline(f"{name}: report")
    try:
        with deadline(inf if course.finished else course.to_report()):
            write_report(course.ws, course.competition, submitted, out, True)  # it submits next
    except OutOfTime:
        for part in (REPORT, *LISTS):
            (out / name / part).unlink(missing_ok=True)
        say(f"time limit: no report.html; scripts/report.py {name} {submitted.name} makes it")
