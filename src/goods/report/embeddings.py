"""Embeddings of cards that probes compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, load_cards
from goods.config.experiment import ExperimentConfig
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.joint.contrastive_model import ContrastiveModel
from goods.models.text.navec import NavecConfig
from goods.stack.categories import word_vectors
from goods.train.pretraining import context_without_labels

TITLE, DESCRIPTION = ("title",), ("description",)


@dataclass(frozen=True)
class Embedding:
    """vectors float32 [n, d] of the train cards, zeros where a card has nothing to encode; `classes` float32 [C, d]
    where category names can be encoded into the same space."""

    name: str
    vectors: np.ndarray
    classes: np.ndarray | None = None


def only(cards: pd.DataFrame, fields: tuple[str, ...]) -> pd.DataFrame:
    """The cards with every other text field empty and no photo."""
    return cards.assign(image=None, **{name: "" for name in TEXT_FIELDS if name not in fields})


def named_cards(labels: Labels) -> pd.DataFrame:
    """A card per class with its category's name for a title and nothing else."""
    cards = pd.DataFrame(dict.fromkeys(TEXT_FIELDS, ""), index=range(labels.n_classes))
    names = [" ".join(dict.fromkeys(path[::-1])) for path in labels.paths]
    return cards.assign(product_id=range(labels.n_classes), title=names, image=None, target=np.int32(-1))


def embeddings(
    ws: Workspace, config: ExperimentConfig, cards: pd.DataFrame, labels: Labels
) -> list[Embedding]:
    """What an experiment's frozen encoders say of the cards: of text, title alone, description alone, photo, both."""
    model_config, name = config.model, config.name
    if isinstance(model_config, NavecConfig):
        classes = word_vectors(named_cards(labels).title.tolist())
        return [
            Embedding(f"{name} words: {field}", word_vectors(cards[field].tolist()), classes)
            for field in (*TITLE, *DESCRIPTION)
        ]
    context = context_without_labels(ws, config)
    names = named_cards(labels)
    if isinstance(model_config, ContrastiveConfig):
        return of_pair(name, ContrastiveModel(model_config, context), ws, cards, names)
    if not getattr(model_config, "frozen", False):
        raise GoodsError(
            f"experiment {name}: a probe takes frozen encoders: navec, contrastive, or transformer and image with "
            "frozen: true"
        )
    model = model_config.build(context)
    model.warm(load_cards(ws.whole))
    if model_config.family == "image":
        return [Embedding(name, model.pretrained_vectors(cards))]  # type: ignore[attr-defined]
    found: list[Embedding] = []
    classes = model.pretrained_vectors(names)  # type: ignore[attr-defined]
    for what, table in (
        ("text", cards),
        ("title", only(cards, TITLE)),
        ("description", only(cards, DESCRIPTION)),
    ):
        found.append(Embedding(f"{name}: {what}", model.pretrained_vectors(table), classes))  # type: ignore[attr-defined]
    return found


def of_pair(
    name: str, model: ContrastiveModel, ws: Workspace, cards: pd.DataFrame, names: pd.DataFrame
) -> list[Embedding]:
    """The encoders of a contrastive experiment as they are before its pretraining and after it."""
    found = []
    for state, side in (("untrained", model.untrained(load_cards(ws.whole))), ("", model)):
        if side is model:
            model.warm(load_cards(ws.whole))
        width = model.config.width
        both = side.vectors(cards)
        classes = side.vectors(names)[:, :width]
        label = f"{name} {state}".strip()
        found += [
            Embedding(f"{label}: text", both[:, :width], classes),
            Embedding(f"{label}: photo", both[:, width:], classes),
            Embedding(f"{label}: joined", both, np.concatenate([classes, classes], axis=1)),
        ]
        if side is model:
            for what, fields in (("title", TITLE), ("description", DESCRIPTION)):
                found.append(
                    Embedding(f"{label}: {what}", side.vectors(only(cards, fields))[:, :width], classes)
                )
    return found
