"""What came in, train beside test: where they differ, out-of-fold scores need not hold on the test cards.

writes: prepared/door.json: rows, photos, empty fields, lengths, alphabets, known titles and shops per split, classes,
        what their order tells, input problems, warnings
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.hiding import POINTS, differs
from goods.cards.table import TEXT_FIELDS, Issues, has_photo
from goods.cards.text import LETTER, occurrences
from goods.core.wording import count
from goods.prepare.columns import percent, warnings_of_columns
from goods.prepare.order import order_of, told
from goods.problems.splitting import near_duplicate_keys

SPLITS = ("train", "test")
TEXT_POINTS = 0.10  # difference between shares of cards that is told, of what texts, shops and titles tell
LONGER = 2.0  # times that the typical text of one split may be as long as that of the other
FEWEST = 30  # cards of a split below which its typical text is chance
SAMPLE, SEEN = 5_000, 200  # cards whose letters are counted, characters of a field that are looked at
SHOWN = 8  # input problems that the table names
ALPHABETS = {"cyrillic": "[а-яёА-ЯЁ]", "latin": "[a-zA-Z]"}


def describe(
    cards: pd.DataFrame,
    classes: dict[str, pd.Series],
    issues: Issues,
    grouped: bool = False,
    of_cards: bool = True,
) -> dict[str, Any]:
    """What door.json holds; `classes` are those of the train cards known (not `of_cards`: of pairs of them), by target,
    indexed by id in the order of the file; `grouped`: near-duplicates are kept in one fold."""
    parts = {split: of_split(cards, split) for split in SPLITS}
    keys = {split: near_duplicate_keys(part) for split, part in parts.items()}
    table = {
        split: _shares(part)
        | _known(split, part, parts["train"])
        | {"near_duplicates": _mean(_met(split, keys[split], keys["train"]))}
        for split, part in parts.items()
    }
    problems = Counter((field, problem) for _, field, problem, _ in issues.rows)
    door: dict[str, Any] = {
        **table,
        "classes": {name: _class_sizes(known) for name, known in classes.items()},
        "order": order_of(classes),
        "problems": [
            [*what, n] for what, n in sorted(problems.items(), key=lambda item: (-item[1], item[0]))
        ],
    }
    columns = warnings_of_columns(parts["train"], parts["test"], classes if of_cards else None)
    copies = _warnings_of_copies(door["train"], door["test"]) if of_cards else []
    return door | {"warnings": [*warnings(door, grouped), *copies, *columns, *told(door["order"])]}


def of_split(cards: pd.DataFrame, split: str) -> pd.DataFrame:
    """Its cards; not a copy where they lie one after the other, as readers leave them."""
    rows = np.flatnonzero(cards.split == split)
    together = len(rows) and rows[-1] - rows[0] + 1 == len(rows)
    return cards.iloc[rows[0] : rows[-1] + 1] if together else cards.iloc[rows]


def _shares(part: pd.DataFrame) -> dict[str, Any]:
    lengths = {field: part[field].str.len().to_numpy(np.int64) for field in TEXT_FIELDS}
    some = part.iloc[:: len(part) // SAMPLE + 1]
    text = (
        some.title + " " + some.description.str.slice(stop=SEEN) + " " + some.attributes.str.slice(stop=SEEN)
    )
    letters = max(1, int(occurrences(text, LETTER).sum()))
    return {
        "rows": len(part),
        "photos": _mean(has_photo(part)),
        "empty": {field: _mean(length == 0) for field, length in lengths.items()},
        "characters": {field: _typical(length[length > 0]) for field, length in lengths.items()},
        "letters": {
            name: round(float(text.str.count(of).sum()) / letters, 6) for name, of in ALPHABETS.items()
        },
    }


def _known(split: str, part: pd.DataFrame, train: pd.DataFrame) -> dict[str, float | None]:
    """Shares of the cards, among those that have one, whose title or shop a train card (another one) has."""
    known: dict[str, float | None] = {}
    for field in ("title", "shop"):
        own = [text for text in part[field].tolist() if text]
        known[f"known_{field}"] = _mean(_met(split, own, train[field].tolist())) if own else None
    return known


def _met(split: str, own: list[str], train: list[str]) -> np.ndarray:
    """bool: which of a split's texts a train card (another one) has."""
    times, least = Counter(train), 2 if split == "train" else 1  # a train card itself is one of them
    return np.array([times[text] >= least for text in own], bool)


def _typical(lengths: np.ndarray) -> list[int]:
    """Median and 95th percentile."""
    return [int(q) for q in np.percentile(lengths, (50, 95))] if len(lengths) else [0, 0]


def _class_sizes(known: pd.Series) -> dict[str, int]:
    sizes = known.value_counts()
    return {
        "cards": int(sizes.sum()),
        "classes": len(sizes),
        "of_one_card": int((sizes == 1).sum()),
        "largest": int(sizes.max()) if len(sizes) else 0,
    }


def _mean(flags: np.ndarray) -> float:
    return round(float(flags.mean()), 6) if len(flags) else 0.0


