"""The two encoders of a contrastive experiment: built, saved, and asked for the vectors of cards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, has_photo
from goods.cards.texthash import UNIT, joined_texts, text_keys
from goods.core.hashing import content_hash, file_hash
from goods.models.base import Context
from goods.models.image.image_model import photo_refs
from goods.models.image.photo_pixels import photo_keys
from goods.models.inference import run_network
from goods.models.joint.caption import CaptionConfig
from goods.models.joint.coca_network import CocaNetwork
from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.joint.contrastive_network import TextImageNetwork
from goods.models.joint.retrieval import retrieval
from goods.models.joint.text_image import SIDES, TextImageRows
from goods.models.network import Network, cpu_weights
from goods.models.neural import NeuralModel

NO_LABELS = Labels([0, 1], [("a",), ("b",)], [("0",), ("1",)])  # the encoders are built without any

ENCODED = 128  # cards encoded at once

WEIGHTS = "pair.safetensors"  # of what is between the encoders; theirs are in folders of their own


class TextImageEncoders:
    """`net` is over the networks of `models`, one for each side."""

    def __init__(self, config: ContrastiveConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.models: dict[str, NeuralModel] = {}
        self.net: TextImageNetwork | None = None

    def side(self, name: str) -> NeuralModel:
        """A side's model before it has seen any card."""
        context = replace(self.context, labels=NO_LABELS, scratch=None)
        model = getattr(self.config, name).build(context)
        assert isinstance(model, NeuralModel)
        return model

    def build(self, cards: pd.DataFrame, seen: pd.DataFrame) -> None:
        """New ones: caches filled for all `cards`, vocabularies and the like from those `seen` in training."""
        for name in SIDES:
            self.models[name] = self.side(name)
            self.models[name].warm(cards)
        torch.manual_seed(self.context.seed)
        for model in self.models.values():
            model.prepare(seen)
        torch.manual_seed(self.context.seed)
        self.net = self.network({name: model.build() for name, model in self.models.items()})
        for name, model in self.models.items():
            model.net = self.net.sides[name]  # type: ignore[assignment]

    def network(self, nets: dict[str, Network]) -> TextImageNetwork:
        config = self.config
        if isinstance(config.text, CaptionConfig):
            return CocaNetwork(nets, config.width, config.temperature, config.text)
        return TextImageNetwork(nets, config.width, config.temperature)

    def keys(self, cards: pd.DataFrame) -> np.ndarray:
        """uint64 [n] hash of what the encoders see of a card."""
        photos, has = np.zeros(len(cards), np.uint64), has_photo(cards)
        if has.any():
            photos[has] = photo_keys(self.context, photo_refs(cards))
        texts = joined_texts(cards, TEXT_FIELDS)
        return text_keys([f"{text}{UNIT}{photo}" for text, photo in zip(texts, photos.tolist(), strict=True)])

    def rows(self, cards: pd.DataFrame, target: np.ndarray | None = None) -> TextImageRows:
        """Batches of both sides; `target` int64 [n] where they have one."""
        target = np.zeros(len(cards), np.int64) if target is None else target
        return TextImageRows({name: self.models[name].encode(cards) for name in SIDES}, target)

    def embed(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, 2 · width]: text and image vectors, each of length 1; zeros where there is no photo."""
        assert self.net is not None
        return run_network(self.net, self.rows(cards), self.context, ENCODED, "embed")

    def retrieval(self, cards: pd.DataFrame, same: np.ndarray) -> dict[str, float]:
        """Loss, and recall at 1, 5 and 10 in both directions, among `cards`; a like-titled card counts as found.
        With captions their loss per token, too."""
        assert self.net is not None
        found = retrieval(self.embed(cards), same, float(self.net.scale.detach()))
        if isinstance(self.net, CocaNetwork):
            rows = self.rows(cards)
            summed, tokens = run_network(self.net, rows, self.context, ENCODED, "caption_loss").sum(0)
            found["caption loss per token"] = round(float(summed / tokens), 4)
        return found

    def save(self, folder: Path) -> None:
        assert self.net is not None
        for name in SIDES:
            self.models[name].save(folder / name)
        weights = {k: v for k, v in cpu_weights(self.net).items() if not k.startswith("sides.")}
        save_file(weights, folder / WEIGHTS)

    def load(self, folder: Path) -> None:
        """What `save` wrote; OSError, ValueError, RuntimeError or SafetensorError where it is damaged."""
        for name in SIDES:
            self.models[name] = self.side(name)
            self.models[name].load(folder / name)
        self.net = self.network({name: self.models[name]._fitted() for name in SIDES})
        left = self.net.load_state_dict(load_file(folder / WEIGHTS), strict=False)
        if left.unexpected_keys or any(not k.startswith("sides.") for k in left.missing_keys):
            raise ValueError(f"{WEIGHTS} does not fit")
        self.net.eval()


def weights_hash(folder: Path) -> str:
    """Hash of the weights that `TextImageEncoders.save` wrote."""
    files = [folder / WEIGHTS, *(folder / name / "network.safetensors" for name in SIDES)]
    return content_hash([file_hash(path) for path in files])
