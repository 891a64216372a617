"""Groups of features of pairs, by what they compare."""

from __future__ import annotations

from typing import Literal

PairFeatures = Literal[
    "strings",
    "tfidf",
    "fields",
    "alignment",
    "attributes",
    "colours",
    "categories",
    "pictures",
    "price",
    "graph",
    "catalogue",
]
