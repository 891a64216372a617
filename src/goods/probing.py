"""What an embedding of cards is worth, nothing fine-tuned: neighbours, a linear probe, zero-shot by category names,
retrieval between text and photo, and clusters.

reads:  prepared/, folds.parquet, the embeddings of experiments (computed into work/<competition>/cache)
writes: submissions/<competition>/probe.md, probe.html (with a map of every embedding, coloured by category)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
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
from tqdm import tqdm

from goods.artifacts import Workspace, write_text
from goods.cards import TEXT_FIELDS, Labels, has_photo, load_cards
from goods.config import CompetitionConfig, ContrastiveConfig, ExperimentConfig, NavecConfig
from goods.errors import GoodsError
from goods.evidence import word_vectors
from goods.folds import load_folds
from goods.metrics import score
from goods.models.contrastive import ContrastiveModel, retrieval, same_cards
from goods.models.registry import build
from goods.preparation import select
from goods.pretraining import context_without_labels
from goods.report import png
from goods.tables import markdown
from goods.text import near_duplicate_key

NEIGHBOURS = 10
LINEAR_CARDS = 20_000  # most cards a linear probe is fitted on
CLUSTERED = 10_000  # most cards that are clustered and drawn, at random
COMPONENTS = 50  # of the PCA before clustering
SILHOUETTE = 3_000  # cards the silhouette is measured on
SMALLEST = 10  # cards of an HDBSCAN cluster
COLOURED = 20  # categories with a colour of their own on the map
TITLE, DESCRIPTION = ("title",), ("description",)


@dataclass(frozen=True)
class Embedding:
    """vectors float32 [n, d] of the train cards, zeros where a card has nothing to encode; `classes` float32 [C, d]
    where category names can be encoded into the same space."""

    name: str
    vectors: np.ndarray
    classes: np.ndarray | None = None


def only(cards: pd.DataFrame, fields: tuple[str, ...]) -> pd.DataFrame:
    """The cards with every other text field empty and no photo."""
    return cards.assign(image=None, **{name: "" for name in TEXT_FIELDS if name not in fields})


def named_cards(labels: Labels) -> pd.DataFrame:
    """A card per class with its category's name for a title and nothing else."""
    cards = pd.DataFrame(dict.fromkeys(TEXT_FIELDS, ""), index=range(labels.n_classes))
    names = [" ".join(dict.fromkeys(path[::-1])) for path in labels.paths]
    return cards.assign(product_id=range(labels.n_classes), title=names, image=None, target=np.int32(-1))


def embeddings(
    ws: Workspace, config: ExperimentConfig, cards: pd.DataFrame, labels: Labels
) -> list[Embedding]:
    """What an experiment's frozen encoders say of the cards: of text, title alone, description alone, photo, both."""
    model_config, name = config.model, config.name
    if isinstance(model_config, NavecConfig):
        classes = word_vectors(named_cards(labels).title.tolist())
        return [
            Embedding(f"{name} words: {field}", word_vectors(cards[field].tolist()), classes)
            for field in (*TITLE, *DESCRIPTION)
        ]
    context = context_without_labels(ws, config)
    names = named_cards(labels)
    if isinstance(model_config, ContrastiveConfig):
        return of_pair(name, ContrastiveModel(model_config, context), ws, cards, names)
    if not getattr(model_config, "frozen", False):
        raise GoodsError(
            f"experiment {name}: a probe takes frozen encoders: navec, contrastive, or transformer and image with "
            "frozen: true"
        )
    model = build(model_config, context)
    model.warm(load_cards(ws.whole))
    if model_config.family == "image":
        return [Embedding(name, model.pretrained_vectors(cards))]  # type: ignore[attr-defined]
    found: list[Embedding] = []
    classes = model.pretrained_vectors(names)  # type: ignore[attr-defined]
    for what, table in (
        ("text", cards),
        ("title", only(cards, TITLE)),
        ("description", only(cards, DESCRIPTION)),
    ):
        found.append(Embedding(f"{name}: {what}", model.pretrained_vectors(table), classes))  # type: ignore[attr-defined]
    return found


def of_pair(
    name: str, model: ContrastiveModel, ws: Workspace, cards: pd.DataFrame, names: pd.DataFrame
) -> list[Embedding]:
    """The encoders of a contrastive experiment as they are before its pretraining and after it."""
    found = []
    for state, side in (("untrained", model.untrained(load_cards(ws.whole))), ("", model)):
        if side is model:
            model.warm(load_cards(ws.whole))
        width = model.config.width
        both = side.vectors(cards)
        classes = side.vectors(names)[:, :width]
        label = f"{name} {state}".strip()
        found += [
            Embedding(f"{label}: text", both[:, :width], classes),
            Embedding(f"{label}: photo", both[:, width:], classes),
            Embedding(f"{label}: joined", both, np.concatenate([classes, classes], axis=1)),
        ]
        if side is model:
            for what, fields in (("title", TITLE), ("description", DESCRIPTION)):
                found.append(
                    Embedding(f"{label}: {what}", side.vectors(only(cards, fields))[:, :width], classes)
                )
    return found


