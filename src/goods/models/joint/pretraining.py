"""Encoders of text and photo trained together on all cards, without labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from goods.cards.images import FEWEST_PHOTOS
from goods.cards.table import has_photo
from goods.core.errors import GoodsError
from goods.models.inference import scratch_folder, threads
from goods.models.joint.contrastive_network import ChunkedRows
from goods.models.joint.encoders import TextImageEncoders
from goods.models.joint.retrieval import same_cards


def train_encoders(
    encoders: TextImageEncoders, cards: pd.DataFrame, folder: Path | None, key: str
) -> dict[str, Any]:
    """Build and train `encoders` on the `cards` that have a photo, resuming in `folder` what was begun under `key`.

    The report says what they learned: loss and retrieval on the held-out cards before and after.
    """
    # lightning takes seconds to import
    from goods.models.loop import train_network
    from goods.models.training import Training

    config, context = encoders.config, encoders.context
    seen = cards[has_photo(cards)].reset_index(drop=True)
    if len(seen) < FEWEST_PHOTOS:
        raise GoodsError("contrastive: too few cards have a photo to learn from; leave this experiment out")
    held = np.random.default_rng(context.seed).random(len(seen)) < config.holdout
    held[:2], held[2:4] = False, True  # neither side is ever empty
    same = same_cards(seen)
    with threads(context), scratch_folder(replace(context, scratch=folder)) as scratch:
        encoders.build(cards, seen[~held])
        assert encoders.net is not None
        rows = ChunkedRows(encoders.rows(seen[~held]), same[~held], config.chunk)
        before = encoders.retrieval(seen[held], same[held])
        training = Training(key, "contrastive", "model.pretrain")
        train_network(encoders.net, rows, None, config.pretrain, context, scratch, training)
        encoders.net.eval()
        return {
            "cards": int((~held).sum()),
            "held_out": int(held.sum()),
            "temperature": round(1 / float(encoders.net.scale.detach()), 5),
            "before": before,
            "after": encoders.retrieval(seen[held], same[held]),
        }
