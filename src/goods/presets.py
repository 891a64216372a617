"""A preset: which experiments it joins, what they build on, and the settings that a run gives to all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from goods.budget.limits import NO_LIMITS, Budget
from goods.cards.hiding import like_test
from goods.cards.images import FEWEST_PHOTOS
from goods.cards.table import has_photo, load_cards
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig, preset_model
from goods.config.loading import load_experiment
from goods.config.presets import PRESETS, USUAL
from goods.core.errors import GoodsError, together
from goods.core.log import say
from goods.core.workspace import Workspace
from goods.problems.kinds import PROBLEMS
from goods.stack.config import StackConfig
from goods.train.best import TUNED
from goods.train.foundations import check_family, check_joined


@dataclass(frozen=True)
class Options:
    """What the command line of run_all.sh says."""

    configs: Path
    work: Path
    out: Path
    data: Path | None = None
    preset: str = USUAL
    offline: bool = False
    text_weights: Path | None = None
    image_weights: Path | None = None
    refit: bool = False
    force: bool = False
    wait: bool = False
    budget: Budget = NO_LIMITS
    # when the time began that a limit is of, as time.perf_counter gives it; None: now
    began: float | None = None


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


def tell_ids_left_out(options: Options, name: str, stack_experiment: ExperimentConfig) -> None:
    """Warn where the stack of another preset looks at the order of ids and this one does not."""
    if not isinstance(stack_experiment.model, StackConfig) or stack_experiment.model.id_order:
        return
    for preset, file in PRESETS.items():
        try:
            other = load(options, name, file)
        except GoodsError:  # told where that preset is run
            continue
        if isinstance(other.model, StackConfig) and other.model.id_order:
            say(
                f"warning: configs/{name}/{file} (preset {preset}) sets id_order, {PRESETS[options.preset]}, which "
                f"preset {options.preset} runs, does not: set it there too, or add --preset {preset}"
            )


def load_base(options: Options, name: str, experiment: str) -> ExperimentConfig:
    """The config an experiment starts from; one ending in "-tuned" starts from what is tuned."""
    return load(options, name, f"{experiment.removesuffix(TUNED)}.yaml")


def check_readable(options: Options, name: str, stack_experiment: ExperimentConfig) -> None:
    """Read every config before hours are spent: all mistyped keys are told at once."""
    preset = preset_model(stack_experiment)
    with together() as apart:
        for experiment in (*preset.experiments, *([preset.alone] if preset.alone else ())):
            with apart():
                with_upstream(options, name, experiment)


def check_configs(
    options: Options, competition: CompetitionConfig, stack_experiment: ExperimentConfig
) -> None:
    """GoodsError where an experiment, all of which can be read, cannot work for the competition."""
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
    few = f"fewer than {FEWEST_PHOTOS} cards have" if has_photo(seen).any() else "no card has"
    say(f"{few} a photo{why}: {', '.join(dropped)} left out")
    return joining(config, tuple(n for n in names if n not in dropped))


def joining(config: ExperimentConfig, experiments: tuple[str, ...]) -> ExperimentConfig:
    model = preset_model(config).model_copy(update={"experiments": experiments})
    return config.model_copy(update={"model": model})
