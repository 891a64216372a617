"""Train cards as test cards are: where fewer test cards have photos, as many train cards are seen without theirs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xxhash

from goods.cards.table import has_photo

POINTS = 0.05  # difference between the shares of cards with photos that matters
ERRORS = 3.0  # standard errors within which a difference is chance


def differs(a: float | None, b: float | None, n: tuple[int, int], points: float) -> bool:
    """Whether two shares, of n[0] and n[1] cards, are further apart than `points` and than chance would have them."""
    if a is None or b is None or not min(n):
        return False
    pooled = (a * n[0] + b * n[1]) / sum(n)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n[0] + 1 / n[1]))
    return bool(round(abs(a - b), 6) > max(points, ERRORS * error))


def hidden(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """bool [n]: train cards whose photo is not to be seen, drawn by their ids, so that as large a share as of the test
    cards keeps it; none where test has more of them, or fewer by chance."""
    has, drawn = has_photo(train), np.zeros(len(train), bool)
    share, on_test = _share(has), _share(has_photo(test))
    if on_test >= share or not differs(share, on_test, (len(train), len(test)), POINTS):
        return drawn
    with_photo = np.flatnonzero(has)
    ids = train.product_id.to_numpy()[with_photo].tolist()
    order = np.argsort([xxhash.xxh3_64_intdigest(str(id_).encode()) for id_ in ids], kind="stable")
    drawn[with_photo[order[: round((share - on_test) * len(train))]]] = True
    return drawn


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def without_photos(cards: pd.DataFrame, which: np.ndarray) -> pd.DataFrame:
    """The cards with no photo where `which` bool [n]; the same object where that is none."""
    return cards.assign(image=cards.image.where(~which, None)) if which.any() else cards


def like_test(cards: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """The card table with the photos of the `hidden` train cards hidden, and the share of the train cards these are."""
    train, drawn = (cards.split == "train").to_numpy(), np.zeros(len(cards), bool)
    drawn[train] = hidden(cards[train], cards[~train])
    return without_photos(cards, drawn), float(drawn[train].mean())
