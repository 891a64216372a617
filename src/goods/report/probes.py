"""What an embedding is worth: neighbours, a linear probe, zero-shot, clusters."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    adjusted_mutual_info_score,
    homogeneity_completeness_v_measure,
    silhouette_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from goods.cards.text import near_duplicate_key
from goods.models.embedding import Embedding

NEIGHBOURS = 10
LINEAR_CARDS = 20_000  # most cards a linear probe is fitted on
CLUSTERED = 10_000  # most cards that are clustered and drawn, at random
COMPONENTS = 50  # of the PCA before clustering
SILHOUETTE = 3_000  # cards the silhouette is measured on
SMALLEST = 10  # cards of an HDBSCAN cluster


def out_of_fold(
    vectors: np.ndarray, target: np.ndarray, fold: np.ndarray, make: Callable[[], object]
) -> np.ndarray:
    """int [n]: each fold predicted by a classifier fitted on the others."""
    predicted = np.empty(len(target), np.int64)
    for k in np.unique(fold):
        outside = np.flatnonzero(fold != k)
        if len(outside) > LINEAR_CARDS:
            outside = np.sort(np.random.default_rng(int(k)).choice(outside, LINEAR_CARDS, replace=False))
        classifier = make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a bounded number of steps is meant
            classifier.fit(vectors[outside], target[outside])  # type: ignore[attr-defined]
        predicted[fold == k] = classifier.predict(vectors[fold == k])  # type: ignore[attr-defined]
    return predicted


def knn_probe(vectors: np.ndarray, target: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """int [n] out-of-fold class by the votes of the 10 nearest, weighted by closeness, in cosine."""
    unit = normalize(vectors)
    return out_of_fold(
        unit, target, fold, lambda: KNeighborsClassifier(NEIGHBOURS, weights="distance", algorithm="brute")
    )


def linear_probe(vectors: np.ndarray, target: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """int [n] out-of-fold class by multinomial logistic regression on standardised vectors."""
    return out_of_fold(
        vectors,
        target,
        fold,
        lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=100, tol=1e-3)),
    )


def zero_shot(embedding: Embedding) -> np.ndarray | None:
    """int [n] the class whose name is nearest; None where names cannot be encoded."""
    if embedding.classes is None:
        return None
    return (normalize(embedding.vectors) @ normalize(embedding.classes).T).argmax(1)


def clusters(vectors: np.ndarray, target: np.ndarray, titles: pd.Series, seed: int) -> dict[str, float]:
    """How well KMeans (as many clusters as classes) and HDBSCAN after a PCA find the classes.

    AMI, homogeneity, completeness and V-measure against the classes, the silhouette of the KMeans clusters, and the
    share of pairs of like-titled cards that are in one of them.
    """
    rng = np.random.default_rng(seed)
    taken = np.sort(rng.permutation(len(target))[:CLUSTERED])
    unit, own = reduced(normalize(vectors[taken]), seed), target[taken]
    found = KMeans(min(len(np.unique(own)), len(own)), n_init=1, random_state=seed).fit_predict(unit)
    dense = HDBSCAN(min_cluster_size=SMALLEST, copy=True).fit_predict(unit)
    homogeneity, completeness, v = homogeneity_completeness_v_measure(own, found)
    few = np.sort(rng.permutation(len(own))[:SILHOUETTE])
    several = len(np.unique(found[few])) > 1
    return {
        "KMeans AMI": adjusted_mutual_info_score(own, found),
        "homogeneity": homogeneity,
        "completeness": completeness,
        "V-measure": v,
        "silhouette": silhouette_score(unit[few], found[few]) if several else float("nan"),
        "like titles together": together(titles.iloc[taken], found),
        "HDBSCAN AMI": adjusted_mutual_info_score(own, dense),
        "HDBSCAN noise": float((dense < 0).mean()),
    }


def reduced(vectors: np.ndarray, seed: int) -> np.ndarray:
    components = min(COMPONENTS, *vectors.shape)
    return PCA(components, svd_solver="randomized", random_state=seed).fit_transform(vectors)


def together(titles: pd.Series, cluster: np.ndarray) -> float:
    """Share of the pairs of cards with the same title words that are in one cluster; NaN where there is no pair."""
    words = titles.map(near_duplicate_key).to_numpy()
    table = pd.DataFrame({"words": words, "cluster": cluster})[words != ""]
    pairs = table.groupby("words").size()
    within = table.groupby(["words", "cluster"]).size()
    total = float((pairs * (pairs - 1) / 2).sum())
    return float((within * (within - 1) / 2).sum()) / total if total else float("nan")
