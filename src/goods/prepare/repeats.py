"""Cards that are each other's copies: photos that several have, equal cards of different classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.hiding import differs
from goods.cards.table import TEXT_FIELDS, beside_text
from goods.core.ids import Id
from goods.core.wording import count
from goods.prepare.columns import percent

POINTS = 0.10  # difference between shares of train and test cards that is told
DIFFERENT = 0.01  # of the train cards may be copies of another class without a word


def warnings_of_photos(cards: pd.DataFrame, photos: Mapping[Id, Any]) -> list[str]:
    """`photos`: what stands for the bytes of each card's photo."""
    ids = {split: cards.product_id[cards.split == split].tolist() for split in ("train", "test")}
    train, test = ([photos[id_] for id_ in part if id_ in photos] for part in ids.values())
    times = Counter(train)
    a, b = (
        float(np.mean([times[photo] > itself for photo in part])) if part else None
        for part, itself in ((train, 1), (test, 0))
    )
    if a is None or b is None or not differs(a, b, (len(train), len(test)), POINTS):
        return []
    told = (
        f"{percent(a)} of the train cards with a photo have that of another train card, {percent(b)} of the test cards "
        "that of a train card: "
    )
    if a > b:
        return [
            f"{told}out-of-fold scores of models that look at photos may be too high; keep cards of one photo in one "
            "fold, by a column in group_by or by scripts/make_folds.py --from FILE with a column group"
        ]
    return [
        f"{told}they may be train cards under other ids, and the score on test then says little of new ones; look how "
        "the files were parted"
    ]


def warnings_of_classes(
    cards: pd.DataFrame, classes: Mapping[str, pd.Series], photos: Mapping[Id, Any]
) -> list[str]:
    """Train cards equal in all that models see, and of different classes; `classes` by target, indexed by id."""
    found = []
    train = cards[(cards.split == "train") & (cards.title != "")]
    equal = train.groupby([*TEXT_FIELDS, "sale", *beside_text(cards)], dropna=False, sort=False).ngroup()
    same = pd.MultiIndex.from_arrays([equal, train.product_id.map(photos).astype("str")])
    keys = pd.Series(pd.factorize(same)[0], index=train.product_id.to_numpy())
    for name, known in classes.items():
        there = keys[keys.index.isin(known.index)]
        of_class = pd.Series(pd.factorize(known.loc[there.index].to_numpy())[0], index=there.index)
        differ = of_class.groupby(there.to_numpy()).transform("nunique").to_numpy() > 1
        if differ.sum() <= DIFFERENT * len(known):
            continue
        first = int(np.flatnonzero(differ)[0])
        one = there.index[first]
        other = there.index[
            np.flatnonzero((there == there.iloc[first]) & (of_class != of_class.iloc[first]))[0]
        ]
        of = f" of {name}" if len(classes) > 1 else ""
        found.append(
            f"{count(int(differ.sum()), 'train card')} ({percent(differ.sum() / len(known))}) are equal in all that "
            f"models see to one of another class{of}, such as {one} and {other}: nothing can tell them apart; give "
            "such cards one class, or what makes them different"
        )
    return found
