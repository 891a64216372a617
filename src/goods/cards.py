"""The card table every competition is turned into, its labels and the category tree.

One row per product: product_id int64 · split train|test · title, description, attributes, shop str ·
sale bool · image str or null · target int32 (class index, -1 in test).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from goods.artifacts import Workspace, read_json, write_json
from goods.errors import GoodsError

TEXT_FIELDS = ("title", "description", "attributes", "shop")
COLUMNS = ("product_id", "split", *TEXT_FIELDS, "sale", "image", "target")


@dataclass(frozen=True)
class Labels:
    """Class index ↔ contest id ↔ path in the tree.

    `paths[c]` are the node names from below the root down to the leaf, `nodes[c]` their contest ids
    (or, where a tree comes from names, the path prefixes joined by "->").
    """

    ids: list[int]
    paths: list[tuple[str, ...]]
    nodes: list[tuple[str, ...]]

    @property
    def n_classes(self) -> int:
        return len(self.ids)

    @cached_property
    def node_index(self) -> dict[str, int]:
        return {node: i for i, node in enumerate(sorted({n for path in self.nodes for n in path}))}

    @cached_property
    def ancestors(self) -> list[np.ndarray]:
        """Per class, int indices of its ancestors and itself, root left out."""
        return [np.array([self.node_index[n] for n in path]) for path in self.nodes]

    def level(self, depth: int) -> np.ndarray:
        """int32 [C]: the node of each class at `depth` below the root (its leaf where it is shallower)."""
        return np.array([self.node_index[p[min(depth, len(p) - 1)]] for p in self.nodes], np.int32)

    def save(self, ws: Workspace) -> None:
        rows = [
            {"index": i, "id": id_, "path": list(path), "nodes": list(nodes)}
            for i, (id_, path, nodes) in enumerate(zip(self.ids, self.paths, self.nodes, strict=True))
        ]
        write_json(ws.labels, {"classes": rows})

    @staticmethod
    def load(ws: Workspace) -> Labels:
        rows = read_json(ws.labels)["classes"]
        return Labels(
            [r["id"] for r in rows], [tuple(r["path"]) for r in rows], [tuple(r["nodes"]) for r in rows]
        )


@dataclass
class Issues:
    """Input problems met on the way; written to issues.parquet."""

    rows: list[tuple[int, str, str, str]] = field(default_factory=list)

    def add(self, product_id: int, field_: str, problem: str, action: str) -> None:
        self.rows.append((int(product_id), field_, problem, action))

    def table(self) -> pd.DataFrame:
        table = pd.DataFrame(self.rows, columns=["product_id", "field", "problem", "action"])
        return table.astype({"product_id": "int64", "field": "str", "problem": "str", "action": "str"})


def validate(cards: pd.DataFrame, n_classes: int) -> None:
    """Raise unless `cards` keeps the contract of this module."""
    if tuple(cards.columns) != COLUMNS:
        raise GoodsError(f"card table has columns {list(cards.columns)}, expected {list(COLUMNS)}")
    if not cards.product_id.is_unique:
        twice = cards.product_id[cards.product_id.duplicated()].iloc[0]
        raise GoodsError(f"product id {twice} occurs twice in the card table")
    train = cards.split == "train"
    if not train.any() or train.all():
        raise GoodsError("the card table needs both train and test cards")
    if not cards.target[train].between(0, n_classes - 1).all() or (cards.target[~train] != -1).any():
        raise GoodsError("card targets are outside the label range")
    if cards[list(TEXT_FIELDS)].isna().any(axis=None):
        raise GoodsError("a text field of the card table is null")


def has_photo(cards: pd.DataFrame) -> np.ndarray:
    """bool [n]"""
    return np.array([isinstance(ref, str) for ref in cards.image], bool)


def load_rows(ws: Workspace) -> pd.DataFrame:
    """What is classified: the cards, or, in a matching competition, pairs of cards: product_id (the pair's number),
    split, variantid1, variantid2, category, target (1: the same product)."""
    return pd.read_parquet(ws.pairs) if ws.pairs.is_file() else load_cards(ws)


def load_cards(ws: Workspace) -> pd.DataFrame:
    if not ws.cards.is_file():
        raise GoodsError(f"{ws.cards}: missing; run scripts/prepare.py {ws.competition} first")
    return pd.read_parquet(ws.cards)
