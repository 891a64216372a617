"""Text and photo of a card in one space: two encoders whose vectors agree for a card and differ between cards
(CLIP, Radford et al. 2021, arXiv 2103.00020; with captions CoCa, `coca_network.py`), and a head over both.

The encoders learn without labels, from all cards, train and test; like-titled cards count as one (e-CLIP, Shin et al.
2022, arXiv 2207.00208). The head learns on a fold's train cards, over fixed vectors or tuning the encoders along.

writes: `context.cache`/pair-<hash>/ text/, image/, pair.safetensors, report.json; pair-<hash>.npz: vectors by the
hashes of text and photo
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError

from goods.cards.table import has_photo
from goods.core.artifacts import read_json, write_json
from goods.core.code import code_hash
from goods.core.done import begin, check_done, is_done, mark_done
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash
from goods.core.locks import one_at_a_time
from goods.core.wording import in_a_line
from goods.models.base import Context
from goods.models.image import backbone_weights
from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.joint.contrastive_head import JointHead, TunedTextImage
from goods.models.joint.contrastive_network import TextImageNetwork
from goods.models.joint.encoders import ENCODED, TextImageEncoders, weights_hash
from goods.models.joint.pretraining import train_encoders
from goods.models.joint.text_image import TextImageRows
from goods.models.network import Network
from goods.models.neural import NeuralModel
from goods.models.rowcache import VectorCache
from goods.models.rows import VectorRows

HEAD = frozenset({"tune", "hidden", "dropout", "trainer"})  # settings that the encoders do not depend on


class ContrastiveModel(NeuralModel):
    config: ContrastiveConfig
    predict_batch = ENCODED

    def __init__(self, config: ContrastiveConfig, context: Context) -> None:
        super().__init__(config, context)
        self.encoders = TextImageEncoders(config, context)
        self._weights_hash: str | None = None  # of the encoders, where they are on disk
        self._vectors: VectorCache | None = None

    @property
    def folder(self) -> Path | None:
        """Where the pretrained encoders are kept."""
        if self.context.cache is None:
            return None
        photo_weights = backbone_weights.weights_hash(self.config.image, self.context.seed)
        name = content_hash(self.config.described(HEAD), photo_weights, self.context.seed)
        return self.context.cache / f"pair-{name}"

    def warm(self, cards: pd.DataFrame) -> None:
        self.pretrain(cards)
        if not self.config.tune:
            self.vectors(cards, store=True)

    def pretrain(self, cards: pd.DataFrame, force: bool = False) -> dict[str, Any]:
        """Train the encoders on the cards that have a photo, unless the cache has them; the report says what they
        learned: loss and retrieval on the held-out cards before and after."""
        folder = self.folder
        key = content_hash(self.encoders.keys(cards), code_hash(__name__, *self.config.modules))
        with nullcontext() if folder is None else one_at_a_time(folder):
            return self._pretrain(cards, folder, key, force)

    def _pretrain(self, cards: pd.DataFrame, folder: Path | None, key: str, force: bool) -> dict[str, Any]:
        if folder is not None:
            if is_done(folder, key) and not force:
                return read_json(folder / "report.json")
            if force:
                begin(folder, "forced")  # from nothing, a checkpoint included
            begin(folder, key)
        report = train_encoders(self.encoders, cards, folder, key)
        if folder is not None:
            self.encoders.save(folder)
            self._weights_hash = weights_hash(folder)
            write_json(folder / "report.json", report)
            mark_done(folder, key)
        return report

    def untrained(self, cards: pd.DataFrame) -> ContrastiveModel:
        """The same encoders before their pretraining, kept nowhere: what training is measured against."""
        model = ContrastiveModel(self.config, self.context)
        model.encoders.build(cards, cards[has_photo(cards)])
        model._vectors = VectorCache(None)
        return model

    def pretrained(self) -> TextImageNetwork:
        """The network over both encoders, loaded where it is not yet; GoodsError where nobody trained it."""
        if self.encoders.net is None:
            folder = self.folder
            if folder is None:
                raise GoodsError(
                    "contrastive: pretrained encoders are in context.cache, and there is none; give one"
                )
            check_done(folder, "the encoders are not pretrained", "run scripts/pretrain.py first")
            try:
                self._load_encoders(folder)
            except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
                reason = in_a_line(error)
                raise GoodsError(f"{folder}: damaged ({reason}); delete it and run again") from None
        assert self.encoders.net is not None
        return self.encoders.net

    def _load_encoders(self, folder: Path) -> None:
        self.encoders.load(folder)
        self._weights_hash = weights_hash(folder)

    def vectors(self, cards: pd.DataFrame, store: bool = False) -> np.ndarray:
        """float32 [n, 2 · width]: text and image vectors, each of length 1; zeros where there is no photo."""
        self.pretrained()
        if self._vectors is None:
            path = None
            if self.context.cache is not None and self._weights_hash is not None:
                name = content_hash(self._weights_hash, code_hash(__name__, *self.config.modules))
                path = self.context.cache / f"pair-{name}.npz"
            self._vectors = VectorCache(path)
        keys = self.encoders.keys(cards)
        return self._vectors.get(keys, lambda rows: [self.encoders.embed(cards.iloc[rows])], store)

    def pretrained_vectors(self, cards: pd.DataFrame) -> np.ndarray:
        return self.vectors(cards)

    def prepare(self, train: pd.DataFrame) -> None:
        self.pretrained()

    def encode(self, cards: pd.DataFrame) -> TextImageRows | VectorRows:
        target = cards.target.to_numpy(np.int64)
        if not self.config.tune:
            return VectorRows(self.vectors(cards), target)
        self.pretrained()
        return self.encoders.rows(cards, target)

    def build(self, restore: bool = False) -> Network:
        n_classes = self.context.labels.n_classes
        if not self.config.tune:
            return JointHead(self.config.width, self.config, n_classes)
        net = self.pretrained()
        return TunedTextImage(net if restore else copy.deepcopy(net), self.config, n_classes)

    def save_parts(self, folder: Path) -> None:
        self.encoders.save(folder / "pair")  # the head is useless without them

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self._load_encoders(folder / "pair")
