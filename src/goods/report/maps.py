"""Maps of embeddings."""

from __future__ import annotations

import warnings

import numpy as np
from matplotlib.figure import Figure
from sklearn.preprocessing import normalize

from goods.cards.labels import Labels
from goods.report.figures import plain_label, png
from goods.report.probes import CLUSTERED, reduced

COLOURED = 20  # categories with a colour of their own on the map


def map_of(vectors: np.ndarray, target: np.ndarray, labels: Labels, title: str, seed: int) -> str:
    """UMAP of at most CLUSTERED cards, coloured by their category: PNG, base64."""
    from umap import UMAP  # numba compiles for seconds: only who draws pays

    taken = np.sort(np.random.default_rng(seed).permutation(len(target))[:CLUSTERED])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        points = UMAP(n_neighbors=min(15, len(taken) - 1), random_state=seed, n_jobs=1).fit_transform(
            reduced(normalize(vectors[taken]), seed)
        )
    figure = Figure(figsize=(8, 6), layout="constrained")
    axis = figure.subplots()
    own = target[taken]
    largest = np.argsort(-np.bincount(own, minlength=labels.n_classes), kind="stable")[:COLOURED]
    others = ~np.isin(own, largest)
    axis.scatter(points[others, 0], points[others, 1], s=2, color="#ccc")
    for i, c in enumerate(largest[np.isin(largest, own)]):
        here = own == c
        axis.scatter(
            points[here, 0],
            points[here, 1],
            s=3,
            color=f"C{i % 10}",
            alpha=0.5 + 0.5 * (i < 10),
            label=plain_label(labels.paths[c][-1]),
        )
    axis.set(title=plain_label(title), xticks=[], yticks=[])
    axis.legend(markerscale=4, fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return png(figure, dpi=90)
