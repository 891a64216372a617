"""Words of two names aligned softly: a word goes with the other name's most alike one, weighed by how telling it is.

Soft TF-IDF and a weighted mean of best likenesses (Monge and Elkan 1996; Cohen, Ravikumar and Fienberg 2003).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import JaroWinkler
from rapidfuzz.process import cdist

from goods.matching.codes import has_digit, squeezed
from goods.matching.sets import Columns, Sets, by_size

LEAST = 0.88  # Jaro–Winkler likeness of words that go together
LEAST_HELD = 4  # signs of a word that may stand in the other name's letters across its blanks


class Alignment:
    """The words of all products with their weights, and features of pairs of them."""

    def __init__(self, names: Sequence[str], words: Sets) -> None:
        """`words` are the sets of words of the `names`."""
        matrix = words.matrix
        self.words = [
            {words.items[k]: float(words.weight[k]) for k in matrix.indices[start:end]}
            for start, end in zip(matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True)
        ]
        self.norm = np.sqrt(np.asarray(matrix @ words.weight**2, np.float64))
        self.joined = [squeezed(name) for name in names]

    def features(self, left: np.ndarray, right: np.ndarray) -> Columns:
        """float32 [n]: `soft_tfidf`; of each side the mean likeness of its words, what its words without a partner tell
        in bits, the most telling of them and how many of them have digits; not a number where a name has no words."""
        soft = np.full(len(left), np.nan, np.float32)
        sides = np.full((2, 4, len(left)), np.nan, np.float32)
        for row, (i, j) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
            one, other = self.words[i], self.words[j]
            if not one or not other:
                continue
            best, product = aligned(one, other, self.joined[i], self.joined[j])
            soft[row] = product / max(self.norm[i] * self.norm[j], 1e-9)
            for side, (own, likeness) in enumerate(zip((one, other), best, strict=True)):
                sides[side, :, row] = unmatched(own, likeness)
        names = ("aligned", "unmatched_told", "unmatched_rarest", "unmatched_digits")
        columns: Columns = {"soft_tfidf": soft}
        for k, name in enumerate(names):
            columns |= by_size(sides[0, k], sides[1, k], name)
        return columns


def aligned(
    one: dict[str, float], other: dict[str, float], text: str, its_text: str
) -> tuple[tuple[dict[str, float], dict[str, float]], float]:
    """((word → its best likeness, 0 where it goes with none, of either side), Σ of likeness · weights over the words of
    `one` and their partners)."""
    common = one.keys() & other.keys()
    best = (
        dict.fromkeys(one, 0.0) | dict.fromkeys(common, 1.0),
        dict.fromkeys(other, 0.0) | dict.fromkeys(common, 1.0),
    )
    product = sum(one[word] * other[word] for word in common)
    rest, its_rest = [w for w in one if w not in common], [w for w in other if w not in common]
    if rest and its_rest:
        like = cdist(rest, its_rest, scorer=JaroWinkler.similarity, score_cutoff=LEAST, dtype=np.float32)
        # a number or a code is another one whatever it looks like
        figures = np.logical_or.outer([has_digit(w) for w in rest], [has_digit(w) for w in its_rest])
        like[figures] = 0
        for k, word in enumerate(rest):
            partner = int(like[k].argmax())
            best[0][word] = float(like[k, partner])
            product += best[0][word] * one[word] * other[its_rest[partner]]
        for k, word in enumerate(its_rest):
            best[1][word] = float(like[:, k].max())
    for words, found, its in ((rest, best[0], its_text), (its_rest, best[1], text)):
        for word in words:  # "microsdhc" of "micro sdhc", "w120" of "dscw120"
            if found[word] == 0 and len(word) >= LEAST_HELD and word in its:
                found[word] = 1.0
    return best, product


def unmatched(weights: dict[str, float], likeness: dict[str, float]) -> tuple[float, float, float, float]:
    """(weighted mean likeness, Σ and largest weight of the words without a partner, how many of these have digits)."""
    total = sum(weights.values())
    alone = [word for word, like in likeness.items() if like == 0]
    mean = sum(weights[word] * like for word, like in likeness.items()) / max(total, 1e-9)
    lost = [weights[word] for word in alone]
    return mean, sum(lost), max(lost, default=0.0), float(sum(map(has_digit, alone)))
