"""Single columns and attributes of cards: which of them test cards lack or fill otherwise, which tell the class alone.

A column that tells the class is a gift where new cards have it before their class is known, and a leak where they do
not. Of large tables some cards are looked at.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from goods.cards.hiding import differs
from goods.cards.table import CATEGORY, NUMBER, category_columns, number_columns

SAMPLE = 20_000  # cards of a split that are looked at
ATTRIBUTES = 100  # names of attributes that are looked at, the most frequent
FEWEST = 30  # cards below which nothing is said
POINTS = 0.10  # difference between shares of train and test cards that is told
TELLS = 0.99  # share of the cards that a column is known of whose class it tells: then it is told
COVERED = 0.5  # if it is known of as many cards
CHANCE = 0.1  # and where it is wrong as often as this share of always saying the most frequent class
WITHIN = (0.01, 0.99)  # quantiles of a number's train values between which most test values should lie
SHOWN = 10  # columns that one line names


@dataclass(frozen=True)
class Column:
    """A column's values as texts, "" where a card has none; `label` names it in a message."""

    label: str
    values: list[str]
    numbers: np.ndarray | None = None  # float64 [n], of a column of numbers

    @property
    def filled(self) -> float:
        return float(np.mean([value != "" for value in self.values])) if self.values else 0.0


