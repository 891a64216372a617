"""A student beside its teacher and the peers, on a fifth of the train cards, which none of them has seen.

reads:  --data: raw files in the format of KazanExpress 2023, with test.parquet
writes: --folder: raw/ (the other four fifths as train; the fifth and the test cards as test, without categories),
        answers.parquet, work/ of the quick preset; a markdown table to stdout

The student is fitted on the four fifths and on what the stack says of the test cards, not on the fifth, of which it is
asked alone. `lead kept` is its score minus that of the best peer over the stack's minus the same; the sd is of the
difference between student and stack (bootstrap over cards).

    .venv/bin/python benchmarks/distilled.py --data data/kazanexpress2023 --folder F
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
from held_out import DRAWS, write_raw
from peers import PEERS, plain_texts

from goods import cli
from goods.cards.labels import Labels
from goods.cards.table import load_cards, select
from goods.config.loading import load_experiment
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.metrics.evaluation import score
from goods.models.base import Context
from goods.pipeline import run_all
from goods.presets import Options
from goods.train.foundations import said_of_all

NAME = "kazanexpress2023"
METRIC = "weighted_f1"


def write_folder(data: Path, folder: Path) -> None:
    answers = write_raw(data, folder / "raw", seed=0)
    held = pd.read_parquet(folder / "raw" / "test.parquet")
    asked = pd.concat([held, pd.read_parquet(data / "test.parquet")])
    asked.to_parquet(folder / "raw" / "test.parquet", index=False)
    answers.to_frame().to_parquet(folder / "answers.parquet")


class HeldOut:
    """Train cards, held-out cards with their classes [n], and the other test cards, which are not scored."""

    def __init__(self, folder: Path) -> None:
        self.ws = Workspace(folder / "work", NAME)
        self.labels, cards = Labels.load(self.ws), load_cards(self.ws)
        answers = pd.read_parquet(folder / "answers.parquet").category_id
        test, self.train = select(cards, "test"), select(cards, "train")
        held = test.product_id.isin(answers.index)
        self.held, self.others = test[held].reset_index(drop=True), test[~held].reset_index(drop=True)
        index_of = {id_: i for i, id_ in enumerate(self.labels.ids)}
        self.target = answers.loc[self.held.product_id].map(index_of).fillna(-1).to_numpy(np.int64)

    def score(self, classes: np.ndarray, rows: np.ndarray | slice = slice(None)) -> float:
        return score(METRIC, self.target[rows], classes[rows], self.labels)

    def student(self, said: Predictions, unlabelled: bool, settings: list[str]) -> tuple[np.ndarray, float]:
        """Classes [n] that it gives the held-out cards, and cards a second of processor time."""
        config = load_experiment(cli.CONFIGS / NAME / "student.yaml", settings)
        cards = [self.train]
        if unlabelled:
            given = said.aligned(self.others.product_id.to_numpy()).classes[:, 0]
            cards.append(self.others.assign(target=given.astype(np.int32)))
        known = pd.concat(cards, ignore_index=True)
        context = Context(self.labels, config.seed, scores={config.model.teacher: said})
        model = config.model.for_cards(len(known)).build(context)
        model.fit(known, None)
        model.predict(self.held.head(10))  # compiles
        started = time.process_time()
        classes = model.predict(self.held).argmax(1)
        return classes, len(classes) / (time.process_time() - started)


def lead_kept(score: float, stack: float, best: float) -> str:
    """The share of the stack's lead over the best peer that a score keeps; a dash where the stack has no lead."""
    return f"{(score - best) / (stack - best):.0%}" if stack > best else "–"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="new, or what this made before")
    parser.add_argument("--peers", default="", metavar="TEXT", help="those whose name has it (default: all)")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="of the student")
    args = parser.parse_args()
    if not (args.folder / "answers.parquet").is_file():
        write_folder(args.data, args.folder)
        given = {"work": args.folder / "work", "out": args.folder / "out", "data": args.folder / "raw"}
        run_all(NAME, Options(configs=cli.CONFIGS, offline=True, **given))
    of = HeldOut(args.folder)
    said = said_of_all(of.ws.run("stack"))
    stack = said.aligned(of.held.product_id.to_numpy()).classes[:, 0]
    rows = {}
    for name, (fit, fields) in ((n, peer) for n, peer in PEERS.items() if args.peers in n):
        texts = (plain_texts(cards, fields) for cards in (of.train, of.held))
        rows[name] = fit(next(texts), of.train.target.to_numpy(), next(texts))[0]
    best = max(of.score(classes) for classes in rows.values())
    rows["stack"] = stack
    speeds = {}
    for name, unlabelled in (("student, train cards alone", False), ("student", True)):
        rows[name], speeds[name] = of.student(said, unlabelled, args.set)
    draws = np.random.default_rng(0).integers(0, len(stack), (DRAWS, len(stack)))
    print("| | weighted F1 | lead kept | below the stack | same class as the stack | cards/s |")
    print("|---|---|---|---|---|---|")
    for name, classes in rows.items():
        kept = lead_kept(of.score(classes), of.score(stack), best)
        below = [of.score(stack, draw) - of.score(classes, draw) for draw in draws]
        speed = f"{speeds[name]:,.0f}" if name in speeds else "–"
        told = f"{of.score(stack) - of.score(classes):+.4f} (sd {np.std(below, ddof=1):.4f})"
        print(
            f"| {name} | {of.score(classes):.4f} | {kept} | {told} | {(classes == stack).mean():.4f} | {speed} |"
        )
    print(
        f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:,.0f} MB, peers included"
    )


if __name__ == "__main__":
    cli.run(main)
