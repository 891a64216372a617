"""Seconds of a core and room on the disk that one fold of each family takes, beside their estimates
(goods/budget/costs.py, goods/budget/disk.py).

    .venv/bin/python scripts/make_demo.py BIG --rows 4000 --classes 300
    .venv/bin/python scripts/prepare.py kazanexpress2023 --data BIG --work W
    .venv/bin/python scripts/make_folds.py kazanexpress2023 --work W
    .venv/bin/python benchmarks/costs.py kazanexpress2023 --work W [--experiments NAME ...]

Fold 0 is trained alone, in this process, and counted by processor time: other programs do not change it much. A
coefficient is right where the ratio is 1 for small and large sets, few and many classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from goods import cli
from goods.budget.costs import cost_of
from goods.budget.disk import written_of
from goods.budget.size import Size, size_of
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.execution import Resources
from goods.core.folders import disk_used
from goods.core.workspace import Workspace
from goods.problems.kinds import problem_of
from goods.train.context import make_context
from goods.train.stage import train

EXPERIMENTS = ("linear", "fasttext", "navec", "knn", "image-frozen")


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_competition(parser)
    parser.add_argument("--experiments", nargs="+", default=EXPERIMENTS, metavar="NAME")
    args = parser.parse_args()
    ws, competition = cli.competition_of(args)
    size = size_of(ws, competition)
    print(size, end="\n\n")
    rows = []
    for name in args.experiments:
        config = load_experiment(cli.CONFIGS / ws.whole.competition / f"{name}.yaml", offline=True)
        rows += measured(ws, competition, config, size)
    columns = ["experiment", "what", "estimated", "taken", "ratio"]
    print(pd.DataFrame(rows, columns=columns).to_markdown(index=False, floatfmt=".2f"))


def measured(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, size: Size
) -> list[tuple[str, str, float, float, float]]:
    """What caches for all folds, and then fold 0, take: seconds, and megabytes of the fold's model."""
    cost, model = cost_of(config.model), config.model
    context = make_context(ws, config, Resources("cpu", 1), None, False)
    warming = seconds(lambda: model.build(context).warm(problem_of(ws).all_rows(ws)))
    fitting = seconds(lambda: train(ws, competition, config, [0], force=True))
    found = (("caches", cost.for_all(model, size), warming), ("fold 0", cost.fold(model, size), fitting))
    found = (
        *found,
        ("model, MB", written_of(model).fold(config, size) / 1e6, megabytes(ws.run(config.name).fold(0))),
    )
    return [(config.name, what, guess, spent, spent / guess) for what, guess, spent in found if guess]


def megabytes(fold: Path) -> float:
    """Of a fold but for its predictions."""
    predicted = sum((fold / name).stat().st_size for name in ("valid.npz", "test.npz"))
    return (disk_used(fold) - predicted) / 1e6


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    cli.run(main)
