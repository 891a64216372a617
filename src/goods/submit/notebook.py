"""The notebook of a bundle: it installs the wheels that came with it, and labels the contest's test cards."""

from __future__ import annotations

from typing import Any

FIND = """\
import json
import os
import subprocess
import sys
from pathlib import Path

INPUT = Path(os.environ.get("KAGGLE_INPUT", "/kaggle/input"))
OUT = Path(os.environ.get("KAGGLE_OUTPUT", "/kaggle/working"))
BUNDLE = next(INPUT.rglob("bundle.json")).parent  # the dataset that this notebook is given
ABOUT = json.loads((BUNDLE / "bundle.json").read_text())
FOUND = [path for name in ABOUT["test"] for path in sorted(INPUT.rglob(name)) if BUNDLE not in path.parents]
if not FOUND:
    raise SystemExit(f"{INPUT}: no {' or '.join(ABOUT['test'])} below it; add the contest's data to this notebook")
TEST = FOUND[0]
print(ABOUT, TEST)"""

INSTALL = """\
subprocess.run(
    [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--find-links", BUNDLE / "wheels"]
    + ["-r", BUNDLE / "requirements.txt"],
    check=True,
)"""

PREDICT = """\
command = [sys.executable, "-m", "goods", "predict", ABOUT["competition"], ABOUT["experiment"], TEST]
command += ["--work", BUNDLE / "work", "--plain", "--out", OUT / "result.parquet"]
if ABOUT["photos"]:
    command += ["--images", TEST.parent]
subprocess.run(command, check=True, cwd=BUNDLE)  # weights are named by paths below it"""

WRITE = """\
how = ABOUT["csv"]
table = f"import sys, pandas as pd; pd.read_parquet(sys.argv[1]).to_csv(sys.argv[2], index=False, **{how})"
subprocess.run([sys.executable, "-c", table, OUT / "result.parquet", OUT / "submission.csv"], check=True)
print((OUT / "submission.csv").read_text(how["encoding"])[:200])"""

CELLS = (
    (
        "Where the files are. `bundle.json` says of which competition and experiment they are, and their out-of-fold "
        "score.",
        FIND,
    ),
    ("Packages, from wheels of the dataset: no network is asked.", INSTALL),
    ("Every test card gets what the published fold models say of it.", PREDICT),
    (
        "The same as csv, for contests that take that. Packages that were imported here before may be of other "
        "versions than the wheels', so another process writes it.",
        WRITE,
    ),
)


def notebook(title: str) -> dict[str, Any]:
    """What is written as .ipynb (nbformat 4.5)."""
    cells: list[dict[str, Any]] = [cell("markdown", "title", f"# {title}")]
    for i, (text, code) in enumerate(CELLS):
        cells += [cell("markdown", f"text-{i}", text), cell("code", f"code-{i}", code)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def cell(kind: str, name: str, source: str) -> dict[str, Any]:
    made: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {}}
    if kind == "code":
        made |= {"execution_count": None, "outputs": []}
    return made | {"source": source.splitlines(keepends=True)}
