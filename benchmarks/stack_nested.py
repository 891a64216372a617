"""What labels of the scored fold are worth to the stack's counts: nested counts against the present ones.

A count among a card's features leaves out the card's own fold alone, so the booster of fold k is fitted on features
that have counted the labels of fold k. Nested counts leave out both folds: features and candidates of the cards of
every other fold are made again for every k. The cards of fold k are the same to both.

reads:  work/<competition>/ prepared/, folds.parquet, finished runs of the stack's base experiments
writes: a markdown table to stdout

Scores are CatBoost's, out of fold, without temperature and decoding, mean over seeds; folds used by a study are left
out. A mean difference smaller than the standard deviation of the folds' differences is noise.

    .venv/bin/python benchmarks/stack_nested.py kazanexpress2023 --work W
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from goods import cli
from goods.competitions.loading import load_competition
from goods.config.loading import load_experiment
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.presets import Options, with_possible
from goods.stack.candidates import FLOOR, Candidates, first_choice
from goods.stack.features import CandidateFeatures
from goods.stack.fit import CATBOOST, fit_stack
from goods.stack.level import Level, make_level, tabulate

Tabulated = tuple[Candidates, pd.DataFrame]


def without_both(level: Level, base: list[Predictions], j: int, k: int) -> Tabulated:
    """Candidates and features of the cards of folds j and k, which count the labels of neither."""
    merged = np.where(level.fold == k, j, level.fold)
    names, id_order = level.maker.names, level.model.id_order
    maker = CandidateFeatures(level.train, merged, level.labels, names, id_order)
    table, features = tabulate(maker, level.model, level.train, merged, base)
    entries = np.flatnonzero(merged[table.card] == j)
    return table.take(entries), features.iloc[entries]


def nested(level: Level, k: int, made: dict[frozenset[int], Tabulated]) -> Level:
    """The level whose cards outside fold k have nested counts; those of fold k stay as they are."""
    tables, frames = [], []
    for j in sorted(set(level.fold.tolist())):
        table, features = (level.table, level.features) if j == k else made[frozenset((j, k))]
        entries = np.flatnonzero(level.fold[table.card] == j)
        tables.append(table.take(entries))
        frames.append(features.iloc[entries])
    whole = Candidates(
        np.concatenate([t.card for t in tables]),
        np.concatenate([t.cls for t in tables]),
        np.concatenate([t.log_proba for t in tables]),
        np.concatenate([t.rank for t in tables]),
        {source: np.concatenate([t.named[source] for t in tables]) for source in tables[0].named},
        level.table.n_cards,
    )
    order = np.lexsort((whole.cls, whole.card))
    return replace(level, table=whole.take(order), features=pd.concat(frames).iloc[order])


def scored(level: Level, k: int, seeds: int) -> np.ndarray:
    """float [2]: the metric and the log-loss of fold k, mean over seeds."""
    rows, cards = np.flatnonzero(level.fold[level.table.card] == k), level.fold == k
    table, features = level.table.take(rows), level.features.iloc[rows]
    is_target = table.cls == level.target[table.card]
    found = []
    for seed in range(level.config.seed, level.config.seed + seeds):
        seeded = replace(level, config=level.config.model_copy(update={"seed": seed}))
        fitted = fit_stack(seeded, k, [CATBOOST])
        proba = fitted.apply(level.maker, level.model, table, features, [CATBOOST])[CATBOOST]
        own = np.full(len(level.fold), FLOOR)
        own[table.card[is_target]] = proba[is_target].clip(FLOOR)
        reached = level.score_classes(level.target[cards], first_choice(table, proba)[cards])
        found.append([reached, -np.log(own[cards]).mean()])
    return np.mean(found, axis=0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("competition")
    parser.add_argument("--work", type=Path, default=cli.ROOT / "work")
    parser.add_argument("--seeds", type=int, default=2, help="boosters per fold and way")
    parser.add_argument(
        "--set", action="append", default=[], metavar="A.B=C", help="override a key of stack.yaml"
    )
    args = parser.parse_args()
    ws = Workspace(args.work, args.competition)
    config = load_experiment(cli.CONFIGS / args.competition / "stack.yaml", args.set)
    config = with_possible(ws, Options(configs=cli.CONFIGS, work=args.work, out=args.work), config)
    level = make_level(ws, load_competition(args.competition, cli.CONFIGS), config)
    base = [Predictions.load(ws.run(name).oof) for name in level.model.experiments]
    every = sorted(set(level.fold.tolist()))
    made = {frozenset(pair): without_both(level, base, *pair) for pair in combinations(every, 2)}
    print(f"| fold | {level.metric}: present | nested | Δ | log-loss: present | nested | Δ |\n|" + "---|" * 7)
    found = []
    for k in (k for k in every if k not in level.tuned_on):
        found.append([scored(level, k, args.seeds), scored(nested(level, k, made), k, args.seeds)])
        print(row(str(k), np.stack([*found[-1], found[-1][1] - found[-1][0]])), flush=True)
    both = np.array(found)  # [folds, present | nested, metric | log-loss]
    ways = np.concatenate([both, both[:, 1:] - both[:, :1]], axis=1)
    print(row("mean", ways.mean(0)))
    print(row("sd", ways.std(0, ddof=1)))


def row(title: str, values: np.ndarray) -> str:
    """`values` [present | nested | Δ, metric | log-loss]."""
    cells = [f"{values[i, m]:+.4f}" if i == 2 else f"{values[i, m]:.4f}" for m in range(2) for i in range(3)]
    return f"| {title} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
