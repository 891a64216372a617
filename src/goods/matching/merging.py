"""Scored pairs → groups of cards that are one product, without the chains of a plain transitive closure.

Pairs are taken from the best score down; two groups become one only if the mean score of all known pairs between them
reaches the threshold (average linkage on a sparse graph), and no group outgrows a cap. One strong link against several
weak ones merges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Link = list[float]  # sum of scores, number of pairs


def merge(
    left: np.ndarray,
    right: np.ndarray,
    score: np.ndarray,
    threshold: float,
    max_size: int,
    weight: np.ndarray,
) -> tuple[np.ndarray, int]:
    """(int32 [n]: the smallest row number of each row's group, how many mergers the cap forbade); rows without a good
    pair are groups of their own.

    left, right int [m] are row numbers, each pair once; score float [m]. Pairs below `threshold` speak against merging.
    weight int [n] is what each row counts for in the size of its group.
    """
    # rounded as the scores are: 0.7 of 32 bits is less than 0.7
    threshold = float(score.dtype.type(threshold))
    group, refused = np.arange(len(weight), dtype=np.int32), 0
    for first, second, scores in clusters(left, right, score, len(weight), threshold):
        refused += Merger(first, second, scores, max_size, weight).run(threshold, group)
    return group, refused


def clusters(
    left: np.ndarray, right: np.ndarray, score: np.ndarray, n: int, threshold: float
) -> Iterator[tuple[list[int], list[int], list[float]]]:
    """Pairs of each connected component of the good pairs, best first; equal scores in order of the rows."""
    good = score >= threshold
    graph = coo_matrix((np.ones(good.sum(), np.int8), (left[good], right[good])), shape=(n, n))
    component = connected_components(graph, directed=False)[1]
    inside = np.flatnonzero(component[left] == component[right])
    inside = inside[np.lexsort((right[inside], left[inside], -score[inside], component[left[inside]]))]
    owner = component[left[inside]]
    bounds = (
        np.flatnonzero(np.r_[True, owner[1:] != owner[:-1], True]) if len(owner) else np.zeros(1, np.int64)
    )
    for start, stop in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        rows = inside[start:stop]
        yield left[rows].tolist(), right[rows].tolist(), score[rows].tolist()


class Merger:
    """The groups of one component: members by group, and of each two groups the sum and number of scores between."""

    def __init__(
        self, left: list[int], right: list[int], score: list[float], max_size: int, weight: np.ndarray
    ) -> None:
        self.pairs, self.max_size = list(zip(left, right, score, strict=True)), max_size
        self.members = {row: [row] for row in [*left, *right]}
        self.size = {row: int(weight[row]) for row in self.members}
        self.group = {row: row for row in self.members}
        self.links: dict[int, dict[int, Link]] = {row: {} for row in self.members}
        for a, b, s in self.pairs:
            self.links[a][b] = self.links[b][a] = [s, 1]  # one list, seen from both sides

    def run(self, threshold: float, group: np.ndarray) -> int:
        """Merge what may be merged; write the smallest row of each group into `group`. Returns how many pairs of
        groups stay apart for their size alone."""
        refused = set()
        for left, right, score in self.pairs:
            if score < threshold:
                break
            a, b = self.group[left], self.group[right]
            if a == b:
                continue
            total, count = self.links[a][b]
            if total < threshold * count:
                continue
            if self.size[a] + self.size[b] > self.max_size:
                refused.add((min(a, b), max(a, b)))
            else:
                self._join(a, b)
        for rows in self.members.values():
            group[rows] = min(rows)
        return len(refused)

    def _join(self, a: int, b: int) -> None:
        """The group with more links takes the other in."""
        if len(self.links[a]) < len(self.links[b]):
            a, b = b, a
        for row in self.members[b]:
            self.group[row] = a
        self.members[a] += self.members.pop(b)
        self.size[a] += self.size.pop(b)
        del self.links[a][b]
        for other, (total, count) in self.links.pop(b).items():
            if other == a:
                continue
            del self.links[other][b]
            before = self.links[a].get(other, [0.0, 0])
            self.links[a][other] = self.links[other][a] = [before[0] + total, before[1] + count]
