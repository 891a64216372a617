"""Every family and variant of ablations.yaml on one competition's folds.

reads:  benchmarks/ablations.yaml, work/<competition>/ prepared/, folds.parquet
writes: work/<competition>/runs/<row>/ as scripts/train.py does; a markdown table per group to stdout, the same
        as JSON to --out

A row is an experiment with settings; some are scored on a few folds only, because they are costly. Each is
compared with its group's first row fold by fold, on the folds both have: a mean difference smaller than the
standard deviation of these differences is called noise. Rows that cannot run here (no photos, no local encoder)
or, with --only-report, have not been trained are left out and named.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from goods import cli
from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json, write_json
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import score
from goods.prepare.folds import load_folds
from goods.train.stage import train

ROWS = Path(__file__).with_name("ablations.yaml")
METRICS = ("weighted_f1", "macro_f1")


def experiment(args: argparse.Namespace, row: dict[str, Any]) -> ExperimentConfig:
    path = cli.CONFIGS / args.competition / f"{row['config']}.yaml"
    settings = [*row.get("set", []), f"name={row['name']}"]
    return load_experiment(path, settings, args.offline, args.text_weights, args.image_weights)


def folds_of(args: argparse.Namespace, row: dict[str, Any], competition: CompetitionConfig) -> list[int]:
    folds = row.get("folds") or list(range(competition.n_folds))
    return [k for k in folds if not args.folds or k in args.folds]


def why_not(
    args: argparse.Namespace, ws: Workspace, row: dict[str, Any], folds: list[int], has_photos: bool
) -> str | None:
    """What a row needs that is not here."""
    needs = row.get("needs", [])
    if not folds:
        return "none of these folds"
    if args.only_report:
        missing = [k for k in folds if done_key(ws.run(row["name"]).fold(k)) is None]
        return f"folds {missing} are not trained" if missing else None
    if "photos" in needs and not has_photos:
        return "no photos"
    if "text-weights" in needs and args.text_weights is None:
        return "no --text-weights"
    return None


def measured(ws: Workspace, config: ExperimentConfig, folds: list[int]) -> dict[str, Any]:
    """Scores of each fold, from what the run wrote."""
    cards, labels, run = select(load_cards(ws), "train"), Labels.load(ws), ws.run(config.name)
    fold, target = load_folds(ws, cards), cards.target.to_numpy()
    result: dict[str, Any] = {name: [] for name in (*METRICS, "fit_seconds", "cards_per_second")}
    for k in folds:
        rows = np.flatnonzero(fold == k)
        found = Predictions.load(run.fold(k) / "valid.npz").aligned(cards.product_id.to_numpy()[rows])
        for metric in METRICS:
            result[metric].append(score(metric, target[rows], found.classes[:, 0], labels))
        report = read_json(run.fold(k) / "report.json")
        result["fit_seconds"].append(report["fit_seconds"])
        result["cards_per_second"].append(report["cards_per_second"])
    return result


def spread(values: list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def difference(row: dict[str, Any], base: dict[str, Any], metric: str = METRICS[0]) -> str:
    """Mean difference on common folds, and whether it is more than its spread."""
    common = [k for k in row["folds"] if k in base["folds"]]
    if row is base or not common:
        return "–"
    deltas = [row[metric][row["folds"].index(k)] - base[metric][base["folds"].index(k)] for k in common]
    mean = float(np.mean(deltas))
    verdict = " (one fold)" if len(deltas) == 1 else " (noise)" if abs(mean) <= spread(deltas) else ""
    return f"{mean:+.4f}{verdict}"


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; the first row is what the others are compared with."""
    lines = [
        {
            "variant": row["name"],
            "folds": ", ".join(map(str, row["folds"])),
            **{m.replace("_f1", " F1"): f"{np.mean(row[m]):.4f} ± {spread(row[m]):.4f}" for m in METRICS},
            "Δ weighted F1": difference(row, rows[0]),
            "fit, s a fold": f"{np.mean(row['fit_seconds']):.1f}",
            "cards/s": f"{np.mean(row['cards_per_second']):.0f}",
            "settings": f"`{command(row)}`",
        }
        for row in rows
    ]
    return pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)


def command(row: dict[str, Any]) -> str:
    """What is given to scripts/train.py."""
    return " ".join([row["config"], *(f"--set {shlex.quote(s)}" for s in row["settings"])])


def run_row(
    args: argparse.Namespace, ws: Workspace, competition: CompetitionConfig, row: dict[str, Any]
) -> dict[str, Any]:
    config = experiment(args, row)
    folds = folds_of(args, row, competition)
    if not args.only_report:
        train(ws, competition, config, folds, args.force)
    described = {"name": row["name"], "config": row["config"], "settings": row.get("set", []), "folds": folds}
    return described | measured(ws, config, folds)


def main() -> None:
    parser = cli.parser(__doc__, force=True)
    parser.add_argument("competition")
    parser.add_argument("--group", action="append", help="only this group of rows (may be repeated)")
    parser.add_argument("--row", action="append", help="only this row (may be repeated)")
    parser.add_argument("--folds", type=int, nargs="+", help="only these folds")
    parser.add_argument("--only-report", action="store_true", help="train nothing, tabulate what is there")
    parser.add_argument("--out", type=Path, help="JSON file of all figures")
    cli.add_weights(parser)
    args = parser.parse_args()
    cli.check_weights(args)
    ws, competition = cli.competition_of(args)
    has_photos = bool(load_cards(ws).image.notna().any())
    groups = yaml.safe_load(ROWS.read_text(encoding="utf-8"))
    unknown = set(args.group or []) - set(groups)
    if unknown:
        raise GoodsError(f"--group {', '.join(sorted(unknown))}: {ROWS} has {', '.join(groups)}")
    results: dict[str, list[dict[str, Any]]] = {}
    for group, rows in groups.items():
        if args.group and group not in args.group:
            continue
        for row in rows:
            if args.row and row["name"] not in args.row:
                continue
            if reason := why_not(args, ws, row, folds_of(args, row, competition), has_photos):
                say(f"ablations {row['name']}: left out, {reason}")
                continue
            results.setdefault(group, []).append(run_row(args, ws, competition, row))
            if args.out:
                write_json(args.out, results)
    for group, rows in results.items():
        print(f"\n### {group}\n\n{table(rows)}")


if __name__ == "__main__":
    cli.run(main)
