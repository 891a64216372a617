"""Text and photo of a card in one space: two encoders whose vectors agree for a card and differ between cards
(CLIP, Radford et al. 2021, arXiv 2103.00020; with captions CoCa, `coca.py`), and a head over both.

The encoders learn without labels, from all cards, train and test; like-titled cards count as one (e-CLIP, Shin et al.
2022, arXiv 2207.00208). The head learns on a fold's train cards, over fixed vectors or tuning the encoders along.

writes: `context.cache`/pair-<hash>/ text/, image/, pair.safetensors, report.json; pair-<hash>.npz: vectors by the
hashes of text and photo
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from goods.cards.images import FEWEST_PHOTOS
from goods.cards.labels import Labels
from goods.cards.table import TEXT_FIELDS, has_photo
from goods.cards.tokens import UNIT, joined_texts, text_keys
from goods.config.base import SCRATCH
from goods.core.artifacts import begin, is_done, mark_done, read_json, write_json
from goods.core.code import code_hash
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash, file_hash
from goods.models.base import Context
from goods.models.image import backbone
from goods.models.image.image_model import ImageModel
from goods.models.inference import run_network, scratch_folder, threads
from goods.models.joint.caption import CaptionConfig
from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.joint.contrastive_network import ChunkedRows, CocaNetwork, JointHead, PairNetwork, TunedPair
from goods.models.joint.fusion_network import SIDES, PairRows
from goods.models.joint.retrieval import retrieval, same_cards
from goods.models.network import Network
from goods.models.neural import NeuralModel
from goods.models.rowcache import RowCache
from goods.models.rows import VectorRows
from goods.models.text import encoder
from goods.models.text.transformer import TransformerConfig

NO_LABELS = Labels([0, 1], [("a",), ("b",)], [("0",), ("1",)])  # the encoders are built without any

ENCODED = 128  # cards encoded at once


class ContrastiveModel(NeuralModel):
    config: ContrastiveConfig
    predict_batch = ENCODED

    def __init__(self, config: ContrastiveConfig, context: Context) -> None:
        super().__init__(config, context)
        self.models: dict[str, NeuralModel] = {}
        self.pair: PairNetwork | None = None
        self._pair_key: str | None = None  # of the weights, where they are on disk
        self._vectors: RowCache | None = None

    # the pair of encoders

    @property
    def folder(self) -> Path | None:
        """Where the pretrained encoders are kept."""
        if self.context.cache is None:
            return None
        described = self.config.model_dump(mode="json", exclude={"tune", "hidden", "dropout", "trainer"})
        weights = {name: self._weights(name) for name in SIDES}
        return self.context.cache / f"pair-{content_hash(described, weights, self.context.seed)}"

    def _weights(self, side: str) -> str | None:
        """What a side starts from, where it is a local file: its hash, not its name, tells it apart."""
        if side == "image":
            return backbone.weights_key(self.config.image, self.context.seed)
        text = self.config.text
        if not isinstance(text, TransformerConfig) or text.weights == SCRATCH:
            return None
        return encoder.weights_key(text.weights)

    def _side(self, side: str) -> NeuralModel:
        context = replace(self.context, labels=NO_LABELS, scratch=None)
        model = getattr(self.config, side).build(context)
        assert isinstance(model, NeuralModel)
        return model

    def keys(self, cards: pd.DataFrame) -> np.ndarray:
        """uint64 [n] hash of what the encoders see of a card."""
        photos, has = np.zeros(len(cards), np.uint64), has_photo(cards)
        if has.any():
            image = self.models.get("image") or self._side("image")
            assert isinstance(image, ImageModel)
            photos[has] = image._keys(list(cards.image[has]))
        texts = joined_texts(cards, TEXT_FIELDS)
        return text_keys([f"{text}{UNIT}{photo}" for text, photo in zip(texts, photos.tolist(), strict=True)])

    def warm(self, cards: pd.DataFrame) -> None:
        self.pretrain(cards)
        if not self.config.tune:
            self.vectors(cards, store=True)

    def pretrain(self, cards: pd.DataFrame, force: bool = False) -> dict[str, Any]:
        """Train the pair on the cards that have a photo, unless the cache has it; the report says what it learned:
        loss and retrieval on the held-out cards before and after."""
        folder = self.folder
        known = content_hash(self.keys(cards), code_hash(__name__))
        if folder is not None and is_done(folder, known) and not force:
            return read_json(folder / "report.json")
        if folder is not None and force:
            begin(folder, "forced")  # from nothing, a checkpoint included
        if folder is not None:
            begin(folder, known)
        seen = cards[has_photo(cards)].reset_index(drop=True)
        if len(seen) < FEWEST_PHOTOS:
            raise GoodsError(
                "contrastive: too few cards have a photo to learn from; leave this experiment out"
            )
        held = np.random.default_rng(self.context.seed).random(len(seen)) < self.config.holdout
        held[:2], held[2:4] = False, True  # neither side is ever empty
        with threads(self.context), scratch_folder(replace(self.context, scratch=folder)) as scratch:
            self._begin(cards, seen[~held])
            report = self._train(seen, held, known, scratch)
        if folder is not None:
            self._save_pair(folder)
            self._pair_key = pair_key(folder)
            write_json(folder / "report.json", report)
            mark_done(folder, known)
        return report

    def untrained(self, cards: pd.DataFrame) -> ContrastiveModel:
        """The same pair before its pretraining, kept nowhere: what training is measured against."""
        model = ContrastiveModel(self.config, self.context)
        model._begin(cards, cards[has_photo(cards)])
        model._vectors = RowCache(None)
        return model

    def _begin(self, cards: pd.DataFrame, seen: pd.DataFrame) -> None:
        """A new pair: caches filled for all `cards`, vocabularies and the like from those `seen` in training."""
        for side in SIDES:
            self.models[side] = self._side(side)
            self.models[side].warm(cards)
        torch.manual_seed(self.context.seed)
        for model in self.models.values():
            model.prepare(seen)
        torch.manual_seed(self.context.seed)
        self.pair = self._network({side: model.build() for side, model in self.models.items()})
        for side, model in self.models.items():
            model.net = self.pair.sides[side]  # type: ignore[assignment]

    def _train(self, seen: pd.DataFrame, held: np.ndarray, known: str, scratch: Path) -> dict[str, Any]:
        # lightning takes seconds to import
        from goods.models.loop import train_network
        from goods.models.training import Training

        assert self.pair is not None
        same = same_cards(seen)
        rows = self._rows(seen[~held])
        before = self.retrieval(seen[held], same[held])
        train_network(
            self.pair,
            ChunkedRows(rows, same[~held], self.config.chunk),
            None,
            self.config.pretrain,
            self.context,
            scratch,
            Training(known, "contrastive", "model.pretrain"),
        )
        self.pair.eval()
        return {
            "cards": int((~held).sum()),
            "held_out": int(held.sum()),
            "temperature": round(1 / float(self.pair.scale.detach()), 5),
            "before": before,
            "after": self.retrieval(seen[held], same[held]),
        }

    def _network(self, nets: dict[str, Network]) -> PairNetwork:
        config = self.config
        if isinstance(config.text, CaptionConfig):
            return CocaNetwork(nets, config.width, config.temperature, config.text)
        return PairNetwork(nets, config.width, config.temperature)

    def _rows(self, cards: pd.DataFrame) -> PairRows:
        target = np.zeros(len(cards), np.int64)
        return PairRows({side: self.models[side].encode(cards) for side in SIDES}, target)

    def retrieval(self, cards: pd.DataFrame, same: np.ndarray) -> dict[str, float]:
        """Loss, and recall at 1, 5 and 10 in both directions, among `cards`; a like-titled card counts as found.
        With captions their loss per token, too."""
        assert self.pair is not None
        rows = self._rows(cards)
        vectors = run_network(self.pair, rows, self.context, ENCODED, "embed")
        found = retrieval(vectors, same, float(self.pair.scale.detach()))
        if isinstance(self.pair, CocaNetwork):
            summed, tokens = run_network(self.pair, rows, self.context, ENCODED, "caption_loss").sum(0)
            found["caption loss per token"] = round(float(summed / tokens), 4)
        return found

    def _save_pair(self, folder: Path) -> None:
        assert self.pair is not None
        for side in SIDES:
            self.models[side].save(folder / side)
        state = {
            k: v.detach().cpu().contiguous()
            for k, v in self.pair.state_dict().items()
            if not k.startswith("sides.")
        }
        save_file(state, folder / "pair.safetensors")

    def _load_pair(self, folder: Path) -> None:
        for side in SIDES:
            self.models[side] = self._side(side)
            self.models[side].load(folder / side)
        self.pair = self._network({side: self.models[side]._fitted() for side in SIDES})
        state = load_file(folder / "pair.safetensors")
        left = self.pair.load_state_dict(state, strict=False)
        if left.unexpected_keys or any(not k.startswith("sides.") for k in left.missing_keys):
            raise ValueError("pair.safetensors does not fit")
        self.pair.eval()
        self._pair_key = pair_key(folder)

    def pretrained(self) -> PairNetwork:
        if self.pair is None:
            folder = self.folder
            if folder is None or not (folder / "DONE").is_file():
                raise GoodsError(
                    "contrastive: the encoders are not pretrained; run scripts/pretrain.py first"
                )
            try:
                self._load_pair(folder)
            except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
                reason = " ".join(str(error).split())[:200]
                raise GoodsError(f"{folder}: damaged ({reason}); delete it and run again") from None
        assert self.pair is not None
        return self.pair

    def vectors(self, cards: pd.DataFrame, store: bool = False) -> np.ndarray:
        """float32 [n, 2 · width]: text and image vectors, each of length 1; zeros where there is no photo."""
        self.pretrained()
        if self._vectors is None:
            cache, key = self.context.cache, self._pair_key
            self._vectors = RowCache(None if cache is None or key is None else cache / f"pair-{key}.npz")
        return self._vectors.get(self.keys(cards), lambda rows: self._compute(cards.iloc[rows]), store)

    def _compute(self, cards: pd.DataFrame) -> np.ndarray:
        pair = self.pretrained()
        return run_network(pair, self._rows(cards), self.context, ENCODED, "embed")

    def pretrained_vectors(self, cards: pd.DataFrame) -> np.ndarray:
        return self.vectors(cards)

    # the head

    def prepare(self, train: pd.DataFrame) -> None:
        self.pretrained()

    def encode(self, cards: pd.DataFrame) -> PairRows | VectorRows:
        target = cards.target.to_numpy(np.int64)
        if not self.config.tune:
            return VectorRows(self.vectors(cards), target)
        self.pretrained()
        return PairRows({side: self.models[side].encode(cards) for side in SIDES}, target)

    def build(self, restore: bool = False) -> Network:
        n_classes = self.context.labels.n_classes
        if not self.config.tune:
            return JointHead(self.config.width, self.config, n_classes)
        pair = self.pretrained()
        return TunedPair(pair if restore else copy.deepcopy(pair), self.config, n_classes)

    def save_parts(self, folder: Path) -> None:
        self._save_pair(folder / "pair")  # the head is useless without it

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self._load_pair(folder / "pair")


def pair_key(folder: Path) -> str:
    """What a saved pair's vectors depend on: its weights."""
    files = [folder / "pair.safetensors", *(folder / side / "network.safetensors" for side in SIDES)]
    return content_hash([file_hash(path) for path in files])
