"""Class index ↔ contest id ↔ path in the tree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pandas as pd
from pandas.api.types import pandas_dtype

from goods.core.artifacts import read_json, write_json
from goods.core.ids import Id
from goods.core.workspace import Workspace

# of texts that the contest's files have otherwise: flags ("true"), floats ("0.5"), days, or times of a type of pandas
Kind = str
BOOL, FLOAT, DATE = "bool", "float64", "date"


@dataclass(frozen=True)
class Labels:
    """Class index ↔ contest id (a whole number or a text, which stands for something else as `kind` says) ↔ path in
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
        """The contest's ids of the classes as its files have them: int64, text, bool, float64, datetime64 or days as
        Python has them [C]."""
        ids = pd.Series(self.ids, dtype=object)
        if self.kind == BOOL:
            return ids == "true"
        if self.kind == DATE:
            return ids.map(date.fromisoformat)
        if self.are_times:
            return self.times(ids)
        texts = any(isinstance(id_, str) for id_ in self.ids)
        return ids.astype(pandas_dtype(self.kind or ("str" if texts else "int64")))

    @property
    def example(self) -> str:
        """A class as a message shows it."""
        first = self.written.tolist()[0]
        return repr(first if isinstance(first, bool | int | float) else self.ids[0])

    @property
    def are_times(self) -> bool:
        return self.kind is not None and self.kind.startswith("datetime64")

    def times(self, told: pd.Series) -> pd.Series:
        """Texts or times as times of the `kind`, null where they are none."""
        dtype = pandas_dtype(self.kind)
        found = pd.to_datetime(told, format="ISO8601", utc=True, errors="coerce")
        if not isinstance(dtype, pd.DatetimeTZDtype):
            found = found.dt.tz_localize(None)
        return found.astype(dtype)

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
