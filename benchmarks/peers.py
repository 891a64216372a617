"""Common tools on the folds our runs use: TF-IDF with a linear SVM, fastText, and napkinXC where it is installed.

reads:  work/<competition>/ prepared/, folds.parquet, runs/<experiment>/ DONE report.json oof.npz
writes: a markdown table to stdout; the same as JSON to --out

Seconds are for fitting, summed over the folds; those of a stack include its base models. Where a run
was tuned on some folds, it is compared with the peers on the other folds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pandas as pd
import psutil
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, make_union
from sklearn.svm import LinearSVC

from goods import cli
from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, load_cards, select
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import read_json, write_json
from goods.core.errors import GoodsError
from goods.core.execution import Resources, resources, run_jobs
from goods.core.execution import at_once as side_by_side
from goods.core.log import say
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.models.text.fasttext_model import zeroed_malloc
from goods.prepare.folds import load_folds
from goods.prepare.prepared import prepared_key
from goods.train.gather import oof_report

MAX_FEATURES = 250_000  # of words and of characters each: the SVM holds features × classes floats
Predicted = tuple[np.ndarray, float, float]  # classes int64 [n], seconds to fit, seconds to predict


def plain_texts(cards: pd.DataFrame, fields: tuple[str, ...] = TEXT_FIELDS) -> list[str]:
    """One lower-cased line of the fields per card."""
    return [" ".join(" ".join(row).lower().split()) for row in cards[list(fields)].to_numpy()]


def tfidf() -> FeatureUnion:
    """TF-IDF of words 1-2 and characters 2-5."""
    common = {"sublinear_tf": True, "min_df": 2, "max_features": MAX_FEATURES, "dtype": np.float32}
    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), **common),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), **common),
    )


def fit_svm(train: list[str], target: np.ndarray, valid: list[str]) -> Predicted:
    """`tfidf`, LinearSVC at scikit-learn's defaults."""
    started, vectors = time.perf_counter(), tfidf()
    svm = LinearSVC(random_state=0).fit(vectors.fit_transform(train), target)
    fitted = time.perf_counter()
    predicted = svm.predict(vectors.transform(valid))
    return predicted, fitted - started, time.perf_counter() - fitted


def fit_fasttext(train: list[str], target: np.ndarray, valid: list[str]) -> Predicted:
    """fastText over 50 epochs with bigrams, learning rate 0.5, 100 dimensions; one thread, so repeatable."""
    started = time.perf_counter()
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        # cards may come sorted by class, which stochastic gradient descent does not survive
        for i in np.random.default_rng(0).permutation(len(train)):
            file.write(f"__label__{target[i]} {train[i]}\n")
        file.flush()
        with zeroed_malloc():  # with one thread fastText leaves most of its input matrix as it finds it
            model = fasttext.train_supervised(
                file.name, epoch=50, wordNgrams=2, lr=0.5, dim=100, thread=1, seed=0, verbose=0
            )
    fitted = time.perf_counter()
    names, _ = model.predict(valid)  # a list: predicting a single string fails under numpy 2
    predicted = np.array([int(best.removeprefix("__label__")) for (best,) in names])
    return predicted, fitted - started, time.perf_counter() - fitted


def fit_napkinxc(train: list[str], target: np.ndarray, valid: list[str]) -> Predicted:
    """`tfidf`, napkinXC's probabilistic label tree at its defaults on one thread."""
    from napkinxc.models import PLT  # no requirement of ours

    started, vectors = time.perf_counter(), tfidf()
    with tempfile.TemporaryDirectory() as folder:
        model = PLT(folder, seed=0, threads=1, verbose=0)
        model.fit(vectors.fit_transform(train), target.tolist())
        fitted = time.perf_counter()
        predicted = np.array([best for (best,) in model.predict(vectors.transform(valid), top_k=1)])
    return predicted, fitted - started, time.perf_counter() - fitted


# which text serves a peer better differs from set to set: both are shown, the best one is what we compare with
SHORT = ("title", "shop")
Fit = Callable[[list[str], np.ndarray, list[str]], Predicted]
PEERS: dict[str, tuple[Fit, tuple[str, ...]]] = {
    "TF-IDF + LinearSVC, all fields": (fit_svm, TEXT_FIELDS),
    "TF-IDF + LinearSVC, title and shop": (fit_svm, SHORT),
    "fastText, 50 epochs, all fields": (fit_fasttext, TEXT_FIELDS),
    "fastText, 50 epochs, title and shop": (fit_fasttext, SHORT),
}
if find_spec("napkinxc"):
    PEERS |= {
        "napkinXC PLT, all fields": (fit_napkinxc, TEXT_FIELDS),
        "napkinXC PLT, title and shop": (fit_napkinxc, SHORT),
    }


def fit_one(
    fit: Callable[..., Any], train: list[str], target: np.ndarray, valid: list[str], _: Resources
) -> Any:
    return fit(train, target, valid)


def at_once(n_classes: int, n_folds: int) -> int:
    """Folds fitted side by side: one where two SVMs' weights (liblinear's copy and numpy's) would not fit."""
    fits = 2 * (2 * 2 * MAX_FEATURES * n_classes * 8) < psutil.virtual_memory().available
    return min(2 if fits else 1, side_by_side(n_folds, resources(n_folds, on_gpu=False)))


