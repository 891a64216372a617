"""How well text finds its photo, and which cards count as the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from goods.cards.text import near_duplicate_key
from goods.models.joint.contrastive_network import contrastive_loss

RETRIEVED = (1, 5, 10)


def same_cards(cards: pd.DataFrame) -> np.ndarray:
    """int64 [n]: cards of one number have the same words in their titles; a card without any is on its own."""
    words = cards.title.map(near_duplicate_key)
    return pd.factorize(words.where(words != "", cards.product_id.astype(str)))[0]


def retrieval(vectors: np.ndarray, same: np.ndarray, scale: float = 1.0) -> dict[str, float]:
    """Of [n, 2d] text and image unit vectors: the contrastive loss, and the share of cards whose photo (text) is
    among the 1, 5, 10 nearest of its text (photo)."""
    width = vectors.shape[1] // 2
    text, image = vectors[:, :width], vectors[:, width:]
    numbers = torch.from_numpy(same)
    loss = contrastive_loss(torch.from_numpy(text), torch.from_numpy(image), torch.tensor(scale), numbers)
    found = {"loss": round(float(loss), 4)}
    for name, queries, answers in (("text→image", text, image), ("image→text", image, text)):
        order = np.argsort(-(queries @ answers.T), axis=1, kind="stable")[:, : max(RETRIEVED)]
        right = same[order] == same[:, None]
        found |= {f"{name} R@{k}": round(float(right[:, :k].any(1).mean()), 4) for k in RETRIEVED}
    return found
