"""Every stage in order, for one competition: what scripts/run_all.sh runs.

A preset is a stack config: `stack.yaml` (quick) or `stack-full.yaml` (full). Its `experiments` say what is
trained; a name ending in "-tuned" means: run the study of the experiment before the suffix, train its best.yaml.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from goods.budget.alone import answer_alone, best_answer, note_limits
from goods.budget.beside import train_all
from goods.budget.course import PILOT, Course
from goods.budget.headlines import announce
from goods.budget.limits import NO_LIMITS, Budget
from goods.budget.memory import keep_within_memory
from goods.budget.plan import TUNED, Plan
from goods.budget.reporting import report_in_time
from goods.budget.size import size_of
from goods.budget.space import check_course
from goods.budget.targets import estimate
from goods.cards.hiding import like_test
from goods.cards.images import FEWEST_PHOTOS
from goods.cards.table import has_photo, load_cards
from goods.competitions.loading import competition_of, load_competition
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig, preset_model
from goods.config.loading import load_experiment
from goods.config.presets import PRESETS
from goods.core.artifacts import write_text
from goods.core.errors import GoodsError
from goods.core.folders import check_writable
from goods.core.last_run import CHOSEN, note_run
from goods.core.locks import working, writing
from goods.core.log import say
from goods.core.processes import limited
from goods.core.progress import headline, live
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.prepare.prepared import parts
from goods.prepare.stage import prepare
from goods.problems.kinds import PROBLEMS, load_rows
from goods.report.comparison import comparison
from goods.report.stage import write_report
from goods.report.summary import tell_end
from goods.stack.stage import stack
from goods.submit.entries import key_of, overall
from goods.submit.kept import REPORT, keep_report
from goods.submit.stage import submit
from goods.train.foundations import check_family, check_joined
from goods.train.stage import train


@dataclass(frozen=True)
class Options:
    """What the command line of run_all.sh says."""

    configs: Path
    work: Path
    out: Path
    data: Path | None = None
    preset: str = "quick"
    offline: bool = False
    text_weights: Path | None = None
    image_weights: Path | None = None
    refit: bool = False
    force: bool = False
    wait: bool = False
    budget: Budget = NO_LIMITS
    # when the time began that a limit is of, as time.perf_counter gives it; None: now
    began: float | None = None


def run_all(name: str, options: Options) -> str:
    """Run or resume everything; returns the closing line."""
    started = time.perf_counter() if options.began is None else options.began
    competition = load_competition(name, options.configs)
    ws = Workspace(options.work, name)
    stack_experiment = load_preset(options, ws.whole.competition)
    check_configs(options, competition, stack_experiment)
    for folder in (options.work, options.out):
        check_writable(folder)
    held = working(ws, alone=True, wait=options.wait), writing(options.out / name, options.wait)
    with live(), held[0], held[1], limited(options.budget.limits):
        note_run(ws.path, {name: getattr(options, name) for name in CHOSEN})
        path = run_all_stages(ws, competition, stack_experiment, options, started)
    tell_end(ws, competition, stack_experiment.name, path)
    metric, score, _ = overall(ws, competition, stack_experiment.name)
    rows = int((load_rows(ws).split == "test").sum())
    seconds = time.perf_counter() - started
    return f"result: {path} rows={rows} {metric}={score:.4f} seconds={seconds:.0f}"


def run_all_stages(
    ws: Workspace,
    competition: CompetitionConfig,
    stack_experiment: ExperimentConfig,
    options: Options,
    started: float,
) -> Path:
    """From raw files to the submission, whose path it returns; `started` as time.perf_counter gives it."""
    ready = time.perf_counter()
    headline(f"{ws.whole.competition}: prepare")
    prepare(ws.whole, load_competition(ws.whole.competition, options.configs), options.data, options.force)
    spaces, start = parts(ws, competition), 0.0 if options.began is None else ready - started
    for part in spaces:
        make_folds(*part, options.force)
    courses = [course_of(*part, stack_experiment, options, None, start) for part in spaces]
    estimate(courses, options.budget, started)
    for left, course in zip(range(len(courses), 0, -1), courses, strict=True):
        course.ends = options.budget.part_ends(started, left)
        run_stages(course, options)
    headline(f"{ws.competition}: submit")
    path = submit(ws, competition, stack_experiment.name, options.out)
    if competition.targets:
        write_report(ws, competition, stack_experiment, options.out)
        write_text(path.with_name("comparison.md"), comparison(ws, competition, stack_experiment.name))
    if (report := path.with_name(REPORT)).is_file():
        keep_report(report, key_of([space for space, _ in spaces], stack_experiment.name))
    return path


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
    limits = options.budget.told(course.estimate, course.told) if options.budget.plans else None
    note_limits(ws.run(submitted.name), limits)
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
    pilot = course.pilot()
    if pilot is not None:
        announce(course, f"train {PILOT}", PILOT)
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
        announce(course, f"{'stack' if stack_experiment.model.second_level else 'train'} {name}", name)
    if stack_experiment.model.second_level:
        stack(ws, competition, stack_experiment, options.force)
    else:
        train(ws, competition, stack_experiment, force=options.force)


def load(options: Options, name: str, file: str) -> ExperimentConfig:
    path = options.configs / name / file
    return load_experiment(
        path, settings(options), options.offline, options.text_weights, options.image_weights
    )


def settings(options: Options) -> list[str] | None:
    return ["refit=true"] if options.refit else None


def load_preset(options: Options, name: str) -> ExperimentConfig:
    """The last experiment of the preset; a local text encoder brings one more to join."""
    config = load(options, name, PRESETS[options.preset])
    model = preset_model(config)
    brought = model.with_local_text if options.text_weights else None
    if brought is None or brought in model.experiments:
        return config
    return joining(config, (*model.experiments, brought))


def load_base(options: Options, name: str, experiment: str) -> ExperimentConfig:
    """The config an experiment starts from; one ending in "-tuned" starts from what is tuned."""
    return load(options, name, f"{experiment.removesuffix(TUNED)}.yaml")


def check_configs(
    options: Options, competition: CompetitionConfig, stack_experiment: ExperimentConfig
) -> None:
    """Read every config before hours are spent: a mistyped key, or a family that cannot work, is told at once."""
    folder, problem = competition.name.partition("/")[0], PROBLEMS[competition_of(competition).problem]
    wanted = PROBLEMS[stack_experiment.model.problem]
    if wanted is not problem:
        raise GoodsError(
            f"--preset {options.preset}: it is for a competition that {wanted.needs}, which {competition.name} "
            "does not; take --preset quick"
        )
    check_family(stack_experiment, problem, competition.name)
    preset = preset_model(stack_experiment)
    if preset.alone is not None:
        check_family(load_base(options, folder, preset.alone), problem, competition.name)
    for experiment in preset.experiments:
        check_joined(stack_experiment, load_base(options, folder, experiment), experiment)
        for needed in with_upstream(options, folder, experiment):
            check_family(load_base(options, folder, needed), problem, competition.name)


def with_upstream(options: Options, name: str, experiment: str, above: tuple[str, ...] = ()) -> list[str]:
    """The experiment after those it builds on; `above` are those that build on it."""
    names: list[str] = []
    config, way = load_base(options, name, experiment), (*above, experiment.removesuffix(TUNED))
    if experiment.endswith(TUNED) and config.tune is None:
        raise GoodsError(
            f"experiment {experiment}: {config.name} has no tune: block; add one or leave out {TUNED!r}"
        )
    for below in config.upstream:
        if below.removesuffix(TUNED) in way:
            through = "" if below.removesuffix(TUNED) == way[-1] else f" through {', '.join(way[1:])}"
            raise GoodsError(
                f"experiment {below.removesuffix(TUNED)} builds on itself{through}; remove it there"
            )
        names += [n for n in with_upstream(options, name, below, way) if n not in names]
    return [*names, experiment]


def with_possible(ws: Workspace, options: Options, config: ExperimentConfig) -> ExperimentConfig:
    """Without the experiments that look at photos where there are none, or none that they may see."""
    names, name = preset_model(config).experiments, ws.whole.competition
    needed = {
        n: [load_base(options, name, below) for below in with_upstream(options, name, n)] for n in names
    }
    dropped = [n for n in names if any(below.model.needs_photos for below in needed[n])]
    seen, photos_hidden = like_test(load_cards(ws.whole))
    if not dropped or has_photo(seen).sum() >= FEWEST_PHOTOS:
        return config
    why = " that models may see, as test has fewer" if photos_hidden else ""
    say(f"fewer than {FEWEST_PHOTOS} cards have a photo{why}: {', '.join(dropped)} left out")
    return joining(config, tuple(n for n in names if n not in dropped))


def joining(config: ExperimentConfig, experiments: tuple[str, ...]) -> ExperimentConfig:
    model = preset_model(config).model_copy(update={"experiments": experiments})
    return config.model_copy(update={"model": model})


def train_experiment(course: Course, options: Options, name: str, config: ExperimentConfig) -> None:
    """Train an experiment of the preset, whose name says whether a study of `config` comes first."""
    ws, competition, to_do = course.ws, course.competition, name not in course.done
    if name.endswith(TUNED):
        from goods.tune.stage import tune

        if config.name not in course.studied:
            if to_do:
                announce(course, f"tune {config.name}", name)
            tune(ws, competition, config.model_copy(update={"share": 1.0}), options.force)
        best = load_experiment(ws.tuning(config.name) / "best.yaml", settings(options))
        config = best.model_copy(update={"share": config.share})
    if to_do:
        announce(course, f"train {name}", name)
    train(ws, competition, config, force=options.force)
