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
    grouping: frozenset[int] = frozenset()  # nodes whose children are groups, and those groups

    def is_grouped(self, node: int) -> bool:
        return node in self.grouping

    def grouped(self, groups: dict[int, list[list[int]]]) -> ClassTree:
        """This tree with a node more for each group of a node's children: node → its children alone or in groups."""
        children, below = dict(self.children), dict(self.below)
        free = max([*children, *self.leaf_of]) + 1
        grouping = set(groups)
        for node, parts in groups.items():
            children[node] = []
            for part in parts:
                if len(part) == 1:
                    children[node] += part
                    continue
                children[node].append(free)
                children[free] = part
                below[free] = np.sort(np.concatenate([self.below[child] for child in part]))
                grouping.add(free)
                free += 1
        return ClassTree(children, self.leaf_of, below, frozenset(grouping))

    def from_root(self) -> list[int]:
        """The inner nodes, each after the one it is a child of."""
        order = [ROOT]
        for node in order:
            order += [child for child in self.children[node] if child in self.children]
        return order

    def child_of_class(self, node: int, n_classes: int) -> np.ndarray:
        """int64 [C]: position among the node's children of the one a class lies below, -1 elsewhere."""
        out = np.full(n_classes, -1)
        for j, child in enumerate(self.children[node]):
            out[self.below[child]] = j
        return out


class CardsByClass:
    """Cards of known classes `target` int [n], looked up by tree nodes."""

    def __init__(self, target: np.ndarray, n_classes: int) -> None:
        self.target, self.n_classes = target, n_classes
        self.order = np.argsort(target, kind="stable")
        self.bounds = np.searchsorted(target[self.order], np.arange(n_classes + 1))

    def below(self, tree: ClassTree, node: int) -> tuple[np.ndarray, np.ndarray]:
        """The cards below the node, ascending, and the position among its children each lies below."""
        parts = [self.order[self.bounds[c] : self.bounds[c + 1]] for c in tree.below[node]]
        cards = np.sort(np.concatenate(parts))
        return cards, tree.child_of_class(node, self.n_classes)[self.target[cards]]


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