# probes


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


def map_of(vectors: np.ndarray, target: np.ndarray, labels: Labels, title: str, seed: int) -> str:
    """UMAP of at most CLUSTERED cards, coloured by their category: PNG, base64."""
    from umap import UMAP  # numba compiles for seconds: only who draws pays

    taken = np.sort(np.random.default_rng(seed).permutation(len(target))[:CLUSTERED])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        places = UMAP(n_neighbors=min(15, len(taken) - 1), random_state=seed, n_jobs=1).fit_transform(
            reduced(normalize(vectors[taken]), seed)
        )
    figure = Figure(figsize=(8, 6), layout="constrained")
    axis = figure.subplots()
    own = target[taken]
    largest = np.argsort(-np.bincount(own, minlength=labels.n_classes), kind="stable")[:COLOURED]
    others = ~np.isin(own, largest)
    axis.scatter(places[others, 0], places[others, 1], s=2, color="#ccc")
    for i, c in enumerate(largest[np.isin(largest, own)]):
        here = own == c
        axis.scatter(
            places[here, 0],
            places[here, 1],
            s=3,
            color=f"C{i % 10}",
            alpha=0.5 + 0.5 * (i < 10),
            label=labels.paths[c][-1],
        )
    axis.set(title=title, xticks=[], yticks=[])
    axis.legend(markerscale=4, fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return png(figure, dpi=90)


# the report

COLUMNS = ("kNN", "linear", "zero-shot")


def probe(
    ws: Workspace,
    competition: CompetitionConfig,
    experiments: list[ExperimentConfig],
    out: Path,
    maps: bool = True,
) -> str:
    """Probe every embedding of the experiments on the competition's folds; returns the tables as markdown."""
    labels, train = Labels.load(ws), select(load_cards(ws), "train")
    fold, target = load_folds(ws, train), train.target.to_numpy(np.int64)
    found: list[Embedding] = []
    for config in experiments:
        found += embeddings(ws, config, train, labels)
    rows, grouped, found_again, pictures = [], [], [], []
    for embedding in tqdm(found, desc="probe", unit="embedding", leave=False):
        predicted = {
            "kNN": knn_probe(embedding.vectors, target, fold),
            "linear": linear_probe(embedding.vectors, target, fold),
            "zero-shot": zero_shot(embedding),
        }
        rows.append(
            {"embedding": embedding.name, "width": str(embedding.vectors.shape[1])}
            | {
                f"{name} {metric.replace('_f1', ' F1')}": "–"
                if p is None
                else f"{score(metric, target, p, labels):.4f}"
                for name, p in predicted.items()
                for metric in ("weighted_f1", "macro_f1")
            }
        )
        values = clusters(embedding.vectors, target, train.title, competition.seed)
        grouped.append({"embedding": embedding.name} | {name: f"{v:.3f}" for name, v in values.items()})
        if maps:
            pictures.append(
                (embedding.name, map_of(embedding.vectors, target, labels, embedding.name, competition.seed))
            )
    same = same_cards(train)
    seen = has_photo(train)
    by_name = {e.name: e.vectors for e in found}
    for name, text in by_name.items():
        photo = by_name.get(f"{name.removesuffix(': text')}: photo")
        if name.endswith(": text") and photo is not None and seen.any():
            taken = np.flatnonzero(seen)[:CLUSTERED]
            values = retrieval(np.concatenate([text[taken], photo[taken]], 1), same[taken])
            found_again.append(
                {"encoders": name.removesuffix(": text"), "cards": str(len(taken))}
                | {key: f"{value:.4f}" for key, value in values.items() if key != "loss"}
            )
    chance = 1 / labels.n_classes
    sections = [
        (
            f"Probes, out of fold, {len(train)} cards, {labels.n_classes} classes (zero-shot chance {chance:.4f})",
            rows,
        ),
        ("Clusters", grouped),
        ("Retrieval among the train cards, which the encoders were trained on without labels", found_again),
    ]
    tables = "\n\n".join(f"## {title}\n\n{markdown(table)}" for title, table in sections if table) + "\n"
    folder = out / competition.name
    write_text(folder / "probe.md", tables)
    html = jinja2.Environment(autoescape=True).from_string(TEMPLATE)
    write_text(
        folder / "probe.html", html.render(name=competition.name, sections=sections, pictures=pictures)
    )
    return tables


TEMPLATE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{{ name }}: probes</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 80rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .7rem; border-bottom: 1px solid #ddd }
th { text-align: left } td { font-variant-numeric: tabular-nums }
</style>
<h1>{{ name }}: what the embeddings are worth</h1>
{% for title, rows in sections %}{% if rows %}<h2>{{ title }}</h2>
<table><tr>{% for c in rows[0] %}<th>{{ c }}{% endfor %}</tr>
{% for row in rows %}<tr>{% for v in row.values() %}<td>{{ v }}{% endfor %}</tr>{% endfor %}</table>
{% endif %}{% endfor %}
{% for title, picture in pictures %}<img alt="{{ title }}" src="data:image/png;base64,{{ picture }}">{% endfor %}
"""