def run_peer(ws: Workspace, competition: CompetitionConfig, name: str) -> dict[str, Any]:
    """Out-of-fold classes int64 [n] of one peer, and its seconds per fold."""
    train = select(load_cards(ws), "train")
    fit, fields = PEERS[name]
    fold, target = load_folds(ws, train), train.target.to_numpy()
    texts = np.array(plain_texts(train, fields), object)
    if set(fold.tolist()) != set(range(competition.n_folds)):
        raise GoodsError(f"{ws.folds}: not {competition.n_folds} folds; run scripts/make_folds.py again")
    inside = [fold == k for k in range(competition.n_folds)]
    jobs = [(fit, texts[~valid].tolist(), target[~valid], texts[valid].tolist()) for valid in inside]
    results = run_jobs(
        fit_one, jobs, Resources("cpu", 1), name, at_once(Labels.load(ws).n_classes, len(jobs))
    )
    predicted = np.empty(len(train), np.int64)
    for valid, (classes, _, _) in zip(inside, results, strict=True):
        predicted[valid] = classes
    return {
        "classes": predicted,
        "fit_seconds": [round(r[1], 2) for r in results],
        "predict_seconds": [round(r[2], 2) for r in results],
    }


def finished_runs(ws: Workspace, competition: CompetitionConfig, train: pd.DataFrame) -> dict[str, dict]:
    """Reports of the finished runs that were made on these cards and folds, with `seconds` added."""
    found: dict[str, dict] = {}
    product_id, fold = train.product_id.to_numpy(), load_folds(ws, train)
    for folder in sorted(path.parent for path in (ws.path / "runs").glob("*/DONE")):
        run = ws.run(folder.name)
        if not run.oof.is_file():  # a study
            continue
        report, oof = read_json(run.report), Predictions.load(run.oof).aligned(product_id)
        again = oof_report(ws, competition, oof, train, tuple(report["tuned_on"]))
        stale = any(again[key] != report[key] for key in ("metric", "score", "folds"))
        for k in range(competition.n_folds):
            if (path := run.fold(k) / "valid.npz").is_file():  # a stack keeps none
                stale |= set(Predictions.load(path).product_id) != set(product_id[fold == k])
        if stale:
            say(f"{folder.name}: left out, it was made on other cards or folds; train it again")
        else:
            found[folder.name] = report
    for report in found.values():
        bases = [found[name] for name in report.get("base", {}) if name in found]
        report["seconds"] = sum(sum(r["fit_seconds"]) for r in [report, *bases])
    return found


def row_of(name: str, kind: str, report: dict[str, Any], n_folds: int) -> dict[str, Any]:
    row = {"name": name, "kind": kind, "folds": [k for k in range(n_folds) if k not in report["tuned_on"]]}
    row |= {key: report[key] for key in ("metric", "score", "sd", "scores")}
    return row | {"seconds": round(report["seconds"], 1)}


def compare(ws: Workspace, competition: CompetitionConfig, only: str | None = None) -> list[dict[str, Any]]:
    """One row per peer and set of folds, then one per finished run (or `only` one) with its ratios."""
    prepared_key(ws)  # raises unless the cards are ready
    train = select(load_cards(ws), "train")
    runs, n_folds = finished_runs(ws, competition, train), competition.n_folds
    if only is not None and only not in runs:
        raise GoodsError(f"--stack {only}: not a finished run; there are {', '.join(runs) or 'none'}")
    runs = {name: report for name, report in runs.items() if only in (None, name)}
    peers = {name: run_peer(ws, competition, name) for name in PEERS}
    rows, best = [], {}
    for tuned_on in sorted({(), *(tuple(r["tuned_on"]) for r in runs.values())}):
        scored = []
        for name, peer in peers.items():
            oof = Predictions(train.product_id.to_numpy(), peer["classes"][:, None], np.ones((len(train), 1)))
            report = oof_report(ws, competition, oof, train, tuned_on)
            row = row_of(name, "peer", {**report, "seconds": sum(peer["fit_seconds"])}, n_folds)
            scored.append(row | {key: peer[key] for key in ("fit_seconds", "predict_seconds")})
        rows += scored
        best[tuned_on] = max(scored, key=lambda row: row["score"])
    for name, report in runs.items():
        row, peer_row = row_of(name, "run", report, n_folds), best[tuple(report["tuned_on"])]
        error = (1 - row["score"]) / (1 - peer_row["score"]) if peer_row["score"] < 1 else None
        ratio = row["seconds"] / max(peer_row["seconds"], 0.1)
        rows.append(row | {"best_peer": peer_row["name"], "error_ratio": error, "seconds_ratio": ratio})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; ratios are blank for peers."""

    def ratio(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    lines = [
        {
            "name": r["name"],
            f"out-of-fold {r['metric']} ± sd": f"{r['score']:.4f} ± {r['sd']:.4f}",
            "macro F1": f"{r['scores']['macro_f1']:.4f}",
            "hierarchical F1": f"{r['scores']['hierarchical_f1']:.4f}",
            "seconds": f"{r['seconds']:.1f}",
            "folds": ",".join(map(str, r["folds"])),
            "error ×": ratio(r.get("error_ratio")),
            "seconds ×": ratio(r.get("seconds_ratio")),
        }
        for r in rows
    ]
    return pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("competition", help="a folder of configs/")
    parser.add_argument("--work", type=Path, default=cli.ROOT / "work", help="default: work")
    parser.add_argument("--stack", metavar="NAME", help="show this run only beside the peers")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the rows as JSON")
    args = parser.parse_args()
    ws, competition = cli.competition_of(args)
    rows = compare(ws, competition, args.stack)
    print(table(rows))
    print("\n× is against the best peer on the same folds: below 1 is fewer errors (1 - score), less time.")
    if args.out:
        write_json(args.out, {"competition": competition.name, "rows": rows})


if __name__ == "__main__":
    cli.run(main)
