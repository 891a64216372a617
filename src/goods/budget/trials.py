"""A study with fewer trials than its config says."""

from __future__ import annotations

from goods.config.experiment import ExperimentConfig


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
