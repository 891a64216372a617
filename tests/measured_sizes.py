"""Sizes of data whose fits were measured, and experiments as they were fitted there."""

from __future__ import annotations

from pathlib import Path

from goods.budget.size import Size
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment

CONFIGS = Path(__file__).parents[1] / "configs"


def experiment(name: str) -> ExperimentConfig:
    return load_experiment(CONFIGS / "kazanexpress2023" / f"{name}.yaml", offline=True)


# seconds of five folds' fits on one core, from docs/benchmarks.md and docs/scaling.md
PEREKRESTOK = Size(15572, 2925, 5, 184, words=51.4, siblings=33.2)
FASHION = Size(8040, 1543, 5, 79, words=17.3, siblings=22.4, photos=1.0)
NARROW = Size(88_000, 17_600, 5, 1700, words=22, siblings=30, photos=0.94)
WIDE = Size(88_000, 17_600, 5, 1700, words=9, siblings=330)
FIFTH_OF_WIDE = Size(70_400, 17_600, 5, 1700, words=10, siblings=317)  # four fifths of it known, one asked
FLAT = Size(88_000, 17_600, 5, 1700, words=9, siblings=1700)
SMALL_WIDE = Size(5000, 1000, 5, 600, words=8.8, siblings=149)  # benchmarks/costs.py, fold 0
