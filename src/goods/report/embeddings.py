"""Embeddings of cards that probes compare."""

from __future__ import annotations

import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import load_all_cards
from goods.config.experiment import ExperimentConfig
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.models.embedding import Embedding, Encoded, named_cards
from goods.train.pretraining import context_without_labels


def embeddings(
    ws: Workspace, config: ExperimentConfig, cards: pd.DataFrame, labels: Labels
) -> list[Embedding]:
    """What an experiment's frozen encoders say of the cards: of text, title alone, description alone, photo, both."""
    asked = Encoded(cards, named_cards(labels), load_all_cards(ws.whole))
    found = config.model.embeddings(config.name, context_without_labels(ws, config), asked)
    if not found:
        raise GoodsError(
            f"experiment {config.name}: a probe takes frozen encoders; name one of navec, contrastive, or of "
            "transformer and image with frozen: true"
        )
    return found
