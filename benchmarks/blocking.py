"""Seconds, memory and recall of blocking on generated offers, beside exact neighbours in TF-IDF by scikit-learn.

Offers of one product are the planted duplicates. Each size runs in a process of its own; the peer, whose time grows
with the square of the cards, only on `--peer-cards`.

    .venv/bin/python benchmarks/blocking.py --cards 1000000 --peer-cards 50000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

from goods.config.loading import override
from goods.core.execution import cores
from goods.demo.offers import offers
from goods.matching.blocking import BlockingConfig, block
from goods.matching.candidates import NEIGHBOUR, recall, unite


def write_cards(path: Path, n: int, seed: int) -> None:
    cards = offers(n, seed)[["variantid", "name", "product"]]
    cards.columns = pd.Index(["product_id", "title", "identity"])
    cards.to_parquet(path, index=False)


def ours(path: Path, settings: dict) -> dict:
    """The report of `block`, and the peak of this process, which reads the cards and blocks them."""
    cards = pd.read_parquet(path)
    started = time.perf_counter()
    report = block(cards, BlockingConfig.model_validate(settings), identity=cards.identity.to_numpy()).report
    return report | {"total": time.perf_counter() - started}


def peer(path: Path, settings: dict) -> dict:
    """Exact cosine neighbours in character TF-IDF: as many per card as our blocking looks for, and twice that."""
    cards, n = pd.read_parquet(path), 2 * BlockingConfig.model_validate(settings).neighbours
    started = time.perf_counter()
    rows = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4), sublinear_tf=True, dtype=np.float32)
    vectors = rows.fit_transform(cards.title)
    index = NearestNeighbors(n_neighbors=n + 1, metric="cosine", n_jobs=settings.get("threads") or cores())
    found = index.fit(vectors).kneighbors(vectors, return_distance=False)
    total = time.perf_counter() - started
    report: dict = {"cards": len(cards), "total": total, "by_neighbours": {}}
    for k in (n // 2, n):
        own = np.repeat(np.arange(len(cards)), k + 1)
        other = found[:, : k + 1].ravel()
        own, other = own[own != other], other[own != other]
        left, right, source = unite(len(cards), {NEIGHBOUR: (np.minimum(own, other), np.maximum(own, other))})
        scored = recall(left, right, source, cards.identity.to_numpy())["total"]
        report["by_neighbours"][k] = {"pairs_per_card": len(left) / len(cards), "recall": scored}
    return report


def measured(what: str, path: Path, settings: dict) -> dict:
    """The report of `ours` or `peer` in a process of its own, with `peak_mb` over it and its workers."""
    command = [sys.executable, __file__, "--here", what, str(path), json.dumps(settings)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak, watched = 0.0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            family = [watched, *watched.children(recursive=True)]
            peak = max(peak, sum(_own_memory(p) for p in family) / 2**20)
        except psutil.Error:
            pass  # a worker ended between the two calls
        time.sleep(0.3)
    assert process.stdout is not None
    if process.returncode:
        sys.exit(process.returncode)
    return json.loads(process.stdout.read().splitlines()[-1]) | {"peak_mb": peak}


def _own_memory(process: psutil.Process) -> int:
    """Resident bytes, less those mapped from files: workers share the encoder's arrays."""
    memory = process.memory_info()
    return memory.rss - memory.shared


def table(reports: list[dict]) -> str:
    steps = list(reports[0]["seconds"])
    lines = ["| cards | " + " | ".join(f"{s} s" for s in steps) + " | all s | peak MB | pairs | a card |"]
    lines[0] += " reduction | recall | of neighbours | of tokens |"
    lines.append("|---" * (len(steps) + 9) + "|")
    for report in reports:
        found, seconds = report["recall"], report["seconds"]
        row = [f"{report['cards']:,}", *(f"{seconds.get(s, 0):.1f}" for s in steps), f"{report['total']:.1f}"]
        row += [f"{report['peak_mb']:.0f}", f"{report['pairs']:,}", f"{report['pairs_per_card']:.1f}"]
        row += [f"{report['reduction']:.6f}", *(f"{found[k]:.4f}" for k in ("total", "neighbours", "tokens"))]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def peer_table(report: dict, own: dict) -> str:
    lines = [
        "| exact TF-IDF neighbours | s | peak MB | pairs a card | recall | our recall / its | its s / ours |"
    ]
    lines.append("|---" * 7 + "|")
    for k, found in report["by_neighbours"].items():
        lines.append(
            f"| {k} of {report['cards']:,} cards | {report['total']:.1f} | {report['peak_mb']:.0f} "
            f"| {found['pairs_per_card']:.1f} | {found['recall']:.4f} "
            f"| {own['recall']['total'] / found['recall']:.3f} | {report['total'] / own['total']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cards", type=int, default=1_000_000)
    parser.add_argument("--peer-cards", type=int, default=50_000, help="0: without the peer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--set", action="append", default=[], metavar="A=C", help="override of BlockingConfig"
    )
    parser.add_argument("--here", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        what, path, settings = args.here
        print(json.dumps({"ours": ours, "peer": peer}[what](Path(path), json.loads(settings))))
        return
    settings = override({}, args.set)
    reports, compared = [], None
    with tempfile.TemporaryDirectory() as folder:
        for n in dict.fromkeys(size for size in (args.peer_cards, args.cards) if size):
            path = Path(folder) / f"{n}.parquet"
            write_cards(path, n, args.seed)
            reports.append(measured("ours", path, settings))
            if n == args.peer_cards:
                compared = measured("peer", path, settings)
    print(table(reports))
    if compared:
        print("\n" + peer_table(compared, reports[0]))


if __name__ == "__main__":
    main()
