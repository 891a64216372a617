"""Model codes and article numbers: what is one in a text, and how near those of two products come."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein, Prefix
from rapidfuzz.process import cdist

from goods.matching.measures import is_amount
from goods.matching.sets import Columns

LEAST_CODE = 4  # signs of a model code
LEAST_STATED = 3  # of one that an attribute states
MOST_CODES = 8  # of a product: more are a list of what it fits
MOST_EDITS = 3  # codes further apart are simply others
_CODE = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)*")
_BETWEEN = re.compile(r"[\W_]+")


def codes(text: str) -> list[str]:
    """Model codes and article numbers, without dashes: "DCS-855L/P" → "dcs855lp"."""
    found = []
    for token in _CODE.findall(text):
        joined = re.sub(r"[-/.]", "", token)
        digits = sum(c.isdigit() for c in joined)
        mixed = 0 < digits < len(joined) and not is_amount(joined)
        if len(joined) >= LEAST_CODE and (mixed or digits >= LEAST_CODE + 1):
            found.append(joined)
    return found


def squeezed(text: str) -> str:
    """Its letters and digits alone, in lower case."""
    return _BETWEEN.sub("", text.lower())


class Codes:
    """The codes of all products, and features of pairs of them."""

    def __init__(self, texts: Sequence[str], models: Sequence[Sequence[str]]) -> None:
        """`texts`: all that is said of each product, `normal` · `models`: what its attributes say is its model number,
        a code whatever it looks like."""
        self.joined = [squeezed(text) for text in texts]
        self.codes = []
        for text, stated in zip(texts, models, strict=True):
            numbered = [squeezed(model) for model in stated if has_digit(model)]
            listed = [model for model in numbered if len(model) >= LEAST_STATED] + codes(text)
            self.codes.append(list(dict.fromkeys(listed))[:MOST_CODES])

    def features(self, left: np.ndarray, right: np.ndarray) -> Columns:
        """Of the two codes that are nearest: equal share of letters, edits, length of the common beginning against the
        longer one, whether one holds the other; not a number where a side has no codes. Which share of a side's codes
        stands in the other's text, whatever blanks and dashes it has: less and more of the sides that have codes."""
        near = np.full((4, len(left)), np.nan, np.float32)
        found = np.full((2, len(left)), np.nan, np.float32)
        for row, (i, j) in enumerate(zip(left.tolist(), right.tolist(), strict=True)):
            one, other = self.codes[i], self.codes[j]
            if one and other:
                near[:, row] = nearest(one, other)
            for side, own, text in ((0, one, self.joined[j]), (1, other, self.joined[i])):
                if own:
                    found[side, row] = sum(code in text for code in own) / len(own)
        named = dict(zip(("likeness", "edits", "beginning", "held"), near, strict=True))
        columns = {f"code_{name}": values for name, values in named.items()}
        return columns | {"codes_found_min": np.fmin(*found), "codes_found_max": np.fmax(*found)}


def nearest(one: Sequence[str], other: Sequence[str]) -> tuple[float, float, float, float]:
    """(likeness 0 … 1, edits up to MOST_EDITS + 1, common beginning 0 … 1, 1 where one holds the other) of the codes of
    two products: each the best of any two codes."""
    edits = cdist(one, other, scorer=Levenshtein.distance, dtype=np.int32)
    lengths = np.maximum.outer([len(code) for code in one], [len(code) for code in other])
    beginning = cdist(one, other, scorer=Prefix.similarity, dtype=np.int32)
    held = any(a in b or b in a for a in one for b in other)
    likeness = 1 - (edits / lengths).min()
    return (
        float(likeness),
        float(edits.min().clip(max=MOST_EDITS + 1)),
        float((beginning / lengths).max()),
        float(held),
    )


def has_digit(word: str) -> bool:
    return any(c.isdigit() for c in word)
