"""Scores of parts of the cards: by photo, text, shop, and by how far the experiments agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from goods.cards.table import has_photo
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.report.judged import Judged

SHORT, FEWEST = 3, 10  # words of a short title; cards below which a slice is not shown


def slice_rows(judged: Judged) -> list[dict[str, Any]]:
    """Accuracy of slices, against that of all other cards."""
    cards = judged.cards
    photo, words = has_photo(cards), cards.title.map(lambda title: len(title.split())).to_numpy()
    flags = {
        "all cards": np.ones(len(cards), bool),
        "with a photo": photo,
        "without a photo": ~photo,
        f"title of at most {SHORT} words": words <= SHORT,
        "title of more than 10 words": words > 10,
        "no description": (cards.description == "").to_numpy(),
        "no attributes": (cards.attributes == "").to_numpy(),
        "no shop": (cards.shop == "").to_numpy(),
        "Latin title": cards.title.str.contains("[a-zA-Z]").to_numpy()
        & ~cards.title.str.contains("[а-яёА-ЯЁ]").to_numpy(),
    }
    everything = len(cards)
    return [
        {
            "name": name,
            "cards": int(flag.sum()),
            "accuracy": float(judged.right[flag].mean()),
            "rest": float(judged.right[~flag].mean()) if not flag.all() else None,
            "errors": float((~judged.right & flag).sum() / max(1, (~judged.right).sum())),
        }
        for name, flag in flags.items()
        if flag.sum() >= FEWEST and (flag.sum() < everything or name == "all cards")
    ]


def agreement_rows(ws: Workspace, judged: Judged, experiments: list[str]) -> list[dict[str, Any]]:
    """Cards by how many of the experiments' first choices are the submitted class, and how often that is right."""
    ids = judged.cards.product_id.to_numpy()
    choices = [Predictions.load(ws.run(name).oof).aligned(ids).classes[:, 0] for name in experiments]
    agreeing = sum((choice == judged.predicted).astype(int) for choice in choices)
    return [
        {"agree": int(n), "cards": int(here.sum()), "accuracy": float(judged.right[here].mean())}
        for n in range(len(experiments), -1, -1)
        if (here := agreeing == n).any()
    ]
