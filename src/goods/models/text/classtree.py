"""The category tree as decisions: which children each inner node has, which classes lie below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from goods.cards.labels import Labels

ROOT = -1


@dataclass(frozen=True)
class ClassTree:
    """children: inner node → its children · leaf_of: leaf node → class · below: node → classes below it,
    ascending."""

    children: dict[int, list[int]]
    leaf_of: dict[int, int]
    below: dict[int, np.ndarray]

    def child_of_class(self, node: int, n_classes: int) -> np.ndarray:
        """int64 [C]: position among the node's children of the one a class lies below, -1 elsewhere."""
        out = np.full(n_classes, -1)
        for j, child in enumerate(self.children[node]):
            out[self.below[child]] = j
        return out


def class_tree(labels: Labels, flat: bool) -> ClassTree:
    """The tree of `labels`; with `flat` every class hangs directly below the root.

    A class that sits on an inner node of the contest's tree gets a leaf of its own below it.
    """
    inner = {int(node) for path in labels.ancestors for node in path[:-1]}
    offset = len(labels.node_index)
    children: dict[int, list[int]] = {ROOT: []}
    leaf_of: dict[int, int] = {}
    for c, path in enumerate(labels.ancestors):
        nodes = [offset + c] if flat else [int(v) for v in path]
        if nodes[-1] in inner:
            nodes.append(offset + c)
        parent = ROOT
        for node in nodes:
            siblings = children.setdefault(parent, [])
            if node not in siblings:
                siblings.append(node)
            parent = node
        leaf_of[nodes[-1]] = c
    below: dict[int, np.ndarray] = {}

    def collect(node: int) -> list[int]:
        classes = (
            [leaf_of[node]] if node in leaf_of else sorted(c for ch in children[node] for c in collect(ch))
        )
        below[node] = np.array(classes)
        return classes

    collect(ROOT)
    return ClassTree(children, leaf_of, below)
