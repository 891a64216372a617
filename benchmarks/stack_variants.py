"""What the parts of the stack give: methods side by side, then CatBoost with one thing changed at a time.

reads:  work/<competition>/ prepared/, folds.parquet, finished runs of the stack's base experiments
writes: a markdown table to stdout

Scores are out of fold, without temperature and decoding; folds used by a study are left out. Δ is the mean over folds
of the difference to the first CatBoost row; one smaller than the standard deviation of these differences is noise.

    .venv/bin/python benchmarks/stack_variants.py kazanexpress2023 --work W
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from goods import cli
from goods.config.loading import load_experiment
from goods.metrics.evaluation import score
from goods.presets import Options, with_possible
from goods.stack.candidates import FLOOR
from goods.stack.fit import CATBOOST, fit_stack
from goods.stack.level import Level, make_level
from goods.stack.ranked import to_predictions

METHODS = ["best_single", "uniform", "weighted", "greedy", "blend", "logistic", CATBOOST]
POOLS = ["weighted", "greedy", "blend", CATBOOST]
SETTINGS: dict[str, dict] = {
    "QuerySoftMax": {"loss": "QuerySoftMax"},
    "YetiRank, 200 iterations": {"loss": "YetiRank", "iterations": 200},
    "monotone": {"monotone": True},
    "depth 4": {"depth": 4},
    "depth 8": {"depth": 8},
    "rate 0.03, 800 iterations": {"learning_rate": 0.03, "iterations": 800},
    "l2 20": {"l2_leaf_reg": 20.0},
    "CatBoost's own sampling, borders and Newton steps": {
        "subsample": 0.8,
        "border_count": 254,
        "leaf_estimation_iterations": 10,
    },
    "10,000 cards": {"max_cards": 10_000},
    "5,000 cards": {"max_cards": 5_000},
}
FEATURES = {
    "numbers among attributes": ("numbers_",),
    "similar titles": ("neighbour_", "nearest_title"),
    "category names": ("name_",),
    "counts by shop and words": ("given_", "cards_"),
    "which source names it": ("named_by_",),
    "agreement and entropies": ("level", "first_choices", "_entropy"),
    "text lengths, language, photo": (
        "title_chars",
        "description_chars",
        "attribute_chars",
        "cyrillic",
        "has_image",
    ),
}


def run(level: Level, methods: list[str]) -> dict[str, tuple[list[float], list[float], float, float]]:
    """Method → (weighted F1 per honest fold, macro F1 per honest fold, negative log-likelihood, seconds)."""
    started = time.perf_counter()
    folds = [k for k in range(int(level.fold.max()) + 1) if k not in level.tuned_on]
    oof = {name: np.zeros(len(level.table.card)) for name in methods}
    for k in folds:
        rows = np.flatnonzero(level.fold[level.table.card] == k)
        part, fitted = level.table.take(rows), fit_stack(level, k, methods)
        found = fitted.apply(level.maker, level.model, part, level.features.iloc[rows], methods)
        for name in methods:
            oof[name][rows] = found[name]
    seconds = time.perf_counter() - started
    is_target = level.table.cls == level.target[level.table.card]
    result = {}
    for name, proba in oof.items():
        chosen = to_predictions(level.table, proba, level.train, level.labels).classes[:, 0]
        own = np.full(len(level.fold), FLOOR)
        own[level.table.card[is_target]] = proba[is_target].clip(FLOOR)
        weighted, macro = (
            [score(m, level.target[level.fold == k], chosen[level.fold == k], level.labels) for k in folds]
            for m in ("weighted_f1", "macro_f1")
        )
        result[name] = (weighted, macro, float(-np.log(own[level.honest]).mean()), seconds)
    return result


def row(title: str, found: tuple[list[float], list[float], float, float], first: list[float] | None) -> str:
    weighted, macro, loss, seconds = found
    delta = "–"
    if first is not None:
        apart = np.array(weighted) - np.array(first)
        noise = " (noise)" if abs(apart.mean()) <= apart.std(ddof=1) else ""
        delta = f"{apart.mean():+.4f}{noise}"
    spread = f"{np.mean(weighted):.4f} ± {np.std(weighted, ddof=1):.4f}"
    return f"| {title} | {spread} | {delta} | {np.mean(macro):.4f} | {loss:.4f} | {seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("competition")
    parser.add_argument("--work", type=Path, default=cli.ROOT / "work")
    parser.add_argument(
        "--set", action="append", default=[], metavar="A.B=C", help="override a key of stack.yaml"
    )
    parser.add_argument("--multiclass", action="store_true", help="multiclass boosting too: slow")
    args = parser.parse_args()
    ws, competition = cli.competition_of(args)
    config = load_experiment(cli.CONFIGS / args.competition / "stack.yaml", args.set)
    config = with_possible(ws, Options(configs=cli.CONFIGS, work=args.work, out=args.work), config)
    level = make_level(ws, competition, config)
    print("| stack | weighted F1 | Δ | macro F1 | log-loss | s |\n|---|---|---|---|---|---|")
    base = run(level, METHODS)
    first = base[CATBOOST][0]
    for name, found in base.items():
        print(row(name, found, None if name == CATBOOST else first), flush=True)
    if args.multiclass:
        print(row("multiclass", run(level, ["multiclass"])["multiclass"], first), flush=True)
    for kind in ("none", "vector"):
        other = replace(level, model=level.model.model_copy(update={"calibration": kind}))
        for name, found in run(other, POOLS).items():
            print(row(f"{name}, base calibration: {kind}", found, first), flush=True)
    for title, update in SETTINGS.items():
        other = replace(level, model=level.model.model_copy(update=update))
        print(row(f"catboost: {title}", run(other, [CATBOOST])[CATBOOST], first), flush=True)
    for title, parts in FEATURES.items():
        dropped = [c for c in level.features if any(part in c for part in parts)]
        other = replace(level, features=level.features.drop(columns=dropped))
        print(row(f"catboost without: {title}", run(other, [CATBOOST])[CATBOOST], first), flush=True)


if __name__ == "__main__":
    main()
