"""What a reader fills into the commands of the pages, how the tests cut their sizes, and what is not run and why.

One table for all pages: `FILLED` and `CUT` are (regular expression, replacement), applied in this order to all
commands.
"""

from __future__ import annotations

import re
from pathlib import Path

from pages import Command

FILLED = [  # words in capitals, and files of the reader's own, which tests/page_house.py makes
    (r"--text-weights (?:DIR|ENCODER)\b", "--text-weights weights/text"),
    (r"--image-weights FILE\b", "--image-weights weights/image/model.safetensors"),
    (r"\bCOMPETITION\b", "kazanexpress2023"),
    (r"(submit\.py|make_folds\.py|report\.py) NAME\b", r"\1 kazanexpress2023"),
    (r"(budgets|held_out|distilled)\.py --data SET\b", r"\1.py --data raw/kazanexpress2023"),
    (r"matching\.py --data SET\b", "matching.py --data raw/ozon"),
    (r" ([a-z0-9]+) --data (?:DIR|SET)\b", r" \1 --data raw/\1"),
    (r"--work W\b", "--work w"),
    (r" W/", " w/"),
    (r"--work NEW\b", "--work new"),
    (r"--folder F\b", "--folder measured"),
    (r"--folder NEW\b", "--folder another"),
    (r"\bBIG\b", "big"),
    (r"(goods clean .*)$", r"\1 --yes"),  # instead of the answer to its question
    (r"make_demo\.py DIR\b", "make_demo.py big"),
    (r"\bDIR/train\.parquet", "big/train.parquet"),
    (r"(demo|kazanexpress2023) stack (?:KEY|PRODUCT_ID)\b", r"\1 stack {a card of \1}"),
    (r"--user NAME --slug CONTEST", "--user me --slug a-contest"),
    (r"(kaggle_bundle\.py .*)$", r"\1 --wheels wheels"),  # instead of asking an index
    (r"ozon stack VARIANTID1 VARIANTID2\b", "ozon stack {a pair of ozon}"),
]
CUT = [  # sizes of a contest, for which no test has time
    (r"--rows \d+ --classes \d+", "--rows 240 --classes 8"),
    (r"--format ozon --rows \d+", "--format ozon --rows 300"),
    (r"--photos \d+", "--photos 40"),
    (r"--cards 20000 40000 80000 --classes 400", "--cards 300 --classes 8"),
    (r"--cards 10000 20000 40000 --classes 400", "--cards 300 --classes 8 --stages prepare folds linear"),
    (r"--cards 5000 --classes 100 1600 5000", "--cards 300 --classes 8 12 --stages prepare folds linear"),
    (r"--rows 1000000 --no-images", "--rows 240 --classes 8 --no-images"),
    (r"--cards 100000 --classes 100 400 1700 5000", "--cards 400 --classes 8 12"),
    (r"--cards 1000000 --peer-cards 50000", "--cards 3000 --peer-cards 1000"),
    (r"--limits 2m 5m", "--limits 1m"),
    (
        r"(determinism\.py .*)$",
        r"\1 --rows 100 --competitions kazanexpress2023 --experiments linear stack --circumstances 'hash seed'",
    ),
    (r"(/ablations\.py .*)$", r"\1 --folds 1"),
    (r"(/gpu\.py .*) --plain$", r"\1"),  # wants accelerate, which no requirement names
    (r"model\.layers=4 --set model\.train_layers=3", "model.layers=2 --set model.train_layers=1"),
    (r"-m corpus --cases \d+", "-m corpus --cases 30"),
    (
        r"artifact_corpus attributes --every \d+ --first \d+",
        "artifact_corpus attributes --every 800 --first 5",
    ),
    (r"^bash scripts/test\.sh.*$", "bash scripts/test.sh tests/test_metrics.py"),
]
SMALLER = [  # the same in configs/ of the copy, line by line
    (r"\b(n_folds: )\d+", r"\g<1>3"),
    (r"\b(demo_rows: )\d+", r"\g<1>500"),
    (r"\b(demo_classes: )\d+", r"\g<1>60"),
    (r"\b(epochs: )\d+", r"\g<1>2"),
    (r"\b(trials: )\d+", r"\g<1>2"),
    (r"\b(startup_trials: )\d+", r"\g<1>1"),
    (r"\b(iterations: )\d+", r"\g<1>20"),
    (r"\b(bags: )\d+", r"\g<1>1"),
    (r"\b(subword_buckets: )\d+", r"\g<1>500"),
    (r"\b(buckets: )\d+", r"\g<1>2000"),
    (r"\b(epochs=)\d+", r"\g<1>1"),
    (r"\b(folds: \[1, 2), 3\]", r"\g<1>]"),
]
SERVERS = {  # answer in the browser until they are stopped: the address that has to answer
    "scripts/curves.py": 6006,
    "goods tensorboard": 6006,
}
NOT_RUN = {  # how a bound command begins → why it cannot be run in a test
    r"docker ": "needs a docker daemon; tests/test_container.py runs what the files say",
    r"kaggle |.* --kaggle ": "sends to the real service; tests/test_board_site.py sends to one of its own",
    r"pip |.* -m pip ": "asks a package index",
    r".*/ray start|.* --executor ray --address": "needs a cluster; tests/test_ray.py runs one of this machine",
    r".* benchmarks/page\.py": "needs Chromium, and a package of the extra browser",
    r".* scripts/app\.py": "needs gradio, a package of the extra app; tests/test_app.py asks what it answers",
    r".* -m pytest |bash scripts/test\.sh -m exhaustive": "the tests themselves",
    r"\.venv/bin/jupyter lab": "needs jupyterlab; tests/test_notebook.py runs the notebooks",
}
GIVEN = {  # page → what its reader has made before, besides a finished kazanexpress2023 below work/ and w/
    "docs/ablations.md": (),
    "docs/billion.md": (".venv/bin/python scripts/distil.py kazanexpress2023 stack",),
    "docs/board.md": (),
    "docs/decisions.md": (),
    "docs/kaggle.md": (
        ".venv/bin/python scripts/prepare.py demo",
        ".venv/bin/python scripts/make_folds.py demo",
    ),
    "docs/models.md": (),
    "docs/scaling.md": (),
}
PYTHON = {  # page and first line of a block → the test that runs it
    (
        "docs/architecture.md",
        '"""A shop\'s own table: sku, name, kind, kind_path."""',
    ): "test_extensions.py::test_a_competition_is_one_file",
    (
        "docs/architecture.md",
        "    ClassMetric(",
    ): "test_extensions.py::test_a_family_a_metric_and_a_feature_are_a_file_an_entry_and_a_line",
    (
        "docs/architecture.md",
        '    "title_words": lambda e: e.per_card(e.cards.title.str.split().str.len()),',
    ): "test_extensions.py::test_a_family_a_metric_and_a_feature_are_a_file_an_entry_and_a_line",
    (
        "docs/own-model.md",
        '"""Complement naive Bayes (Rennie et al. 2003) over hashed words of the title."""',
    ): "test_extensions.py::test_a_family_a_metric_and_a_feature_are_a_file_an_entry_and_a_line",
}
# how a line of a block begins that is no command: pictures of the flow, output, the rest of a form, a call
SHOWN = "raw files|all |cards |one fold|──|сырые|все |карточки|оценки|result: |error: |\\[--|predict_file\\("


def bound(command: str) -> str:
    """The command as a reader of a small contest gives it; what only a finished run tells is left in braces."""
    for pattern, value in [*FILLED, *CUT]:
        command = re.sub(pattern, value, command)
    return command


def reason_not_to_run(command: Command) -> str | None:
    """Why a command of a page is not run; None where it is."""
    if command.is_form:
        return "a form, whose options are looked up"
    text = bound(command.text)
    return next((reason for pattern, reason in NOT_RUN.items() if re.match(pattern, text)), None)


def settings_files(root: Path) -> list[Path]:
    return [*sorted((root / "configs").rglob("*.yaml")), root / "benchmarks" / "ablations.yaml"]