def sampled(part: pd.DataFrame) -> pd.DataFrame:
    return part.iloc[:: len(part) // SAMPLE + 1]


def columns_of(part: pd.DataFrame) -> dict[str, Column]:
    """The columns of a split's cards that stand beside the text, and their shop."""
    found = {"shop": Column("shop", part.shop.tolist())}
    for name in category_columns(part):
        found[name] = Column(f"category {name.removeprefix(CATEGORY)!r}", part[name].tolist())
    for name in number_columns(part):
        numbers = part[name].to_numpy(np.float64)
        texts = ["" if np.isnan(number) else f"{number:.15g}" for number in numbers.tolist()]
        found[name] = Column(f"number {name.removeprefix(NUMBER)!r}", texts, numbers)
    return found


def attributes_of(part: pd.DataFrame) -> list[dict[str, str]]:
    """Of each card name → value, "Цвет: белый; Вес: 3 кг" read as it was written."""
    rows = []
    for text in part.attributes.tolist():
        pairs = (line.partition(":") for line in text.split(";"))
        rows.append({name.strip(): value.strip() for name, colon, value in pairs if colon and value.strip()})
    return rows


def attribute_columns(rows: list[dict[str, str]], names: list[str]) -> dict[str, Column]:
    return {f"attribute:{n}": Column(f"attribute {n!r}", [row.get(n, "") for row in rows]) for n in names}


def agreement(values: list[str], classes: np.ndarray) -> tuple[int, float]:
    """(cards whose value another card has too, share of them that are of the class that most of the others have);
    `classes` int [n]. A card is not asked about itself, and of classes as frequent none is the answer."""
    codes = pd.factorize(np.array(values, object))[0]
    pairs, of_card, counts = np.unique(
        codes.astype(np.int64) * (int(classes.max()) + 1) + classes, return_inverse=True, return_counts=True
    )
    value = pairs // (int(classes.max()) + 1)
    order = np.lexsort((-counts, value))
    first = np.flatnonzero(np.diff(value[order], prepend=-1) != 0)
    top, second = np.zeros((2, int(value.max()) + 1), np.int64)
    top[value[order][first]] = counts[order][first]
    more = first[np.diff(np.append(first, len(order))) > 1] + 1
    second[value[order][more]] = counts[order][more]
    own = counts[of_card]
    others = np.where(own == top[codes], second[codes], top[codes])
    known = np.array([text != "" for text in values]) & (np.bincount(codes)[codes] > 1)
    return int(known.sum()), float((own - 1 > others)[known].mean()) if known.any() else 0.0


def tells(column: Column, classes: np.ndarray) -> float | None:
    """The share of cards whose class the column tells; None where that is no news."""
    known, share = agreement(column.values, classes)
    if known < max(FEWEST, COVERED * len(classes)) or share < TELLS:
        return None
    frequent = np.bincount(classes).max() / len(classes)
    return share if 1 - share <= CHANCE * (1 - frequent) else None


def met(column: Column, train: Column, itself: bool) -> float | None:
    """Share of the filled cells whose value a train card has; another one where the column is of train `itself`."""
    times, own = Counter(train.values), [value for value in column.values if value != ""]
    return float(np.mean([times[value] > itself for value in own])) if own else None


def warnings_of_columns(
    train: pd.DataFrame, test: pd.DataFrame, classes: dict[str, pd.Series] | None
) -> list[str]:
    """A line for each thing to look at. `classes` are those of the train cards, by target, indexed by id; None where it
    is not the cards that have one."""
    train, test = sampled(train), sampled(test)
    columns, asked = columns_of(train), columns_of(test)
    rows, asked_rows = attributes_of(train), attributes_of(test)
    often = Counter(name for row in rows for name in row).most_common(ATTRIBUTES)
    names = [name for name, times in often if times >= FEWEST]
    found = lost_columns(columns, asked, (len(train), len(test)))
    found += lost_attributes(rows, asked_rows, names)
    for name, known in (classes or {}).items():
        several = len(classes or {}) > 1
        there = train.product_id.isin(known.index).to_numpy()
        codes = pd.factorize(known.loc[train.product_id[there]].to_numpy())[0]
        if len(codes) >= FEWEST:
            every = columns | attribute_columns(rows, names)
            found += telling(every, there, codes, f" of {name}" if several else "")
    return found


def lost_columns(columns: dict[str, Column], asked: dict[str, Column], n: tuple[int, int]) -> list[str]:
    """Columns that test cards lack, or fill with values that no train card has."""
    found = []
    for name, column in columns.items():
        if name == "shop":  # a field of text, compared as one
            continue
        other, a, b = asked[name], column.filled, asked[name].filled
        if differs(a, b, n, POINTS) and a > b:
            found.append(
                f"{column.label} is filled in {percent(a)} of the train cards and {percent(b)} of the test cards: "
                "out-of-fold scores need not hold on test; leave the column out, or fill it in both files"
            )
        elif column.numbers is not None and other.numbers is not None:
            found += moved(column.label, column.numbers, other.numbers)
        else:
            again, known = met(column, column, True) or 0.0, met(other, column, False)
            if differs(again, known, n, POINTS) and known is not None and again > known:
                found.append(
                    f"{column.label} has in {percent(1 - known)} of the test cards a value that no train card has, in "
                    f"{percent(1 - again)} of the train cards one that no other has: out-of-fold scores need not hold "
                    "on test; look whether both files write it alike"
                )
    return found


def moved(label: str, train: np.ndarray, test: np.ndarray) -> list[str]:
    """Numbers that test cards have in another range, as in another unit."""
    known, asked = train[np.isfinite(train)], test[np.isfinite(test)]
    if min(len(known), len(asked)) < FEWEST:
        return []
    low, high = np.quantile(known, WITHIN)
    a, b = (float(((values < low) | (values > high)).mean()) for values in (known, asked))
    if not differs(a, b, (len(known), len(asked)), POINTS):
        return []
    return [
        f"{label} lies outside {low:g} … {high:g} in {percent(b)} of the test cards and {percent(a)} of the train "
        "cards: models see numbers unlike those they learned from; look whether both files give it in one unit"
    ]


def lost_attributes(rows: list[dict[str, str]], asked: list[dict[str, str]], names: list[str]) -> list[str]:
    """Attributes that fewer test cards have, among those that have any."""
    some = [[row for row in part if row] for part in (rows, asked)]
    n, found = (len(some[0]), len(some[1])), []
    for name in names if all(n) else []:
        a, b = (float(np.mean([name in row for row in part])) for part in some)
        if differs(a, b, n, POINTS) and a > b:
            found.append((a - b, f"{name!r} ({percent(a)}, {percent(b)})"))
    if not found:
        return []
    return [
        f"fewer test cards than train cards have the attributes {in_short(found)}: what they tell in out-of-fold "
        "scores will not be there on test; leave them out, or look whether both files name them alike"
    ]


def in_short(found: list[tuple[float, str]]) -> str:
    """The first by falling number, and how many more there are."""
    texts = [text for _, text in sorted(found, key=lambda one: -one[0])]
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def telling(columns: dict[str, Column], there: np.ndarray, codes: np.ndarray, of: str) -> list[str]:
    """Columns that tell the class of the cards `there` by themselves."""
    found = []
    for column in columns.values():
        values = [value for value, known in zip(column.values, there.tolist(), strict=True) if known]
        share = tells(Column(column.label, values), codes)
        if share is not None:
            found.append((share, f"{column.label} ({percent(share)})"))
    if not found:
        return []
    return [
        f"train cards with the same value of {in_short(found)} are of one class{of}: scores will hold only where new "
        "cards have it before their class is known; leave out what was made from the class"
    ]


def percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share in (0, 1) or 0.01 <= share <= 0.99 else f"{100 * share:.2f} %"
