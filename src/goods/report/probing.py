"""What an embedding of cards is worth, nothing fine-tuned: neighbours, a linear probe, zero-shot by category names,
retrieval between text and photo, and clusters.

reads:  prepared/, folds.parquet, the embeddings of experiments (computed into work/<competition>/cache)
writes: submissions/<competition>/probe.md, probe.html (with a map of every embedding, coloured by category)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import has_photo, load_all_cards, load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import write_text
from goods.core.errors import GoodsError
from goods.core.progress import track
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.metrics.evaluation import score
from goods.models.embedding import Embedding, Encoded, named_cards
from goods.models.joint.retrieval import retrieval, same_cards
from goods.prepare.folds import load_dealt, load_folds
from goods.report.maps import map_of
from goods.report.page import render
from goods.report.probes import CLUSTERED, clusters, knn_probe, linear_probe, zero_shot
from goods.train.pretraining import context_without_labels

METRICS = {"weighted_f1": "weighted F1", "macro_f1": "macro F1"}
Rows = list[dict[str, str]]  # of a table


def probe(
    ws: Workspace,
    competition: CompetitionConfig,
    experiments: list[ExperimentConfig],
    out: Path,
    maps: bool = True,
) -> str:
    """Probe every embedding of the experiments on the competition's folds; returns the tables as markdown."""
    labels, train = Labels.load(ws), select(load_cards(ws), "train")
    if load_dealt(ws, train).partial:
        raise GoodsError(
            f"{ws.competition}: probes need every train card in a fold; leave order_by or validation out of "
            "competition.yaml, in a copy of it"
        )
    fold, target = load_folds(ws, train), train.target.to_numpy(np.int64)
    found = [e for config in experiments for e in embeddings(ws, config, train, labels)]
    scores: Rows = []
    clustered: Rows = []
    pictures = []
    for embedding in track(found, "probe", unit="embeddings"):
        scores.append(scores_row(embedding, target, fold, labels))
        values = clusters(embedding.vectors, target, train.title, competition.seed)
        clustered.append({"embedding": embedding.name} | {name: f"{v:.3f}" for name, v in values.items()})
        if maps:
            picture = map_of(embedding.vectors, target, labels, embedding.name, competition.seed)
            pictures.append((embedding.name, picture))
    known = f"{count(len(train), 'card')}, {count(labels.n_classes, 'class', 'classes')}"
    size = f"{known} (zero-shot chance {1 / labels.n_classes:.4f})"
    sections = {
        f"Probes, out of fold, {size}": scores,
        "Clusters": clustered,
        "Retrieval among the train cards, which the encoders were trained on without labels": retrieval_rows(
            found, train
        ),
    }
    sections = {title: rows for title, rows in sections.items() if rows}
    tables = "\n\n".join(f"## {title}\n\n{table(rows)}" for title, rows in sections.items()) + "\n"
    folder = out / competition.name
    write_text(folder / "probe.md", tables)
    page = render("probe", name=competition.name, sections=sections, pictures=pictures)
    write_text(folder / "probe.html", page)
    return tables


def embeddings(
    ws: Workspace, config: ExperimentConfig, cards: pd.DataFrame, labels: Labels
) -> list[Embedding]:
    """What an experiment's frozen encoders say of the cards: of text, title alone, description alone, photo, both."""
    asked = Encoded(cards, named_cards(labels), load_all_cards(ws.whole))
    found = config.model.embeddings(config.name, context_without_labels(ws, config), asked)
    if not found:
        raise GoodsError(
            f"experiment {config.name}: a probe takes frozen encoders; name one of navec, contrastive, or of "
            "transformer and image with frozen: true"
        )
    return found


def table(rows: Rows) -> str:
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def scores_row(embedding: Embedding, target: np.ndarray, fold: np.ndarray, labels: Labels) -> dict[str, str]:
    """What each probe makes of an embedding."""
    predicted = {
        "kNN": knn_probe(embedding.vectors, target, fold),
        "linear": linear_probe(embedding.vectors, target, fold),
        "zero-shot": zero_shot(embedding),
    }
    row = {"embedding": embedding.name, "width": str(embedding.vectors.shape[1])}
    for name, classes in predicted.items():
        for metric, title in METRICS.items():
            scored = "–" if classes is None else f"{score(metric, target, classes, labels):.4f}"
            row[f"{name} {title}"] = scored
    return row


def retrieval_rows(found: list[Embedding], train: pd.DataFrame) -> Rows:
    """How well text finds its photo and back, of the encoders that put both into one space."""
    same, taken = same_cards(train), np.flatnonzero(has_photo(train))[:CLUSTERED]
    photos = {e.encoders: e.vectors for e in found if e.what == "photo"}
    rows: Rows = []
    for text in found:
        if text.what == "text" and text.encoders in photos and len(taken):
            both = np.concatenate([text.vectors[taken], photos[text.encoders][taken]], 1)
            values = retrieval(both, same[taken])
            told = {key: f"{value:.4f}" for key, value in values.items() if key != "loss"}
            rows.append({"encoders": text.encoders, "cards": str(len(taken))} | told)
    return rows
