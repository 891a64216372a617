"""Runs within a time limit beside peers, by the processor seconds that each takes, on a fifth of the train cards.

reads:  --data: raw files in the format of KazanExpress 2023
writes: --folder: raw/ (four fifths as train, the fifth as test without its categories), answers.parquet, peers/
        (prepared cards), texts/ (the same for peers in environments of their own), a folder per limit and such a peer,
        rows.json (what is there is not run again); a table to stdout

Ours gets a limit of the clock, as a user gives it, from raw files to the table of answers. A peer is fitted once on
prepared cards with one thread and then asked: its reading is not counted, nor is anything that estimates its error.
Where other programs share the machine a clock says little, so both are compared by processor seconds (user and system,
all processes): a run has lost to a peer that took no more of them and scores higher.

A peer of `foreign.py` is asked where --peer-python names the Python of an environment that has it, once per limit,
which is its own limit on fitting; napkinXC knows none and is asked once. Its imports and reading are counted.

    .venv/bin/python benchmarks/budgets.py --data data/kazanexpress2023 --folder F --limits 2m 5m 15m \
        --peer-python autogluon=AG/bin/python --peer-python napkinxc=NX/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from held_out import NAME, write_raw
from peers import PEERS, plain_texts

from goods import cli
from goods.budget.limits import budget
from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, load_cards, select
from goods.competitions.loading import load_competition
from goods.core.artifacts import read_json, write_json
from goods.core.workspace import Workspace
from goods.metrics.evaluation import score
from goods.prepare.stage import prepare

METRIC = "weighted_f1"
RUN_ALL = Path(__file__).resolve().parents[1] / "scripts" / "run_all.py"
FOREIGN = Path(__file__).resolve().with_name("foreign.py")
UNLIMITED = ("napkinxc",)  # know no limit of time
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def process_seconds() -> float:
    """Processor time of all ended processes that this one has started, theirs included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(command: list[str], **environment: str) -> tuple[str, float, float]:
    """(stdout, seconds of the clock, of processors) of a command that ends well."""
    before, started = process_seconds(), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout, time.perf_counter() - started, process_seconds() - before


def score_of(folder: Path, said: pd.Series) -> float:
    """Of categories by product_id."""
    true = pd.read_parquet(folder / "answers.parquet").category_id
    labels = Labels.load(Workspace(folder / "peers", NAME))
    index_of = {id_: i for i, id_ in enumerate(labels.ids)}
    known, answered = (s.map(index_of).fillna(-1).to_numpy(np.int64) for s in (true, said.loc[true.index]))
    return score(METRIC, known, answered, labels)


def ours(folder: Path, limit: str, extra: list[str]) -> dict[str, Any]:
    """A run from raw files within the limit."""
    place = folder / f"ours-{limit}"
    places = ["--data", folder / "raw", "--work", place / "work", "--out", place / "out"]
    command = [sys.executable, RUN_ALL, NAME, *places, "--offline", "--time-limit", limit, *extra]
    _, clock, seconds = timed([str(part) for part in command])
    table = pd.read_parquet(place / "out" / NAME / "result.parquet").set_index("product_id")
    report = read_json(Workspace(place / "work", NAME).run("stack").report)
    left_out = (report.get("limits") or {}).get("left_out", [])
    found = {"name": f"--time-limit {limit}", "clock": clock, "seconds": seconds, "left_out": left_out}
    return found | {"score": score_of(folder, table.predicted_category_id)}


def peer(folder: Path, name: str) -> dict[str, Any]:
    """Fitted and asked in this process, on one thread."""
    ws = Workspace(folder / "peers", NAME)
    fit, fields = PEERS[name]
    cards, labels = load_cards(ws), Labels.load(ws)
    train, test = select(cards, "train"), select(cards, "test")
    texts, target = [plain_texts(part, fields) for part in (train, test)], train.target.to_numpy()
    before, started = time.process_time(), time.perf_counter()
    classes, _, _ = fit(texts[0], target, texts[1])
    found = {
        "name": name,
        "clock": time.perf_counter() - started,
        "seconds": time.process_time() - before,
        "left_out": [],
    }
    said = pd.Series(np.array(labels.ids)[classes], test.product_id)
    return found | {"score": score_of(folder, said)}


