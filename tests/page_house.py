"""A clean copy of the project with tiny data in it, in which commands of the pages run as a reader gives them."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import pandas as pd
from conftest import ROOT
from page_bindings import SERVERS, SMALLER, settings_files
from raw_tables import text_and_label
from school import write_school
from tiny_weights import image_folder, text_folder

from goods.demo.generator import generate
from goods.demo.offers import generate as generate_offers

N_FOLDS = 3  # as configs have them once they are smaller
CORE = max(os.sched_getaffinity(0))  # one: starting workers takes longer than fitting a tiny shop
PATIENCE = 3600  # seconds for a command, of which a busy machine may give it a tenth
START = 120  # seconds until a server answers


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str
    seconds: float  # of the processor, user and system, of all its processes


def build(house: Path) -> Path:
    """The files that git has, an interpreter in .venv, raw files, weights, and what else a reader may have."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True, text=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).exists():
            (house / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, house / name, follow_symlinks=False)
    for path in settings_files(house):
        text = path.read_text(encoding="utf-8")
        for pattern, value in SMALLER:
            text = re.sub(pattern, value, text)
        path.write_text(text, encoding="utf-8")
    interpreter(house)
    raw_files(house)
    text_folder(house / "weights" / "text", "bert", max_position_embeddings=160)
    wheels(house / "wheels")
    image_folder(house / "weights" / "image", "tf_efficientnet_lite0")
    return house


def interpreter(house: Path) -> None:
    """.venv as scripts/setup_env.sh leaves it, whose programs are those that run now."""
    folder = house / ".venv" / "bin"
    folder.mkdir(parents=True)
    programs = {"python": "", "goods": "-m goods", "pytest": "-m pytest", "jupyter": "-m jupyter"}
    for name, module in programs.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        (folder / name).chmod(0o755)
    (folder / "lint-imports").symlink_to(Path(sys.executable).with_name("lint-imports"))
    told = 'cat requirements.lock pyproject.toml | cksum | tr -d "\\n"'
    stamp = subprocess.run(["bash", "-c", told], cwd=house, capture_output=True, check=True, text=True).stdout
    (house / ".venv" / ".goods-requirements").write_text(stamp)


def raw_files(house: Path) -> None:
    raw = house / "raw"
    generate(raw / "kazanexpress2023", rows=240, classes=8, seed=1)
    generate_offers(raw / "ozon", rows=300, seed=3)
    write_school(raw / "wildberries")
    for folder in (raw / "mystore", house / "data" / "myshop"):
        folder.mkdir(parents=True)
        text_and_label(folder, n_train=200, n_test=30)
    train, test = (pd.read_parquet(raw / "kazanexpress2023" / f"{s}.parquet") for s in ("train", "test"))
    test.to_parquet(house / "test.parquet", index=False)
    others = test.assign(product_id=test.product_id + 10_000_000)
    for name in ("new_cards", "more", "more_cards", "part-0001"):
        others.to_parquet(house / f"{name}.parquet", index=False)
    folds = pd.DataFrame({"id": train.product_id, "fold": range(len(train))})
    folds.assign(fold=folds.fold % N_FOLDS).to_csv(house / "my_folds.csv", index=False)
    answer = pd.DataFrame({"product_id": test.product_id, "predicted_category_id": train.category_id[0]})
    answer.to_csv(house / "other.csv", index=False)
    answer.to_parquet(house / "A.parquet", index=False)
    answer.assign(predicted_category_id=train.category_id[1]).to_csv(house / "B.csv", index=False)
    products = pd.read_parquet(raw / "ozon" / "train_data.parquet")
    cards = pd.DataFrame({"product_id": products.variantid, "title": products.name})
    cards.to_parquet(house / "cards.parquet", index=False)


def wheels(folder: Path) -> None:
    """One of each installed package, by its name and version alone: there is nothing in it."""
    folder.mkdir()
    for package in distributions():
        name = f"{re.sub(r'[-_.]+', '_', package.name)}-{package.version}"
        with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
            told = {
                "METADATA": f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {package.version}\n",
                "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
                "RECORD": "",
            }
            for file, text in told.items():
                wheel.writestr(f"{name}.dist-info/{file}", text)


def told(house: Path, command: str) -> str:
    """The command with ids of what is prepared in the place of {a card of NAME} and {a pair of NAME}."""

    def card(match: re.Match[str]) -> str:
        prepared = house / "work" / match[2] / "prepared"
        if match[1] == "card":
            return str(pd.read_parquet(prepared / "cards.parquet").product_id[0])
        pair = pd.read_parquet(house / "raw" / match[2] / "train_pairs.parquet").iloc[0]
        return f"{pair.variantid1} {pair.variantid2}"

    return re.sub(r"\{a (card|pair) of (\w+)\}", card, command)


def environment(house: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GOODS_")}
    path = f"{house / '.venv' / 'bin'}:{os.environ['PATH']}"
    types = str(ROOT / ".mypy_cache")  # of the same sources: minutes less
    return kept | {
        "PATH": path,
        "PYTHONPATH": str(house / "src"),
        "OMP_NUM_THREADS": "1",
        "MYPY_CACHE_DIR": types,
    }


def run(house: Path, command: str) -> Ran:
    """A bound command in the root of the copy; one that serves pages is stopped once its address answers."""
    command = told(house, command)
    before = processor_seconds()
    port = next((port for words, port in SERVERS.items() if words in command), None)
    process = subprocess.Popen(
        ["taskset", "-c", str(CORE), "bash", "-c", command],
        cwd=house,
        env=environment(house),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        code, out, err = served(process, port) if port else ended(process)
        return Ran(code, out, err, processor_seconds() - before)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


def served(process: subprocess.Popen[str], port: int) -> tuple[int, str, str]:
    code = -1
    end = time.monotonic() + START
    while code != 200 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.5)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                code = answer.status
        except OSError:
            continue
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    return (0 if code == 200 else 1), out, err
