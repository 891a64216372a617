"""Neighbours by cosine in the vectors of other experiments; their classes vote, weighted by similarity.

A card's vector joins its sources, each normalised and weighted, so that the dot product of two cards is the
weighted mean of their cosines. Exact search up to `exact_up_to` cards, inverted lists beyond; or a graph (HNSW, Malkov
and Yashunin 2018, arXiv 1603.09320).
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pandas as pd

from goods.core.artifacts import read_json, read_npz, write_json, write_npz
from goods.core.errors import GoodsError
from goods.core.wording import in_a_line
from goods.matching.index import Lists, build_index, one_thread, search
from goods.models.base import Context
from goods.models.joint.knn import KnnConfig, SourceConfig
from goods.models.neural import NeuralModel
from goods.models.upstream import check_upstream, upstream_keys, upstream_model

TEMPERATURES = tuple(float(t) for t in np.geomspace(0.005, 0.5, 16))

PRIORS = (0.001, 0.003, 0.01, 0.03)

LISTS = Lists(per_root=2, sample=20, passes=4)


def with_vector(vectors: np.ndarray) -> np.ndarray:
    """bool [n]: those that are not all zeros, which are as near to all as to none and would lie in one list."""
    return np.any(vectors != 0, axis=1)


class KnnModel:
    def __init__(self, config: KnnConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.index: Any = None
        self.target = self.known = np.empty(0, np.int64)  # classes of all cards; of those in the index
        self.temperature, self.prior_share = 0.05, 0.01
        self._sources: list[Any] = []

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing of its own: the experiments it builds on have filled their caches."""

    def vectors(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, d] joined vectors; a source without anything to encode leaves zeros."""
        if not self._sources:
            self._sources = [self._load(source) for source in self.config.sources]
        total = sum(source.weight for source in self.config.sources)
        parts = []
        for source, model in zip(self.config.sources, self._sources, strict=True):
            pretrained = source.layer == "pretrained"
            part = (model.pretrained_vectors if pretrained else model.embed)(cards).astype(np.float32)
            if isinstance(model, NeuralModel):
                part[~model.has_input(cards)] = 0  # what stands for a missing photo is no neighbourhood
            norm = np.linalg.norm(part, axis=1, keepdims=True)
            parts.append(part / np.maximum(norm, 1e-9) * np.sqrt(source.weight / total))
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def _load(self, source: SourceConfig) -> Any:
        model = upstream_model(self.context, source.experiment)
        if not hasattr(model, "embed" if source.layer == "trained" else "pretrained_vectors"):
            raise GoodsError(
                f"knn: experiment {source.experiment} has no {source.layer} vectors; name another "
                "experiment or layer"
            )
        return model

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        if train.empty:
            raise GoodsError("knn: fit needs at least one card; give some")
        vectors, self.target = self.vectors(train), train.target.to_numpy(np.int64)
        there = with_vector(vectors)
        self.index, self.known = self._index(vectors[there]), self.target[there]
        if valid is not None and len(valid):
            own, target = self.vectors(valid), valid.target.to_numpy(np.int64)
            self._calibrate(own, target)
            there = with_vector(own)
            self.target = np.concatenate([self.target, target])
            self.known = np.concatenate([self.known, target[there]])
            with one_thread():
                self.index.add(own[there])

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        """Index all of `train`; its vectors come from models that know every card, so none can calibrate: the
        folds' mean does."""
        chosen = [read_json(folder / "model.json") for folder in folds]
        self.fit(train, None)
        self.temperature, self.prior_share = (
            float(np.exp(np.mean([np.log(c[name]) for c in chosen])))
            for name in ("temperature", "prior_share")
        )

    def _index(self, vectors: np.ndarray) -> Any:
        config, n = self.config, len(vectors)
        if config.index == "hnsw":
            index: Any = faiss.IndexHNSWFlat(vectors.shape[1], config.links, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction = config.effort
            index.hnsw.efSearch = config.effort
            with one_thread():
                index.add(vectors)
            return index
        few = config.index == "auto" and n <= config.exact_up_to
        exact = config.index == "exact" or few or not n
        return build_index(vectors, np.arange(n), None if exact else LISTS, config.probes, self.context.seed)

    def neighbours(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(cosine float32 [n, k], class int64 [n, k]) of the nearest train cards that have a vector, nearest first; the
        cosine of those that were not found is -inf, but 0 the first of a card that has none."""
        k = min(self.config.neighbours, max(1, len(self.known)))
        similarity = np.full((len(vectors), k), -np.inf, np.float32)
        found = np.full((len(vectors), k), -1, np.int64)
        asked = np.flatnonzero(with_vector(vectors)) if len(self.known) else np.empty(0, np.int64)
        similarity[asked], found[asked] = search(self.index, vectors, asked, k, self.context.threads)
        # a graph and lists may find fewer than k: the others are -1
        similarity[found < 0] = -np.inf
        similarity[found[:, 0] < 0, 0] = 0
        return similarity, np.append(self.known, 0)[found]

    def _votes(self, similarity: np.ndarray, temperature: float) -> np.ndarray:
        """float [n, k] softmax of the similarities; none where a card has no vector."""
        weight = np.exp((similarity - similarity[:, :1]) / temperature)
        weight /= weight.sum(1, keepdims=True)
        return weight * (similarity[:, :1] != 0)

    def _calibrate(self, vectors: np.ndarray, target: np.ndarray) -> None:
        """Temperature and prior share with the least negative log-likelihood on the inner split."""
        similarity, classes = self.neighbours(vectors)
        prior = self._prior()[target]

        def loss(setting: tuple[float, float]) -> float:
            temperature, share = setting
            own = (self._votes(similarity, temperature) * (classes == target[:, None])).sum(1)
            return -float(np.log((1 - share) * own + share * prior).mean())

        self.temperature, self.prior_share = min(product(TEMPERATURES, PRIORS), key=loss)

    def _prior(self) -> np.ndarray:
        """float [C] share of each class among train cards, one card added to each."""
        counts = np.bincount(self.target, minlength=self.context.labels.n_classes) + 1.0
        return counts / counts.sum()

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        n, n_classes = len(cards), self.context.labels.n_classes
        if not n:
            return np.empty((0, n_classes), np.float32)
        if self.index is None:
            raise GoodsError("knn: fit or load the model first")
        similarity, classes = self.neighbours(self.vectors(cards))
        votes = np.zeros((n, n_classes), np.float32)
        rows = np.broadcast_to(np.arange(n)[:, None], classes.shape)
        np.add.at(votes, (rows, classes), self._votes(similarity, self.temperature))
        proba = (1 - self.prior_share) * votes + self.prior_share * self._prior().astype(np.float32)
        return (proba / proba.sum(1, keepdims=True)).astype(np.float32)

    def embed(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, d]: what neighbours are looked for in."""
        return self.vectors(cards)

    def save(self, folder: Path) -> None:
        faiss.write_index(self.index, str(folder / "index.faiss"))
        write_npz(folder / "target.npz", target=self.target, known=self.known)
        settings = {
            "temperature": self.temperature,
            "prior_share": self.prior_share,
            "upstream": upstream_keys(self.context),
        }
        write_json(folder / "model.json", settings)

    def load(self, folder: Path) -> None:
        settings = read_json(folder / "model.json")
        check_upstream(self.context, folder, settings["upstream"])
        try:
            self.index = faiss.read_index(str(folder / "index.faiss"))
        except RuntimeError as error:
            reason = in_a_line(error)
            raise GoodsError(f"{folder}: missing or damaged model files ({reason}); train it again") from None
        arrays = read_npz(folder / "target.npz", "target", "known")
        self.target, self.known = arrays["target"], arrays["known"]
        self.temperature, self.prior_share = settings["temperature"], settings["prior_share"]