def write_texts(folder: Path) -> None:
    """Prepared cards as plain tables of texts, which an environment without ours can read."""
    cards = load_cards(Workspace(folder / "peers", NAME))
    (folder / "texts").mkdir()
    for split in ("test", "train"):
        columns = [*TEXT_FIELDS, *(["target"] if split == "train" else [])]
        select(cards, split)[columns].to_parquet(folder / "texts" / f"{split}.parquet", index=False)


def foreign(folder: Path, name: str, python: str, limit: str | None) -> dict[str, Any]:
    """A peer of `foreign.py`, run by the Python of its own environment, on as many threads as there are cores."""
    if not (folder / "texts" / "train.parquet").is_file():
        write_texts(folder)
    title = name if limit is None else f"{name} {limit}"
    out, threads = folder / title.replace(" ", "-"), str(os.cpu_count())
    command = [python, FOREIGN, name, folder / "texts", "--threads", threads, "--out", out]
    command += ["--seconds", budget(limit or "1h", None, None).seconds]
    _, clock, seconds = timed([str(part) for part in command], PYTHONPATH="")
    ws = Workspace(folder / "peers", NAME)
    said = pd.read_parquet(out / "said.parquet").target.to_numpy()
    said = pd.Series(np.array(Labels.load(ws).ids)[said], select(load_cards(ws), "test").product_id)
    found = {"name": title, "clock": clock, "seconds": seconds, "left_out": []}
    return found | {"score": score_of(folder, said)}


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row per peer and limit, those of before included."""
    file = args.folder / "rows.json"
    rows = {row["name"]: row for row in (read_json(file)["rows"] if file.is_file() else [])}

    def keep(row: dict[str, Any]) -> None:
        rows[row["name"]] = row
        write_json(file, {"rows": list(rows.values())})
        print(row, file=sys.stderr, flush=True)

    for name in PEERS:
        if name not in rows and args.peers in name:
            command = [sys.executable, __file__, "--folder", str(args.folder), "--here", name]
            keep(json.loads(timed(command, **ONE_THREAD)[0].strip().splitlines()[-1]))
    for name, _, python in (given.partition("=") for given in args.peer_python):
        for limit in [None] if name in UNLIMITED else args.limits:
            if (name if limit is None else f"{name} {limit}") not in rows:
                keep(foreign(args.folder, name, python, limit))
    for limit in args.limits:
        if f"--time-limit {limit}" not in rows:
            keep(ours(args.folder, limit, args.extra))
    return list(rows.values())


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, by processor seconds; `best peer` is the best of those that took no more of them."""
    lines = []
    for row in sorted(rows, key=lambda row: row["seconds"]):
        within = [r for r in rows if not r["name"].startswith("--") and r["seconds"] <= row["seconds"]]
        best = max(within, key=lambda r: r["score"], default=None)
        told = "" if best is None or row in within else f"{best['score']:.4f} ({best['name']})"
        line = {"": row["name"], "processor s": f"{row['seconds']:.0f}", "clock s": f"{row['clock']:.0f}"}
        line |= {"weighted F1": f"{row['score']:.4f}", "best peer in as many s": told}
        lines.append(line | {"left out": "; ".join(row["left_out"])})
    return pd.DataFrame(lines).to_markdown(index=False, disable_numparse=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--folder", type=Path, required=True, help="new, or what this made before")
    parser.add_argument("--limits", nargs="+", default=["2m", "5m", "15m"], metavar="TIME")
    parser.add_argument("--peers", default="", metavar="TEXT", help="those whose name has it (default: all)")
    parser.add_argument(
        "--peer-python", action="append", default=[], metavar="NAME=PYTHON", help="a peer of foreign.py"
    )
    parser.add_argument("--extra", nargs=argparse.REMAINDER, default=[], help="more options of run_all.py")
    parser.add_argument("--here", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        print(json.dumps(peer(args.folder, args.here)))
        return
    if not (args.folder / "answers.parquet").is_file():
        if args.data is None:
            parser.error(f"{args.folder} is new: give --data")
        answers = write_raw(args.data, args.folder / "raw", seed=0)
        ws = Workspace(args.folder / "peers", NAME)
        prepare(ws, load_competition(NAME, cli.CONFIGS), args.folder / "raw")
        answers.to_frame().to_parquet(args.folder / "answers.parquet")
    print(table(measure(args)))


if __name__ == "__main__":
    cli.run(main)
