"""Errors worth a look, with photo, candidates and reasons: the surest, those among siblings, of rare classes."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from goods.cards.decoding import ImageProblem
from goods.cards.images import ImageStore
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.ids import plain_id
from goods.core.workspace import Workspace
from goods.prepare.prepared import data_folder
from goods.report.card_explaining import explain_cards
from goods.report.judged import Judged
from goods.report.reasons import Explained

SURE, SIBLINGS, RARE = "surest", "siblings", "rare class"
SHOWN = {SURE: 80, SIBLINGS: 60, RARE: 60}  # cards of each kind
FEW = 5  # train cards of a rare class
SIDE, QUALITY = 96, 70  # pixels of a thumbnail, JPEG quality
TITLE, TEXT = 160, 240  # characters
CANDIDATES, REASONS = 3, 3


def chosen_errors(judged: Judged) -> dict[int, str]:
    """Row → why it is shown: wrong answers, no row twice, the surest of each kind first."""
    wrong = np.flatnonzero(~judged.right)
    surest = wrong[np.argsort(-judged.oof.proba[wrong, 0], kind="stable")]
    depth = np.array([len(path) for path in judged.labels.nodes])[judged.target]
    kinds = {
        SURE: np.ones(len(judged.right), bool),
        SIBLINGS: (depth - judged.shared_depth == 1) & (depth > 0),
        RARE: judged.class_size[judged.target] <= FEW,
    }
    found: dict[int, str] = {}
    for kind, among in kinds.items():
        rows = [i for i in surest.tolist() if among[i] and i not in found]
        found |= dict.fromkeys(rows[: SHOWN[kind]], kind)
    return found


def gallery(
    ws: Workspace, competition: CompetitionConfig, judged: Judged, explained: bool
) -> list[dict[str, Any]]:
    """A dictionary per card. `explained`: the experiment is a stack, which has reasons."""
    rows = chosen_errors(judged)
    ids = judged.cards.product_id.iloc[list(rows)].tolist()
    reasons = explain_cards(ws, competition, judged.experiment, ids, CANDIDATES) if explained and ids else {}
    store = ImageStore(data_folder(ws))
    return [shown(judged, i, kind, store, reasons) for i, kind in rows.items()]


def shown(
    judged: Judged, i: int, kind: str, store: ImageStore, reasons: dict[Any, list[Explained]]
) -> dict[str, Any]:
    card = judged.cards.iloc[i]
    candidates = reasons.get(plain_id(card.product_id), [])
    return {
        "id": card.product_id,
        "kind": kind,
        "title": card.title[:TITLE],
        "text": " · ".join(t for t in (card.attributes[:TEXT], card.description[:TEXT], card["shop"]) if t),
        "photo": thumbnail(store, card.image),
        "true": judged.names[judged.target[i]],
        "predicted": judged.names[judged.predicted[i]],
        "confidence": float(judged.oof.proba[i, 0]),
        "candidates": [
            (judged.names[c], float(p))
            for c, p in zip(judged.oof.classes[i, :CANDIDATES], judged.oof.proba[i, :CANDIDATES], strict=True)
        ],
        "reasons": contrast(candidates, judged.names[judged.predicted[i]], judged.names[judged.target[i]]),
    }


def contrast(candidates: list[Explained], predicted: str, true: str) -> list[tuple[str, float]]:
    """What spoke most for the submitted class against the true one: (feature, difference of what it adds). Against
    nothing where the true class is not among the first candidates."""
    added = {c.category: {r.feature: r.contribution for r in c.reasons} for c in candidates}
    ours, theirs = added.get(predicted, {}), added.get(true, {})
    differences = {name: value - theirs.get(name, 0.0) for name, value in ours.items()}
    return sorted(differences.items(), key=lambda item: -item[1])[:REASONS]


def thumbnail(store: ImageStore, ref: object) -> str | None:
    """A small JPEG, base64; None without a photo that can be read."""
    if not isinstance(ref, str):
        return None
    try:
        image = store.open(ref, SIDE)
    except (ImageProblem, GoodsError):
        return None
    image.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=QUALITY)
    return base64.b64encode(stream.getvalue()).decode()
