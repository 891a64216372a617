"""What a study may cost, in cards × trials: no clock decides, so the same study comes out on any machine."""

from __future__ import annotations

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig, TuneConfig
from goods.core.log import say
from goods.core.workspace import Workspace
from goods.problems.kinds import load_rows

LEAST_SHARE = 0.25  # of the cards outside a fold, for a study's largest share


def within_budget(tune: TuneConfig, n_cards: int) -> TuneConfig:
    """The study on `n_cards` cards outside a fold: its shares are scaled down, and where that would leave too little to
    learn from its trials are fewer (one beyond those at random at least)."""
    wanted = n_cards * max(tune.shares) * len(tune.folds) * tune.trials
    if tune.budget is None or wanted <= tune.budget:
        return tune
    scale = max(tune.budget / wanted, min(1.0, LEAST_SHARE / max(tune.shares)))
    trials = min(
        tune.trials, max(tune.startup_trials + 1, int(tune.budget / (wanted * scale / tune.trials) + 1e-6))
    )
    shares = tuple(round(share * scale, 4) for share in tune.shares)
    return tune.model_copy(update={"shares": shares, "trials": trials})


def affordable(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> ExperimentConfig:
    """The experiment with its study within its budget; what was cut is said in one line."""
    assert config.tune is not None
    n_cards = int((load_rows(ws).split == "train").sum() * (1 - 1 / competition.n_folds))
    tune = within_budget(config.tune, n_cards)
    if tune == config.tune:
        return config
    say(
        f"tune {config.name}: {tune.trials} of {config.tune.trials} trials, each on up to {max(tune.shares):.0%} of "
        f"{n_cards:,} cards: tune.budget is {tune.budget:,} cards x trials"
    )
    return config.model_copy(update={"tune": tune})


def with_trials(config: ExperimentConfig, trials: int) -> ExperimentConfig:
    assert config.tune is not None
    return config.model_copy(update={"tune": config.tune.model_copy(update={"trials": trials})})


def fewer(config: ExperimentConfig) -> list[int]:
    """Numbers of trials that a study may be left with: all, half of them and so on down to those drawn at random."""
    assert config.tune is not None
    numbers, least = [config.tune.trials], max(config.tune.startup_trials, 1)
    while numbers[-1] > least:
        numbers.append(max(least, numbers[-1] // 2))
    return numbers
