"""All features of pairs, by group; nothing depends on the order of the two products or on any label.

writes: `cache`/pairs-<hash>.npz: the features of every pair of a competition
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from goods.core.artifacts import cached_npz, write_npz
from goods.core.code import code_hash
from goods.core.hashing import content_hash
from goods.matching.alignment import Alignment
from goods.matching.attributes import (
    Attributes,
    Characteristics,
    Levels,
    brands_of,
    colour_features,
    models_of,
    price_features,
    read_characteristics,
)
from goods.matching.blocking import BlockingConfig, block
from goods.matching.codes import Codes
from goods.matching.embeddings import embedding_features
from goods.matching.feature_groups import PairFeatures
from goods.matching.fields import Fields
from goods.matching.graph import CandidateGraph
from goods.matching.names import Names, normal, tfidf, tfidf_features
from goods.matching.products import Products
from goods.matching.sets import Columns, Sets, row_dot

GROUPS: tuple[PairFeatures, ...] = get_args(PairFeatures)
LIKE = 15  # nearest products by name among what "catalogue" compares a pair with


class PairFeatureMaker:
    """Features of any pairs of the same products; what is of single products is computed once."""

    def __init__(self, products: Products, groups: tuple[str, ...] = GROUPS, threads: int = 1) -> None:
        self.products, self.groups, self.threads = products, groups, threads
        self.last: tuple[str, pd.DataFrame] | None = None

    def __call__(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """float32 [n, features] in the order of `pairs`; all missing where a product is unknown. The last answer is
        kept: every fold's model asks for the same."""
        asked = content_hash(pairs.variantid1.to_numpy(), pairs.variantid2.to_numpy())
        if self.last is None or self.last[0] != asked:
            self.last = asked, self._table(pairs)
        return self.last[1]

    def _table(self, pairs: pd.DataFrame) -> pd.DataFrame:
        left, right = self.products.ends(pairs)
        known = np.flatnonzero((left >= 0) & (right >= 0))
        columns = self.columns(left[known], right[known])
        table = np.full((len(pairs), len(columns)), np.nan, np.float32)
        for i, values in enumerate(columns.values()):
            table[known, i] = values
        return pd.DataFrame(table, columns=list(columns))

    def columns(self, left: np.ndarray, right: np.ndarray) -> Columns:
        """Of rows of cards int64 [n] that are all known."""
        cards, columns = self.products.cards, dict[str, np.ndarray]()
        if "strings" in self.groups:
            columns |= self.words.features(left, right, self.threads)
        if "tfidf" in self.groups:
            columns |= tfidf_features(self.tfidf, left, right)
        if "fields" in self.groups:
            columns |= self.codes.features(left, right) | self.fields.features(left, right)
        if "alignment" in self.groups:
            columns |= self.alignment.features(left, right)
        if "attributes" in self.groups and any(self.characteristics):
            columns |= self.attributes.features(left, right, self.threads)
        if "colours" in self.groups and (cards.colours != "[]").any():
            columns |= colour_features(self.colours, left, right)
        if "categories" in self.groups and self.levels.known:
            columns |= self.levels.features(left, right)
        if "pictures" in self.groups:
            columns |= embedding_features(self.products, left, right)
        if "price" in self.groups and cards.price.notna().any():
            columns |= price_features(cards.price.to_numpy(np.float64), left, right)
        if "graph" in self.groups:
            columns |= self.asked.features(left, right, self._likeness("chars", left, right))
        if "catalogue" in self.groups:
            for kind, graph in self.catalogue.items():
                found = graph.features(left, right, self._likeness(kind, left, right))
                columns |= {f"{kind}_catalogue_{name}": column for name, column in found.items()}
        return columns

    @cached_property
    def names(self) -> list[str]:
        return [normal(title) for title in self.products.cards.title]

    @cached_property
    def words(self) -> Names:
        return Names(self.names, brands_of(self.characteristics))

    @cached_property
    def said(self) -> list[str]:
        """Name and attributes of each product."""
        values = (" ; ".join(", ".join(v) for v in row.values()) for row in self.characteristics)
        return [
            f"{name} ; {normal(text)}" if text else name
            for name, text in zip(self.names, values, strict=True)
        ]

    @cached_property
    def codes(self) -> Codes:
        return Codes(self.said, models_of(self.characteristics))

    @cached_property
    def fields(self) -> Fields:
        return Fields(self.said)

    @cached_property
    def alignment(self) -> Alignment:
        return Alignment(self.names, self.words.sets["words"])

    @cached_property
    def tfidf(self) -> dict[str, csr_matrix]:
        return tfidf(self.names)

    @cached_property
    def characteristics(self) -> Characteristics:
        return read_characteristics(self.products.cards)

    @cached_property
    def attributes(self) -> Attributes:
        return Attributes(self.characteristics)

    @cached_property
    def colours(self) -> Sets:
        return Sets.of([json.loads(text) for text in self.products.cards.colours])

    @cached_property
    def levels(self) -> Levels:
        return Levels(self.products.cards)

    @cached_property
    def asked(self) -> CandidateGraph:
        """All pairs that are asked about."""
        return self._graph(self.products.candidates, "chars")

    @cached_property
    def catalogue(self) -> dict[str, CandidateGraph]:
        """The pairs of the whole catalogue that blocking finds worth comparing; with the group "graph" also those that
        are asked about."""
        config = BlockingConfig(neighbours=LIKE, threads=self.threads)
        found = block(self.products.cards[["product_id", "title"]], config)
        like = np.stack([found.left, found.right], 1).astype(np.int64)
        candidates = [self.products.candidates, like] if "graph" in self.groups else [like]
        return {kind: self._graph(np.concatenate(candidates), kind) for kind in self.tfidf}

    def _graph(self, candidates: np.ndarray, kind: str) -> CandidateGraph:
        asked = np.maximum(candidates, 0)  # what is said of an unknown product is not read
        return CandidateGraph.of(candidates, self._likeness(kind, *asked.T), len(self.products.cards))

    def _likeness(self, kind: str, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return row_dot(self.tfidf[kind], self.tfidf[kind], left, right)


def cached_features(
    products: Products,
    pairs: pd.DataFrame,
    groups: tuple[str, ...],
    threads: int,
    cache: Path | None,
    store: bool = False,
) -> pd.DataFrame:
    """Features, kept below `cache` by pair number once `store` has been asked for with all pairs; read from there once
    for all blocks of a process."""
    path = None
    if cache is not None:
        path = cache / f"pairs-{content_hash(products.key, groups, code_hash(__name__))}.npz"
        known = products.kept.tables.get(path) or read_features(path)
        if known is not None:
            products.kept.tables[path] = known
            rows = known[0].get_indexer(pd.Index(pairs.product_id))
            if (rows >= 0).all():
                return known[1].iloc[rows].reset_index(drop=True)
    maker = products.kept.makers.setdefault(groups, PairFeatureMaker(products, groups, threads))
    table = maker(pairs)
    if store and path is not None:
        ids = pairs.product_id.to_numpy(np.int64)
        names = np.array(table.columns, dtype=np.str_)
        write_npz(path, product_id=ids, values=table.to_numpy(np.float32), names=names)
    return table


def read_features(path: Path) -> tuple[pd.Index, pd.DataFrame] | None:
    """Pair numbers and features as `cached_features` wrote them; None where they are missing or damaged."""
    arrays = cached_npz(path, "product_id", "values", "names")
    if arrays is None:
        return None
    return pd.Index(arrays["product_id"]), pd.DataFrame(arrays["values"], columns=arrays["names"].tolist())
