"""What each stage of product matching gives, on the same folds of pairs.

reads:  raw files of the ozon format (--data), with --experiments also their finished runs in --work
writes: runs/match-<stage>/ below --work (resumable); a markdown table to stdout

Folds keep connected products together; the last row shows what a random split of the pairs would claim instead.

    .venv/bin/python benchmarks/matching.py --data DIR --work W [--experiments cross-encoder ...] [--tuned]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz import fuzz, process
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer

from goods import cli
from goods.cards.labels import Labels
from goods.cards.table import select
from goods.competitions.loading import load_competition
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.execution import cores
from goods.core.workspace import Workspace
from goods.matching.cleanup import of_matches
from goods.matching.names import normal
from goods.matching.products import Products
from goods.metrics.pairs import PAIR_METRICS
from goods.models.base import Context
from goods.models.pairs.pairs_model import PairsModel
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.stage import prepare
from goods.problems.kinds import load_rows
from goods.problems.pairs import PairsProblem
from goods.train.best import load_best
from goods.train.fold import fit_on
from goods.train.gather import oof_report
from goods.train.stage import train

CONFIG = cli.CONFIGS / "ozon" / "stack.yaml"
STRINGS = ["strings"]
TFIDF = [*STRINGS, "tfidf", "catalogue"]
PARSED = [*TFIDF, "fields", "alignment"]
STATED = [*PARSED, "attributes", "colours", "categories", "pictures", "price"]
ALL = [*STATED, "graph"]
STAGES: dict[str, dict[str, Any]] = {
    "logistic-strings": {"features": STRINGS},
    "strings": {"features": STRINGS, "cleanup": False},
    "tfidf": {"features": TFIDF, "cleanup": False},
    "parsed": {"features": PARSED, "cleanup": False},
    "stated": {"features": STATED, "cleanup": False},
    "graph": {"features": ALL, "cleanup": False},
    "logistic-all": {"features": ALL},
}
NAMES = {
    "token-set": "one string distance (token set ratio), nothing learned",
    "logistic-strings": "logistic regression on string features",
    "strings": "CatBoost on string features",
    "tfidf": "+ TF-IDF cosines and ranks in the catalogue",
    "parsed": "+ fields read out of names, words aligned",
    "stated": "+ attributes, colours, categories, pictures, price (where there are any)",
    "graph": "+ place among the candidate pairs",
    "logistic-all": "logistic regression on the same features",
    "cleanup": "+ agreement of triangles",
    "bags": "+ three boosters of different seeds",
    "no-graph": "the same without the place among the candidate pairs",
    "tuned": "+ parameters of a study (its folds left out)",
    "random": "optimistic: the same on a random split of pairs",
}


def stage_config(name: str, model: dict[str, Any], experiments: list[str]) -> ExperimentConfig:
    settings = [f"name=match-{name}", f"model.experiments={experiments}", "model.bags=1"]
    return load_experiment(CONFIG, [*settings, *(f"model.{key}={value}" for key, value in model.items())])


def unlearned(ws: Workspace, competition: CompetitionConfig) -> dict[str, Any]:
    """Report of a single string distance."""
    started = time.perf_counter()
    pairs, products = select(load_rows(ws), "train"), Products.load(ws)
    names = [normal(title) for title in products.cards.title]
    first, second = ([names[i] for i in side] for side in products.ends(pairs))
    score = process.cpdist(first, second, scorer=fuzz.token_set_ratio, workers=cores()) / 100
    report = oof_report(ws, competition, of_matches(pairs.product_id.to_numpy(), score), pairs, ())
    return report | {"fit_seconds": [time.perf_counter() - started]}


def direct(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, kind: str
) -> dict[str, Any]:
    """Report of what is fitted here and kept nowhere: logistic regression ("logistic") on the config's features and
    folds, or the config itself on a random split of the pairs ("random")."""
    pairs = select(load_rows(ws), "train")
    fold = load_folds(ws, pairs)
    if kind == "random":
        fold = np.random.default_rng(config.seed).integers(0, competition.n_folds, len(pairs))
    context = Context(
        labels=Labels.load(ws), seed=config.seed, threads=cores(), cache=ws.cache, products=Products.load(ws)
    )
    match, seconds = np.zeros(len(pairs)), []
    for k in range(competition.n_folds):
        started = time.perf_counter()
        scored = fold == k
        kept = pairs[~scored if kind == "random" else PairsProblem().outside(pairs, scored)].reset_index(
            drop=True
        )
        model = config.model.build(context)
        if kind == "logistic":
            assert isinstance(model, PairsModel)
            fitted = logistic(model.features(kept), kept.target.to_numpy(), config.seed)
            match[scored] = fitted.predict_proba(filled(model.features(pairs[scored])))[:, 1]
        else:
            fit_on(PairsProblem(), model, kept, config)
            match[scored] = model.predict(pairs[scored])[:, 1]
        seconds.append(time.perf_counter() - started)
    oof, labels = of_matches(pairs.product_id.to_numpy(), match), context.labels
    if kind == "logistic":
        return oof_report(ws, competition, oof, pairs, ()) | {"fit_seconds": seconds}
    scores = {m.name: m.evaluate(pairs, oof, labels) for m in PAIR_METRICS}
    return {"scores": scores, "sd": float("nan"), "fit_seconds": seconds}


def filled(table: pd.DataFrame) -> np.ndarray:
    """float [n, 2 · features]: zeros for missing values, and beside them which were missing."""
    values = table.to_numpy(np.float64)
    missing = np.isnan(values)
    return np.concatenate([np.where(missing, 0.0, values), missing], 1)


def logistic(table: pd.DataFrame, target: np.ndarray, seed: int) -> Any:
    """The linear peer, over ranks of each feature: they are of many scales."""
    ranks = QuantileTransformer(
        n_quantiles=200, output_distribution="normal", subsample=None, random_state=seed
    )
    return make_pipeline(ranks, LogisticRegression(C=0.1, max_iter=2_000)).fit(filled(table), target)


def row(name: str, report: dict[str, Any]) -> dict[str, str]:
    scores = {m.name: f"{report['scores'][m.name]:.4f}" for m in PAIR_METRICS}
    spread = "" if np.isnan(report["sd"]) else f" ± {report['sd']:.4f}"
    first = PAIR_METRICS[0].name
    return (
        {"stage": NAMES.get(name, name)}
        | scores
        | {first: scores[first] + spread, "fit, s": f"{sum(report['fit_seconds']):.0f}"}
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--experiments", nargs="*", default=[], help="finished runs whose scores are features"
    )
    parser.add_argument("--tuned", action="store_true", help="also train the study's best.yaml")
    args = parser.parse_args()
    competition = load_competition("ozon", cli.CONFIGS)
    ws = Workspace(args.work, "ozon")
    prepare(ws, competition, args.data)
    make_folds(ws, competition)
    rows = [row("token-set", unlearned(ws, competition))]

    def trained(config: ExperimentConfig, name: str) -> None:
        train(ws, competition, config)
        rows.append(row(name, read_json(ws.run(config.name).report)))

    for name, model in STAGES.items():
        config = stage_config(name, model, [])
        if name.startswith("logistic"):
            rows.append(row(name, direct(ws, competition, config, "logistic")))
        else:
            trained(config, name)
    joined: list[str] = []
    for experiment in args.experiments:
        rows.append(row(f"{experiment} alone", read_json(ws.run(experiment).report)))
        joined.append(experiment)
        config = stage_config("-".join(["with", *joined]), {"features": ALL, "cleanup": False}, joined)
        trained(config, f"+ scores of {' and '.join(joined)}")
    trained(stage_config("cleanup", {"features": ALL}, joined), "cleanup")
    trained(stage_config("bags", {"features": ALL, "bags": 3}, joined), "bags")
    trained(stage_config("no-graph", {"features": ALL, "bags": 3, "graph": False}, joined), "no-graph")
    if args.tuned:
        best = load_best(ws, "stack", [f"model.experiments={joined}", "model.bags=3", "name=match-tuned"])
        trained(best, "tuned")
    config = stage_config("random", {"features": ALL, "cleanup": False}, [])
    rows.append(row("random", direct(ws, competition, config, "random")))
    print(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


if __name__ == "__main__":
    cli.run(main)
