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
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from goods.artifacts import (
    begin,
    code_hash,
    content_hash,
    file_hash,
    is_done,
    mark_done,
    read_json,
    write_json,
)
from goods.cards import TEXT_FIELDS, Labels, has_photo
from goods.config import SCRATCH, CaptionConfig, ContrastiveConfig, TrainerConfig, TransformerConfig
from goods.errors import GoodsError
from goods.images import FEWEST_PHOTOS
from goods.models import backbone, encoder
from goods.models.base import Context
from goods.models.coca import Captioner, CaptionNetwork
from goods.models.fusion import SIDES, PairRows, both_by_depth
from goods.models.image import ImageModel
from goods.models.neural import (
    Network,
    NeuralModel,
    VectorRows,
    hidden_layers,
    run_network,
    scratch_folder,
    threads,
)
from goods.models.registry import build, sources
from goods.models.rowcache import RowCache
from goods.models.tokens import UNIT, joined_texts, text_keys
from goods.text import near_duplicate_key

MOST_SCALE = 100.0  # of the similarities, as in CLIP
NO_LABELS = Labels([0, 1], [("a",), ("b",)], [("0",), ("1",)])  # the encoders are built without any
RETRIEVED = (1, 5, 10)
ENCODED = 128  # cards encoded at once


class ChunkedRows:
    """Batches in chunks of `chunk` cards, arrays named <chunk>.<side>.<name>, and which cards are the same."""

    lengths: np.ndarray | None = None  # cards of like length in a batch would be easier to tell apart

    def __init__(self, pairs: PairRows, same: np.ndarray, chunk: int) -> None:
        self.pairs, self.same, self.chunk, self.target = pairs, same, chunk, pairs.target

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        found = {"same": torch.from_numpy(self.same[rows])}
        for i, start in enumerate(range(0, len(rows), self.chunk)):
            part = self.pairs.batch(rows[start : start + self.chunk])
            found |= {f"{i}.{name}": value for name, value in part.items()}
        return found


