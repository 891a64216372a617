"""Linear SVMs of one class against the rest whose weights are bytes, as a sparse matrix.

A weight is a byte times the scale of its class. Those that round to 0 are left out: most are next to nothing
(Babbar & Schölkopf 2017, arXiv 1609.02521, leave out as many), and cards are answered in a tenth of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from goods.core.compiled import compiled
from goods.models.text.hashed_terms import WeighedTerms
from goods.models.text.one_vs_rest import fit_blocks

LEVELS = 127  # of a byte to either side


@dataclass(frozen=True)
class ByteMargins:
    """offsets int64 [terms + 1]; classes int32 and values int8 [m]: those of a term side by side; scales and bias
    float32 [C], the bias of a class that no card had is -inf."""

    offsets: np.ndarray
    classes: np.ndarray
    values: np.ndarray
    scales: np.ndarray
    bias: np.ndarray

    def of(self, cards: WeighedTerms) -> np.ndarray:
        """float32 [n, C]"""
        sums = np.zeros((len(cards), len(self.bias)), np.float32)
        _add(cards.offsets, cards.terms, cards.weights, self.offsets, self.classes, self.values, sums)
        return sums * self.scales + self.bias


def fit_margins(
    cards: WeighedTerms, target: np.ndarray, n_terms: int, n_classes: int, C: float, seed: int, threads: int
) -> ByteMargins:
    """Fitted on cards whose terms are below `n_terms` and whose `target` int [n] is below `n_classes`. Blocks of
    classes are fitted side by side: the same bytes with however many threads."""
    x = sp.csr_matrix((cards.weights, cards.terms, cards.offsets), (len(cards), n_terms))
    there, label = np.unique(target, return_inverse=True)

    def keep(weights: np.ndarray, bias: np.ndarray) -> tuple[sp.csc_matrix, np.ndarray, np.ndarray]:
        return (*as_bytes(weights), bias)

    parts = fit_blocks(x, label, len(there), C, seed, threads, keep)
    found = sp.hstack([part[0] for part in parts], format="csr")
    scales, bias = np.ones(n_classes, np.float32), np.full(n_classes, -np.inf, np.float32)
    scales[there], bias[there] = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
    classes = there.astype(np.int32)[found.indices]
    return ByteMargins(found.indptr.astype(np.int64), classes, found.data, scales, bias)


def as_bytes(weights: np.ndarray) -> tuple[sp.csc_matrix, np.ndarray]:
    """int8 [terms, m] without zeros, and float32 [m]: the scale of each class."""
    scales = np.abs(weights).max(0, initial=0) / np.float32(LEVELS)
    scales[scales == 0] = 1
    return sp.csc_matrix(np.round(weights / scales).astype(np.int8)), scales


@compiled()
def _add(offsets, terms, weights, term_offsets, classes, values, out):  # pragma: no cover
    for card in range(len(out)):
        for k in range(offsets[card], offsets[card + 1]):
            weight = weights[k]
            for m in range(term_offsets[terms[k]], term_offsets[terms[k] + 1]):
                out[card, classes[m]] += weight * np.float32(values[m])
