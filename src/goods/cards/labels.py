"""Class index ↔ contest id ↔ path in the tree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from goods.core.artifacts import read_json, write_json
from goods.core.ids import Id
from goods.core.workspace import Workspace

Kind = Literal[
    "bool", "float64"
]  # of texts "true" and "0.5" that the contest's files have as flags and as floats


@dataclass(frozen=True)
class Labels:
    """Class index ↔ contest id (a whole number or a text, which stands for a flag or float as `kind` says) ↔ path in
    the tree.

    `paths[c]` are the node names from below the root down to the leaf, `nodes[c]` their contest ids
    (or, where a tree comes from names, the path prefixes joined by "->").
    """

    ids: list[Id]
    paths: list[tuple[str, ...]]
    nodes: list[tuple[str, ...]]
    kind: Kind | None = None

    @property
    def n_classes(self) -> int:
        return len(self.ids)

    @property
    def names(self) -> list[str]:
        """Of each class, the last of its path."""
        return [path[-1] for path in self.paths]

    @cached_property
    def written(self) -> pd.Series:
        """The contest's ids of the classes as its files have them: int64, text, bool or float64 [C]."""
        ids = pd.Series(self.ids, dtype=object)
        if self.kind == "bool":
            return ids == "true"
        texts = any(isinstance(id_, str) for id_ in self.ids)
        return ids.astype(self.kind or ("str" if texts else "int64"))

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
        write_json(ws.labels, {"classes": rows} | ({} if self.kind is None else {"kind": self.kind}))

    @staticmethod
    def load(ws: Workspace) -> Labels:
        told = read_json(ws.labels)
        rows = told["classes"]
        return Labels(
            [r["id"] for r in rows],
            [tuple(r["path"]) for r in rows],
            [tuple(r["nodes"]) for r in rows],
            told.get("kind"),
        )
