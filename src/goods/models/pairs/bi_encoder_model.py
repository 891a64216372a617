"""A vector per product; trained so that matches have near ones, against the other products of a batch and labelled
non-matches (hard negatives; Reimers and Gurevych 2019, arXiv 1908.10084). Its cosine becomes a probability by a line.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional as F

from goods.cards.labels import Labels
from goods.cards.ragged import Ragged
from goods.config.trainer import TrainerConfig
from goods.core.artifacts import read_json, write_json
from goods.core.calibration import to_proba, two_classes
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash
from goods.matching.groups import components
from goods.matching.names import normal
from goods.matching.neighbours import cosines, unit
from goods.models.base import Context
from goods.models.network import Network, freeze_below, masked_mean
from goods.models.pairs.bi_encoder import BiEncoderConfig
from goods.models.pairs.pair_encoder import PairEncoder
from goods.models.rows import padded_batch
from goods.models.text.encoder import encoder_layers
from goods.models.text.transformer import TransformerConfig
from goods.models.text.transformer_model import TransformerModel

MOST_SCALE = 100.0  # of cosines


class SideRows:
    """Tokens of both products of each pair, and of a labelled non-match of the left one where there is any (else −1).

    `same` int [products]: equal for products known to be the same; the batch has it of the right one and the non-match.
    """

    def __init__(
        self, tokens: Ragged, pad: int, sides: dict[str, np.ndarray], target: np.ndarray, same: np.ndarray
    ) -> None:
        self.tokens, self.pad, self.sides, self.target, self.same = tokens, pad, sides, target, same
        self.lengths: np.ndarray | None = sum(tokens.lengths[np.maximum(r, 0)] for r in sides.values())

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = {}
        for side, numbers in self.sides.items():
            taken = padded_batch(self.tokens.take(np.maximum(numbers[rows], 0)), self.pad)
            found |= {f"{side}.{name}": value for name, value in taken.items()}
            known = numbers[rows] >= 0
            found[f"{side}.same"] = torch.from_numpy(np.where(known, self.same[numbers[rows]], -1))
        return found


class SideNetwork(Network):
    """tokens of two products → logits [b, 2] = (0, scale · cosine + shift); trained with `loss` on matches."""

    def __init__(self, encoder: nn.Module, pretrained: bool, config: BiEncoderConfig) -> None:
        super().__init__()
        if pretrained:
            freeze_below(encoder_layers(encoder), config.train_layers)
        self.encoder, self.is_pretrained = encoder, pretrained
        self.log_scale = nn.Parameter(torch.tensor(1 / config.temperature).log())
        self.line = nn.Parameter(torch.tensor([10.0, -8.0]))

    @property
    def width(self) -> int:
        return int(self.encoder.config.hidden_size)  # type: ignore[union-attr,arg-type]

    def pretrained(self) -> list[list[nn.Parameter]]:
        return encoder_layers(self.encoder) if self.is_pretrained else []

    def vector(self, batch: dict[str, torch.Tensor], side: str) -> torch.Tensor:
        """float [b, d] of length 1"""
        mask = batch[f"{side}.mask"]
        states = self.encoder(input_ids=batch[f"{side}.tokens"], attention_mask=mask.long()).last_hidden_state
        return F.normalize(masked_mean(states, mask).float(), dim=1)

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.vector(batch, "left")

    def logits(self, cosine: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.zeros_like(cosine), self.line[0] * cosine + self.line[1]], 1)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.logits((self.vector(batch, "left") * self.vector(batch, "right")).sum(1))

    def loss(self, batch: dict[str, torch.Tensor], config: TrainerConfig) -> torch.Tensor:
        left, right, wrong = (self.vector(batch, side) for side in ("left", "right", "wrong"))
        there = batch["wrong.same"] >= 0
        others = torch.cat([right, wrong[there]])
        same = torch.cat([batch["right.same"], batch["wrong.same"][there]])
        similar = self.log_scale.exp().clamp(max=MOST_SCALE) * left @ others.T
        # the same product elsewhere in the batch, itself included, is no non-match
        own = torch.arange(len(left), device=left.device)
        again = same[None, :] == batch["right.same"][:, None]
        again[own, own] = False
        contrast = F.cross_entropy(similar.masked_fill(again, float("-inf")), own)
        cosine = torch.cat([(left * right).sum(1), (left * wrong).sum(1)[there]])
        matches = torch.cat([torch.ones_like(own), torch.zeros_like(own)[there]])
        # the line is fitted beside the encoder, not through it
        return contrast + F.cross_entropy(self.logits(cosine.detach()), matches)


class BiEncoderModel(PairEncoder):
    """With `frozen` only the line from cosine to log-odds is fitted; vectors are computed once per set of products."""

    config: BiEncoderConfig

    def __init__(self, config: BiEncoderConfig, context: Context) -> None:
        super().__init__(config, context)
        self.line: list[float] = []
        if config.frozen and self._scratch:
            raise GoodsError("bi_encoder: frozen needs trained weights; give --text-weights DIR")

    def warm(self, cards: pd.DataFrame) -> None:
        if self.config.frozen:
            self.cosines(cards, store=True)

    def cosines(self, pairs: pd.DataFrame, store: bool = False) -> np.ndarray:
        """float32 [n] of the frozen encoder's vectors, 0 for a product that is not known."""
        left, right = self.products.ends(pairs)
        cosine = cosines(self.vectors(store), np.maximum(left, 0), np.maximum(right, 0))
        return np.where((left >= 0) & (right >= 0), cosine, 0).astype(np.float32)

    def vectors(self, store: bool) -> np.ndarray:
        """float32 [products, d] of length 1; computed once for all folds."""
        names = TransformerConfig.model_fields.keys() - {"family"}
        settings = {name: getattr(self.config, name) for name in names}
        key, kept = content_hash({k: str(v) for k, v in settings.items()}), self.products.kept.name_vectors
        if key not in kept:
            config = TransformerConfig(family="transformer", **settings)
            encoder = TransformerModel(config, replace(self.context, labels=Labels([0, 1], [], [])))
            cards = self.products.cards
            named = cards.assign(title=[normal(title) for title in cards.title])
            kept[key] = unit(encoder.vectors(named, store))
        return kept[key]

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        if not self.config.frozen:
            super().fit(train, valid)
            return
        known = train if valid is None else pd.concat([train, valid], ignore_index=True)
        if known.target.nunique() < 2:
            raise GoodsError("bi_encoder: fit needs pairs that match and pairs that do not; give both")
        fitted = LogisticRegression(C=1e3).fit(self.cosines(known)[:, None], known.target)
        self.line = [float(fitted.coef_[0, 0]), float(fitted.intercept_[0])]

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        if not self.config.frozen:
            found = super().predict(cards)
            unknown = ~self.products.known(cards)
            if unknown.any():  # as of a cosine of 0
                shift = self._fitted().line[1].detach().cpu().numpy()  # type: ignore[index,union-attr]
                found[unknown] = to_proba(np.array([[0.0, float(shift)]]), self.temperature)
            return found
        if not self.line:
            raise GoodsError("bi_encoder: fit or load the model first")
        return two_classes(expit(self.line[0] * self.cosines(cards) + self.line[1]))

    def save(self, folder: Path) -> None:
        if not self.config.frozen:
            super().save(folder)
            return
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "model.json", {"line": self.line})

    def load(self, folder: Path) -> None:
        if not self.config.frozen:
            super().load(folder)
            return
        self.line = read_json(folder / "model.json")["line"]

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        if self.config.frozen:
            self.fit(train, None)
        else:
            super().refit(train, folds)

    def encode(self, cards: pd.DataFrame) -> SideRows:
        left, right = self.products.ends(cards)
        return self._rows({"left": left, "right": right}, cards.target.to_numpy(np.int64))

    def _rows(
        self, sides: dict[str, np.ndarray], target: np.ndarray, same: np.ndarray | None = None
    ) -> SideRows:
        assert self.encoder is not None
        if self._tokens is None:
            start, separator = self.encoder.start, self.encoder.separator
            self._tokens = Ragged.of(
                [[start, *row, separator] for row in self.tokenize(self.texts(), self.room)]
            )
        same = np.arange(len(self.products.cards)) if same is None else same
        return SideRows(self._tokens, self.encoder.pad, sides, target, same)

    def encode_train(self, train: pd.DataFrame) -> SideRows:
        """Matches in both directions, each with a labelled non-match of its left product where there is one."""
        left, right = self.products.ends(train)
        target = train.target.to_numpy()
        match = target == 1
        one, other = np.concatenate([left[match], right[match]]), np.concatenate([right[match], left[match]])
        wrong = np.full(len(one), -1, np.int64)
        first = np.concatenate([left[~match], right[~match]])
        second = np.concatenate([right[~match], left[~match]])
        rng = np.random.default_rng(self.context.seed)
        order = rng.permutation(len(first))
        drawn = dict(zip(first[order].tolist(), second[order].tolist(), strict=True))
        for i, product in enumerate(one.tolist()):
            wrong[i] = drawn.get(product, -1)
        same = components(left[match], right[match], len(self.products.cards)).astype(np.int64)
        return self._rows({"left": one, "right": other, "wrong": wrong}, np.ones(len(one), np.int64), same)

    def build(self, restore: bool = False) -> Network:
        assert self.encoder is not None
        net = self.encoder.net if restore else copy.deepcopy(self.encoder.net)
        return SideNetwork(net, not self._scratch, self.config)