def warnings(door: dict[str, Any], grouped: bool) -> list[str]:
    """What of the differences matters, what it means and what can be done."""
    train, test = door["train"], door["test"]
    n = (train["rows"], test["rows"])
    found = []
    if differs(train["photos"], test["photos"], n, POINTS):
        meant = (
            "models that look at photos learn and are scored with as few, so that out-of-fold scores are the ones to "
            "expect"
            if train["photos"] > test["photos"]
            else "out-of-fold scores of models that look at photos promise too little"
        )
        found.append(
            f"{percent(train['photos'])} of the train cards have a photo, {percent(test['photos'])} of the test "
            f"cards: {meant}; look whether all photos are where they belong"
        )
    for field in TEXT_FIELDS:
        a, b = train["empty"][field], test["empty"][field]
        if differs(a, b, n, TEXT_POINTS):
            found.append(
                f"{field} is empty in {percent(a)} of the train cards and {percent(b)} of the test cards: "
                "out-of-fold scores need not hold on test; look whether the field is read from both files"
            )
        (a, _), (b, _) = train["characters"][field], test["characters"][field]
        if field != "shop" and min(n) >= FEWEST and min(a, b) and max(a, b) > LONGER * min(a, b):
            found.append(
                f"{field} has {a} characters in a typical train card and {b} in a test card: models see texts unlike "
                "those they learned from; look whether one of the files is cut or joined otherwise"
            )
    a, b = train["letters"]["cyrillic"], test["letters"]["cyrillic"]
    if min(n) >= FEWEST and abs(a - b) > TEXT_POINTS:
        found.append(
            f"{percent(a)} of the letters are Cyrillic in train and {percent(b)} in test: models see words they have "
            "not learned; look whether the test texts are in another language, transliterated or of another code page"
        )
    found += _warnings_of_shops(train, test, n)
    return found + _warnings_of_repeats(train, test, n, grouped)


def _warnings_of_shops(train: dict[str, Any], test: dict[str, Any], n: tuple[int, int]) -> list[str]:
    a, b = train["known_shop"], test["known_shop"]
    if not (differs(a, b, n, TEXT_POINTS) and a > b):
        return []
    return [
        f"{percent(1 - b)} of the test cards are of a shop that no train card has, {percent(1 - a)} of the train "
        "cards of one that no other has: what shops tell in out-of-fold scores will not be there on test; expect "
        "less than the score reported"
    ]


def _warnings_of_repeats(
    train: dict[str, Any], test: dict[str, Any], n: tuple[int, int], grouped: bool
) -> list[str]:
    repeated = {
        "known_title": "have the title of another",
        "near_duplicates": "are a near-duplicate of another",
    }
    for known, what in repeated.items():
        a, b = train[known], test[known]
        if differs(a, b, n, TEXT_POINTS) and a > b and not grouped:
            return [
                f"{percent(a)} of the train cards {what}, {percent(b)} of the test cards that of a "
                "train card: out-of-fold scores may be too high; set group_near_duplicates: true in competition.yaml"
            ]
    return []


def _warnings_of_copies(train: dict[str, Any], test: dict[str, Any]) -> list[str]:
    """Test cards that may be train cards, oftener than train cards are each other."""
    a, b = train["near_duplicates"], test["near_duplicates"]
    if differs(a, b, (train["rows"], test["rows"]), TEXT_POINTS) and b > a:
        return [
            f"{percent(b)} of the test cards are a near-duplicate of a train card, {percent(a)} of the train cards "
            "of another: they may be train cards under other ids, and the score on test then says little of new "
            "ones; look how the files were parted"
        ]
    return []


def rows_of(door: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The table as it is shown: what, train, test."""
    both = [door[split] for split in SPLITS]

    def row(name: str, values: list[Any]) -> tuple[str, str, str]:
        train, test = ("–" if v is None else v if isinstance(v, str) else percent(v) for v in values)
        return name, train, test

    rows = [row("cards", [f"{d['rows']:,}" for d in both]), row("with a photo", [d["photos"] for d in both])]
    rows += [row(f"without {field}", [d["empty"][field] for d in both]) for field in TEXT_FIELDS]
    for field in TEXT_FIELDS:
        lengths = [d["characters"][field] for d in both]
        if any(map(any, lengths)):
            rows.append(row(f"characters of {field}: median, 95 %", [f"{a}, {b}" for a, b in lengths]))
    rows += [row(f"letters {name}", [d["letters"][name] for d in both]) for name in ALPHABETS]
    rows.append(row("title that a (or another) train card has", [d["known_title"] for d in both]))
    rows.append(row("near-duplicates of a (or another) train card", [d["near_duplicates"] for d in both]))
    rows.append(row("shop that a (or another) train card has", [d["known_shop"] for d in both]))
    return rows


def lines(door: dict[str, Any], of: str = "card") -> list[str]:
    """The table, classes, input problems and warnings, a line each; `of`: what has a class."""
    rows = [("what came in", *SPLITS), *rows_of(door)]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    said = [f"  {a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
    for name, c in door["classes"].items():
        said.append(
            f"  classes of {name}: {c['classes']:,} of {count(c['cards'], f'train {of}')}, "
            f"{c['of_one_card']:,} of one {of}, largest {c['largest']:,}"
        )
    problems = [f"{field}: {problem} {n:,}" for field, problem, n in door["problems"]]
    if problems:
        more = f"; {count(len(problems) - SHOWN, 'kind')} more" if len(problems) > SHOWN else ""
        said.append(f"  input problems: {'; '.join(problems[:SHOWN])}{more}")
    return said + [f"warning: {text}" for text in door["warnings"]]