def named_below(batch: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The arrays named <prefix>.<name>, by name."""
    return {name[len(prefix) + 1 :]: v for name, v in batch.items() if name.startswith(f"{prefix}.")}


def contrastive_loss(
    text: torch.Tensor, image: torch.Tensor, scale: torch.Tensor, same: torch.Tensor
) -> torch.Tensor:
    """Symmetric cross-entropy of [b, d] unit vectors; cards of one number in `same` [b] are each other's too."""
    similar = scale * text @ image.T
    goal = (same[:, None] == same[None, :]).to(similar.dtype)
    goal = goal / goal.sum(1, keepdim=True)
    return (F.cross_entropy(similar, goal) + F.cross_entropy(similar.T, goal)) / 2


class PairNetwork(Network):
    """Both encoders, their ways into the common space and the scale of similarities.

    A batch's cards are encoded chunk by chunk; a chunk's activations are computed again when its gradient is due, so
    that memory grows with the chunk and not with the batch (as gradient caching does: Gao et al. 2021,
    arXiv 2101.06983).
    """

    caption_weight = 0.0

    def __init__(self, nets: dict[str, Network], width: int, temperature: float) -> None:
        super().__init__()
        self.sides = nn.ModuleDict(nets)
        self.project = nn.ModuleDict(
            {side: nn.Linear(net.width, width, bias=False) for side, net in nets.items()}
        )
        self.log_scale = nn.Parameter(torch.tensor(1 / temperature).log())
        self.space = width

    @property
    def width(self) -> int:
        return 2 * self.space

    @property
    def scale(self) -> torch.Tensor:
        return self.log_scale.exp().clamp(max=MOST_SCALE)

    def pretrained(self) -> list[list[nn.Parameter]]:
        text, image = (self.sides[side].pretrained() for side in SIDES)  # type: ignore[operator]
        return both_by_depth(text, image)

    def vector(self, side: str, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, width], of length 1"""
        return F.normalize(self.project[side](self.sides[side].embed(batch)).float(), dim=1)  # type: ignore[operator]

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, 2 · width]: text, image; the image's part is zero where there is no photo."""
        text, image = (self.vector(side, named_below(batch, side)) for side in SIDES)
        return torch.cat([text, image * batch["image.has"][:, None]], 1)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        raise TypeError("a pair of encoders has no classes")

    def loss(self, batch: dict[str, torch.Tensor], config: TrainerConfig) -> torch.Tensor:
        chunks = len({name.partition(".")[0] for name in batch} - {"same", "target"})
        if chunks == 1:
            found = [self.look_at(named_below(batch, "0"))]
        else:
            found = [
                checkpoint(self.look_at, named_below(batch, str(i)), use_reentrant=False)
                for i in range(chunks)
            ]
        text, image = (torch.cat([part[j] for part in found]) for j in range(2))
        loss = contrastive_loss(text, image, self.scale, batch["same"])
        return loss + self.caption_weight * mean_caption_loss([part[2] for part in found])

    def look_at(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """text and image vectors [b, width]; the caption's summed loss and its tokens [2], zeros without captions"""
        text, image = (self.vector(side, named_below(batch, side)) for side in SIDES)
        return text, image, torch.zeros(2, device=text.device)


def mean_caption_loss(parts: list[torch.Tensor]) -> torch.Tensor:
    """Per token, of [2] sums and numbers of tokens."""
    summed, tokens = torch.stack(parts).sum(0)
    return summed / tokens.clamp_min(1)


class CocaNetwork(PairNetwork):
    """A pair whose text side predicts the text, too, looking at the photo."""

    def __init__(
        self, nets: dict[str, Network], width: int, temperature: float, config: CaptionConfig
    ) -> None:
        super().__init__(nets, width, temperature)
        text, image = nets["text"], nets["image"]
        assert isinstance(text, CaptionNetwork)
        self.caption = Captioner(config, image.states_width, text.table.num_embeddings)
        self.project["image"] = nn.Linear(config.width, width, bias=False)
        self.caption_weight = config.weight

    def vector(self, side: str, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        if side == "text":
            return super().vector(side, batch)
        return self._pooled(batch)[1]

    def _pooled(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        states, there = self.sides["image"].states(batch)  # type: ignore[operator]
        parts, one = self.caption.pool(states.float(), there)
        return parts, F.normalize(self.project["image"](one).float(), dim=1)

    def look_at(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        tokens = named_below(batch, "text")
        states, whole = self.sides["text"].read(tokens)  # type: ignore[operator]
        parts, image = self._pooled(named_below(batch, "image"))
        text = F.normalize(self.project["text"](whole).float(), dim=1)
        return text, image, self.caption.loss(states, tokens["tokens"], parts)

    def caption_loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, 2]: what `run_network` can ask of every batch; the same in each row but for the sum"""
        found = self.look_at(batch)[2]
        return (found / len(batch["rows"])).expand(len(batch["rows"]), 2)


class JointHead(Network):
    """Text, image and their product, [b, 3 · width] → hidden → logits."""

    def __init__(self, width: int, config: ContrastiveConfig, n_classes: int) -> None:
        super().__init__()
        self.space = width
        self.body = hidden_layers(3 * width, config.hidden, config.dropout)
        self.last = nn.Linear(config.hidden, n_classes)

    def joint(self, vectors: torch.Tensor) -> torch.Tensor:
        text, image = vectors[:, : self.space], vectors[:, self.space :]
        return self.body(torch.cat([text, image, text * image], 1))

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.joint(batch["vectors"])

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))


class TunedPair(JointHead):
    """The head with both encoders below it."""

    def __init__(self, pair: PairNetwork, config: ContrastiveConfig, n_classes: int) -> None:
        super().__init__(pair.space, config, n_classes)
        self.pair = pair

    def pretrained(self) -> list[list[nn.Parameter]]:
        layers = self.pair.pretrained()
        known = {id(p) for layer in layers for p in layer}
        rest = [p for p in self.pair.parameters() if id(p) not in known]
        return [rest, *layers]

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.joint(self.pair.embed(batch))


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
        model = build(getattr(self.config, side), context)
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
        known = content_hash(self.keys(cards), code_hash(*sources("contrastive")))
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
        from goods.models.loop import train_network  # lightning takes seconds to import

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
            known,
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
