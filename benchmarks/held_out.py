"""What out-of-fold scores promise against what held-out cards get: a fifth of the train cards is kept back.

reads:  --data: raw files in the format of KazanExpress 2023
writes: --folder: the other four fifths as train, the fifth as test without its categories, and a work folder of them;
        a markdown table to stdout

Out of fold, a card is answered by one model, fitted on the other folds; a held-out one by the mean of all folds'
models, which is better. So held-out cards are also scored by each of these models alone: that is what out-of-fold
scores promise, but for chance. `difference` is held out by one model minus out of fold; its sd is that of chance: the
standard errors of both scores (bootstrap over cards), their squares added.

    .venv/bin/python benchmarks/held_out.py --data data/kazanexpress2023 --folder F --experiments linear fasttext navec
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from goods import cli
from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.competitions.loading import load_competition
from goods.config.competition import CompetitionConfig
from goods.config.loading import load_experiment
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import score
from goods.prepare.folds import load_folds, make_folds
from goods.prepare.stage import prepare
from goods.stack.stage import stack
from goods.train.stage import train

NAME = "kazanexpress2023"
ANSWERS = ["category_id", "category_name"]
SHARE = 0.2
DRAWS = 200  # bootstrap samples


def write_raw(data: Path, folder: Path, seed: int) -> pd.Series:
    """Raw files without the held-out cards' answers, which are returned by product_id."""
    folder.mkdir(parents=True)
    known = pd.read_parquet(data / "train.parquet")
    held = known.sample(frac=SHARE, random_state=seed).sort_index()
    known.drop(held.index).to_parquet(folder / "train.parquet", index=False)
    held.drop(columns=ANSWERS, errors="ignore").to_parquet(folder / "test.parquet", index=False)
    if (data / "categories_tree.csv").is_file():
        (folder / "categories_tree.csv").write_bytes((data / "categories_tree.csv").read_bytes())
    if (data / "images").is_dir():
        (folder / "images").mkdir()
        for split in ("train", "test"):
            (folder / "images" / split).symlink_to((data / "images" / "train").resolve())
    return held.set_index("product_id").category_id


class Scores:
    """Of the train cards out of fold and of the held-out cards, by the competition's metric."""

    def __init__(self, ws: Workspace, competition: CompetitionConfig, answers: pd.Series) -> None:
        self.ws, self.metric, self.labels = ws, competition.metric, Labels.load(ws)
        cards = load_cards(ws)
        self.train, self.ids = select(cards, "train"), select(cards, "test").product_id.to_numpy()
        self.fold = load_folds(ws, self.train)
        index_of = {
            id_: i for i, id_ in enumerate(self.labels.ids)
        }  # -1: no train card, nor the tree, has it
        self.target = answers.loc[self.ids].map(index_of).fillna(-1).to_numpy(np.int64)

    def of(self, true: np.ndarray, said: Predictions, rows: np.ndarray | slice = slice(None)) -> float:
        return score(self.metric, true[rows], said.classes[rows, 0], self.labels)

    def error(self, true: np.ndarray, said: Predictions) -> float:
        """Standard error of the score: how much it differs between samples of as many cards."""
        draws = np.random.default_rng(0).integers(0, len(true), (DRAWS, len(true)))
        return float(np.std([self.of(true, said, rows) for rows in draws], ddof=1))

    def row(self, experiment: str, title: str) -> str:
        run, own = self.ws.run(experiment), self.train.target.to_numpy()
        oof = Predictions.load(run.oof).aligned(self.train.product_id.to_numpy())
        test = Predictions.load(run.test).aligned(self.ids)
        folds = [self.of(own, oof, self.fold == k) for k in range(int(self.fold.max()) + 1)]
        said = [run.fold(k) / "test.npz" for k in range(len(folds))]
        cells = [f"{np.mean(folds):.4f} ± {np.std(folds, ddof=1):.4f}"]
        if all(path.is_file() for path in said):
            alone = [self.of(self.target, Predictions.load(path).aligned(self.ids)) for path in said]
            cells.append(f"{np.mean(alone):.4f} ± {np.std(alone, ddof=1):.4f}")
            sd = np.hypot(self.error(own, oof), self.error(self.target, test))
            cells.append(f"{np.mean(alone) - np.mean(folds):+.4f} (sd {sd:.4f})")
        else:
            cells += ["–", "–"]
        return f"| {title} | {' | '.join(cells)} | {self.of(self.target, test):.4f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="a folder that is not there yet")
    parser.add_argument(
        "--experiments", nargs="+", default=["linear", "fasttext"], help="what is stacked too"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the cards that are held out")
    args = parser.parse_args()
    if args.folder.exists():
        parser.error(f"{args.folder} is there already: name a folder that is not")
    answers = write_raw(args.data, args.folder / "raw", args.seed)
    ws, competition = Workspace(args.folder / "work", NAME), load_competition(NAME, cli.CONFIGS)
    prepare(ws, competition, args.folder / "raw")
    make_folds(ws, competition)
    scores, configs = Scores(ws, competition, answers), cli.CONFIGS / NAME
    unknown = int((~np.isin(scores.target, scores.train.target)).sum())
    print(
        f"{len(scores.train)} train cards, {len(answers)} held out, {unknown} of them of a class no train card has\n"
    )
    print(
        f"| {competition.metric} | out of fold | held out, one fold's model | difference | held out, all folds' |"
    )
    print("|---|---|---|---|---|")
    for name in args.experiments:
        train(ws, competition, load_experiment(configs / f"{name}.yaml", offline=True))
        print(scores.row(name, name), flush=True)
    joined = [f"model.experiments=[{','.join(args.experiments)}]"]
    stack(ws, competition, load_experiment(configs / "stack.yaml", joined))
    print(scores.row("stack", f"stack of {', '.join(args.experiments)}"), flush=True)


if __name__ == "__main__":
    main()
