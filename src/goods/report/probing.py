"""What an embedding of cards is worth, nothing fine-tuned: neighbours, a linear probe, zero-shot by category names,
retrieval between text and photo, and clusters.

reads:  prepared/, folds.parquet, the embeddings of experiments (computed into work/<competition>/cache)
writes: submissions/<competition>/probe.md, probe.html (with a map of every embedding, coloured by category)
"""

from __future__ import annotations

from pathlib import Path

import jinja2
import numpy as np
from tqdm import tqdm

from goods.cards.labels import Labels
from goods.cards.table import has_photo, load_cards, select
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import write_text
from goods.core.tables import markdown
from goods.core.workspace import Workspace
from goods.metrics.evaluation import score
from goods.models.joint.retrieval import retrieval, same_cards
from goods.prepare.folds import load_folds
from goods.report.embeddings import Embedding, embeddings
from goods.report.maps import map_of
from goods.report.probes import CLUSTERED, clusters, knn_probe, linear_probe, zero_shot

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
