"""The category tree that grows from the demo's vocabulary.

A kind is a sort of product ("Платья"); where more classes are wanted it splits into variants by its
family's modifiers ("Платья летние", "Платья летние из хлопка").
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, product
from math import ceil, prod

import numpy as np

from goods.core.errors import GoodsError
from goods.demo.kinds import Kind, Leaf, inflect

ROOT_ID, ROOT_TITLE, FIRST_ID = 1, "Все категории", 10001

AT_ROOT, BELOW_PAIR = 0.143, 0.08  # of a wide tree's leaves: directly below the root, one level below it

Node = tuple[int, str, int]  # id, title, parent_id


def variant_counts(kinds: list[Kind], classes: int, rng: np.random.Generator) -> dict[int, int]:
    """How many leaves each chosen kind gets: about half of the kinds stay whole in a small tree."""
    used = min(len(kinds), ceil(classes * 0.55))
    chosen = [int(k) for k in rng.permutation(len(kinds))[:used]]
    extra = classes - used
    widened = chosen[: min(ceil(used * 0.85), max(1, ceil(extra / 2.2)))]
    limits = {k: prod(len(axis) for axis in kinds[k].axes()) for k in widened}
    if extra > sum(limits.values()) - len(limits):
        most = used + sum(limits.values()) - len(limits)
        raise GoodsError(f"classes={classes}: the demo vocabulary has fewer; ask for at most {most}")
    counts = dict.fromkeys(chosen, 1)
    for k in cycle(widened + widened[::2] + widened[::4]):  # uneven on purpose: some kinds split finer
        if extra == 0:
            break
        if counts[k] < limits[k]:
            counts[k] += 1
            extra -= 1
    return dict(sorted(counts.items()))


def variants(
    kind: Kind, count: int, turn: int, rng: np.random.Generator
) -> list[tuple[tuple[str, ...], ...]]:
    """`count` distinct modifier combinations from as few axes as hold them; `turn` says which is first."""
    if count == 1:
        return [()]
    axes = kind.axes()
    axes = axes[turn % 3 :] + axes[: turn % 3]
    depth = next(d for d in (1, 2, 3) if prod(len(axis) for axis in axes[:d]) >= count)
    combos = list(product(*axes[:depth]))
    return [combos[i] for i in sorted(rng.permutation(len(combos))[:count])]


def grow_leaves(kinds: list[Kind], classes: int, rng: np.random.Generator) -> list[Leaf]:
    """`classes` leaves 3 or 4 levels below the root: department, group, kind and, where it has any, variant."""
    leaves: list[Leaf] = []
    for k, count in variant_counts(kinds, classes, rng).items():
        kind = kinds[k]
        path = (kind.department, kind.group, kind.title)
        for variant, modifiers in enumerate(variants(kind, count, k, rng)):
            leaf_path = (*path, titled(kind, modifiers)) if modifiers else path
            leaves.append(Leaf(0, leaf_path, k, variant, modifiers))
    return leaves


def titled(kind: Kind, modifiers: tuple[tuple[str, ...], ...]) -> str:
    return " ".join([kind.title, *(inflect(forms[0], "p") for forms in modifiers)])


def narrow(kinds: list[Kind], leaves: list[Leaf], rng: np.random.Generator) -> list[Leaf]:
    """As they grew: hardly a node has more than a dozen children."""
    return leaves


def flat(kinds: list[Kind], leaves: list[Leaf], rng: np.random.Generator) -> list[Leaf]:
    """Every leaf directly below the root."""
    return [replace(leaf, path=(titled(kinds[leaf.kind], leaf.modifiers),)) for leaf in leaves]


def wide(kinds: list[Kind], leaves: list[Leaf], rng: np.random.Generator) -> list[Leaf]:
    """Some leaves directly below the root, the others one or two levels below pairs of kinds."""
    groups: dict[str, list[str]] = {}
    for k in sorted({leaf.kind for leaf in leaves}):
        groups.setdefault(kinds[k].group, []).append(kinds[k].title)
    pair = {
        title: ", ".join(titles[i - i % 2 : i - i % 2 + 2])
        for titles in groups.values()
        for i, title in enumerate(titles)
    }
    moved = []
    for leaf, chance in zip(leaves, rng.random(len(leaves)).tolist(), strict=True):
        kind = kinds[leaf.kind]
        title = titled(kind, leaf.modifiers)
        path: tuple[str, ...] = (pair[kind.title], titled(kind, leaf.modifiers[:-1][:1]), title)
        if chance < AT_ROOT:
            path = (title,)
        elif chance < AT_ROOT + BELOW_PAIR or not leaf.modifiers:
            path = (path[0], title)
        moved.append(replace(leaf, path=path))
    return moved


def numbered(leaves: list[Leaf]) -> tuple[list[Leaf], list[Node]]:
    """The leaves with their category ids, and every node of the tree, parents first."""
    nodes: dict[tuple[str, ...], Node] = {(): (ROOT_ID, ROOT_TITLE, 0)}

    def node_id(path: tuple[str, ...]) -> int:
        if path not in nodes:
            parent = node_id(path[:-1])
            nodes[path] = (FIRST_ID + len(nodes) - 1, path[-1], parent)
        return nodes[path][0]

    with_ids = [replace(leaf, category_id=node_id(leaf.path)) for leaf in leaves]
    return with_ids, list(nodes.values())
