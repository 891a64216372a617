"""Seconds and memory of the stack on synthetic out-of-fold predictions, over the number of classes.

Five models of different strength say of each card what a noisy view of its class looks like; titles, shops and the
tree go with the classes, every class has a category name. Each size runs in a process of its own, all folds.

    .venv/bin/python benchmarks/stack_scaling.py --cards 100000 --classes 100 300 1000 1700 5000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from goods import cli
from goods.cards.labels import Labels
from goods.config.competition import CompetitionConfig
from goods.config.loading import dump, load_experiment
from goods.core.artifacts import read_json, write_json, write_parquet, write_text
from goods.core.done import mark_done
from goods.core.predictions import TOP_K, Predictions, best_classes
from goods.core.workspace import Workspace
from goods.prepare.folds import make_folds
from goods.stack.stage import stack

STRENGTHS = (3.6, 3.4, 3.2, 3.0, 2.4)  # distance of a card's class from the others, in standard deviations
SHARED = 0.8  # of the noise: models err on the same cards
NEVER = -12.0  # logit of classes a card is not taken for
CONFUSED = 16  # classes a card can be taken for: siblings and chance ones
TEST = 0.2  # test cards per train card


def synthetic(ws: Workspace, n: int, n_classes: int, seed: int = 0) -> list[str]:
    """Write prepared/, folds and five finished runs; returns their names."""
    rng = np.random.default_rng(seed)
    parents = np.arange(n_classes) // 8
    paths = [(f"Отдел {p // 8}", f"Раздел {p}", f"категория {c}") for c, p in enumerate(parents)]
    labels = Labels(
        list(range(n_classes)), paths, [tuple("->".join(p[: i + 1]) for i in range(3)) for p in paths]
    )
    share = 1 / (np.arange(n_classes) + 10.0)  # a few large classes, many small ones
    total = int(n * (1 + TEST))
    target = rng.choice(n_classes, total, p=share / share.sum())
    words = rng.integers(0, 20 * n_classes, (total, 3))
    telling = rng.random(total) < 0.3  # titles with a word of their category
    words[telling, 0] = target[telling] * 20 + rng.integers(0, 20, telling.sum())
    shop = np.where(rng.random(total) < 0.5, target % 997, rng.integers(0, 997, total))
    cards = pd.DataFrame(
        {
            "product_id": rng.permutation(total),
            "split": np.where(np.arange(total) < n, "train", "test"),
            "title": [" ".join(f"w{w}" for w in row) for row in words.tolist()],
            "description": "",
            "attributes": "",
            "shop": [f"shop {s}" for s in shop.tolist()],
            "sale": False,
            "image": pd.Series(None, index=range(total), dtype="str"),
            "target": np.where(np.arange(total) < n, target, -1).astype(np.int32),
        }
    )
    labels.save(ws)
    write_parquet(ws.cards, cards)
    write_json(ws.source, {"photos": "", "problem": "cards"})
    mark_done(ws.prepared, "synthetic")
    names = [f"model{j}" for j in range(len(STRENGTHS))]
    siblings = parents[target][:, None] * 8 + np.arange(8)
    confused = np.concatenate(
        [siblings % n_classes, rng.integers(0, n_classes, (total, CONFUSED - 8))], axis=1
    )
    confused[:, 0] = target
    noise = rng.normal(0, SHARED, confused.shape)
    for name, strength in zip(names, STRENGTHS, strict=True):
        own = noise + rng.normal(0, np.sqrt(1 - SHARED**2), confused.shape)
        own[:, 0] += strength
        write_run(ws, name, cards, confused, strength * own, n_classes)  # the Bayes posterior of `own`
    return names


def write_run(
    ws: Workspace, name: str, cards: pd.DataFrame, confused: np.ndarray, logits: np.ndarray, n_classes: int
) -> None:
    """oof.npz and test.npz of softmax(logits) over the `confused` classes of each card."""
    classes, proba = [], []
    for start in range(0, len(cards), 4096):
        rows = slice(start, start + 4096)
        dense = np.full((len(confused[rows]), n_classes), NEVER, np.float32)
        np.put_along_axis(dense, confused[rows][:, ::-1], logits[rows][:, ::-1].astype(np.float32), 1)
        dense = np.exp(dense - dense.max(1, keepdims=True))
        kept, values = best_classes(dense / dense.sum(1, keepdims=True), min(TOP_K, n_classes))
        classes.append(kept)
        proba.append(values)
    made = Predictions(cards.product_id.to_numpy(np.int64), np.concatenate(classes), np.concatenate(proba))
    is_train = (cards.split == "train").to_numpy()
    run = ws.run(name)
    for path, rows in ((run.oof, is_train), (run.test, ~is_train)):
        made.take(rows).save(path)
    any_config = cli.CONFIGS / ws.competition / "linear.yaml"
    write_text(run.config, dump(load_experiment(any_config, [f"name={name}"])))
    write_json(run.report, {"tuned_on": []})
    mark_done(run.path, "synthetic")


def one(cards: int, n_classes: int, settings: list[str]) -> dict:
    """Seconds of the stack, its scores and its candidates, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        ws = Workspace(Path(folder), "kazanexpress2023")
        names = synthetic(ws, cards, n_classes)
        competition = CompetitionConfig(name=ws.competition, reader="kazanexpress2023", data="")
        make_folds(ws, competition)
        config = load_experiment(
            cli.CONFIGS / ws.competition / "stack.yaml",
            [f"model.experiments=[{','.join(names)}]", *settings],
        )
        before = psutil.Process().memory_info().rss / 2**30
        started = time.perf_counter()
        stack(ws, competition, config)
        seconds = time.perf_counter() - started
        report = read_json(ws.run(config.name).report)
        return {
            "classes": n_classes,
            "seconds": round(seconds, 1),
            "gigabytes_before": round(before, 2),
            "candidates_per_card": report["candidates_per_card"],
            "recall": report["candidate_recall"],
            "scores": {name: r["score"] for name, r in report["methods"].items()},
        }


def watched(command: list[str]) -> tuple[str, float]:
    """(stdout, peak gigabytes) of a command."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0.0

    def watch() -> None:
        nonlocal peak
        while process.poll() is None:
            try:
                peak = max(peak, psutil.Process(process.pid).memory_info().rss / 2**30)
            except psutil.Error:
                return
            time.sleep(0.2)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, _ = process.communicate()
    watcher.join()
    if process.returncode:
        sys.exit(process.returncode)
    return out, peak


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cards", type=int, default=100_000)
    parser.add_argument("--classes", type=int, nargs="+", default=[100, 300, 1000, 1700, 5000])
    parser.add_argument(
        "--set", action="append", default=[], metavar="A.B=C", help="override a key of stack.yaml"
    )
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(one(args.cards, args.classes[0], args.set)))
        return
    print(
        "| classes | candidates a card | recall | best single | blend | CatBoost | s | peak GB |\n"
        + "|---" * 8
        + "|"
    )
    for n_classes in args.classes:
        settings = [part for setting in args.set for part in ("--set", setting)]
        command = [
            sys.executable,
            __file__,
            "--here",
            "--cards",
            str(args.cards),
            "--classes",
            str(n_classes),
        ]
        out, peak = watched([*command, *settings])
        found = json.loads(out.strip().splitlines()[-1])
        scores = " | ".join(
            f"{found['scores'].get(m, float('nan')):.4f}" for m in ("best_single", "blend", "catboost")
        )
        print(
            f"| {n_classes} | {found['candidates_per_card']} | {found['recall']:.4f} | {scores} "
            f"| {found['seconds']:.0f} | {peak:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
