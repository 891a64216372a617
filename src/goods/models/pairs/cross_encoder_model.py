"""A transformer that reads both products of a pair in one text: names, colours, differing attributes.

Both orders are averaged.
"""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import torch

from goods.cards.ragged import Ragged
from goods.core.calibration import to_proba
from goods.matching.attributes import Characteristics, differing, read_characteristics
from goods.models.base import Context
from goods.models.inference import run_network
from goods.models.network import Network
from goods.models.pairs.cross_encoder import CrossEncoderConfig
from goods.models.pairs.pair_encoder import PairEncoder
from goods.models.rows import padded_batch
from goods.models.text.encoder import Encoder
from goods.models.text.transformer_model import SAMPLE
from goods.models.text.transformer_network import TransformerNetwork


class JoinedRows:
    """[start] one [separator] other [separator] of each pair; `swapped` bool [n]: the right product comes first."""

    def __init__(
        self, left: Ragged, right: Ragged, encoder: Encoder, target: np.ndarray, swapped: np.ndarray
    ) -> None:
        self.left, self.right, self.target, self.swapped = left, right, target, swapped
        self.start, self.separator, self.pad = encoder.start, encoder.separator, encoder.pad
        self.lengths: np.ndarray | None = left.lengths + right.lengths

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        joined = []
        for row in rows:
            sides = [
                side.values[side.offsets[row] : side.offsets[row + 1]].tolist()
                for side in (self.left, self.right)
            ]
            one, other = reversed(sides) if self.swapped[row] else sides
            joined.append([self.start, *one, self.separator, *other, self.separator])
        return padded_batch(Ragged.of(joined), self.pad)


class CrossEncoderModel(PairEncoder):
    config: CrossEncoderConfig

    def __init__(self, config: CrossEncoderConfig, context: Context) -> None:
        super().__init__(config, context)
        self._characteristics: Characteristics | None = None
        self._sample: np.ndarray | None = None

    def encode(self, cards: pd.DataFrame) -> JoinedRows:
        """Which product comes first is drawn at random: the network must not learn from the order."""
        left, right = self.products.ends(cards)
        if self._tokens is None:
            self._tokens = Ragged.of(self.tokenize(self.texts(), self.room))
        if self._characteristics is None:
            self._characteristics = read_characteristics(self.products.cards)
        named = self._characteristics
        texts = [
            differing(named[i], named[j]) if min(i, j) >= 0 else ("", "")
            for i, j in zip(left.tolist(), right.tolist(), strict=True)
        ]
        half = (self.config.max_tokens - 3) // 2
        sides = []
        for side, rows in enumerate((left, right)):
            told = self.tokenize([both[side] for both in texts], half // 2)
            sides.append(
                Ragged.of([self._side(row, more, half) for row, more in zip(rows, told, strict=True)])
            )
        assert self.encoder is not None
        swapped = np.random.default_rng(self.context.seed).random(len(cards)) < 0.5
        return JoinedRows(sides[0], sides[1], self.encoder, cards.target.to_numpy(np.int64), swapped)

    def _side(self, product: int, differing: list[int], most: int) -> list[int]:
        """Tokens of a product's name and of the attributes that differ, at most `most`; none of an unknown product."""
        assert self._tokens is not None
        if product < 0:
            return []
        name = self._tokens.values[self._tokens.offsets[product] : self._tokens.offsets[product + 1]]
        return [*name[: most - len(differing)].tolist(), *differing]

    def build(self, restore: bool = False) -> Network:
        assert self.encoder is not None
        config, sample = self.config, None
        if not restore and not self._scratch:
            sample = self._sample
        net = self.encoder.net if restore else copy.deepcopy(self.encoder.net)
        return TransformerNetwork(net, 2, config.dropout, not self._scratch, config.train_layers, sample)

    def prepare(self, train: pd.DataFrame) -> None:
        super().prepare(train)
        if not self._scratch:
            assert self.encoder is not None
            net = TransformerNetwork(self.encoder.net, 2, 0.0, True)
            rows = np.random.default_rng(self.context.seed).permutation(len(train))[:SAMPLE]
            self._sample = run_network(net, self.encode(train.iloc[np.sort(rows)]), self.context, 64, "embed")
            net.cpu()

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        net = self._fitted()
        if cards.empty:
            return np.empty((0, 2), np.float32)
        rows, both = self.encode(cards), []
        for swapped in (False, True):
            rows.swapped = np.full(len(cards), swapped)
            logits = run_network(net, rows, self.context, self.predict_batch)
            both.append(to_proba(logits, self.temperature))
        return (both[0] + both[1]) / 2
