"""Train the encoders of a contrastive experiment on all cards of a competition, labels unused.

reads:  prepared/cards.parquet of the whole competition, its photos
writes: work/<competition>/cache/pair-<hash>/ (encoders, report.json, TensorBoard logs, DONE)
"""

from __future__ import annotations

from goods.artifacts import Workspace
from goods.cards import load_cards
from goods.config import ExperimentConfig
from goods.errors import GoodsError
from goods.execution import places
from goods.images import ImageStore
from goods.log import say
from goods.models.base import Context
from goods.models.contrastive import NO_LABELS, ContrastiveModel
from goods.preparation import data_folder
from goods.tables import markdown


def pretrain(ws: Workspace, config: ExperimentConfig, force: bool = False) -> str:
    """Train the pair, or find it trained; returns what it learned as a markdown table."""
    model = contrastive_model(ws.whole, config)
    report = model.pretrain(load_cards(ws.whole), force)
    say(
        f"pretrain {config.name}: {report['cards']} cards, temperature {report['temperature']}, {model.folder}"
    )
    title = f"{report['held_out']} held-out cards"
    return markdown(
        [
            {title: name, "before": str(value), "after": str(report["after"][name])}
            for name, value in report["before"].items()
        ]
    )


def contrastive_model(ws: Workspace, config: ExperimentConfig) -> ContrastiveModel:
    """The experiment's model with a whole competition's cache and photos, without labels."""
    if config.model.family != "contrastive":
        raise GoodsError(f"experiment {config.name} is of family {config.model.family}, not contrastive")
    return ContrastiveModel(config.model, context_without_labels(ws, config))


def context_without_labels(ws: Workspace, config: ExperimentConfig) -> Context:
    """A competition's cache and photos, for encoders that learn or are measured without its labels."""
    (place, *_), _ = places(1, True)
    return Context(
        labels=NO_LABELS,
        seed=config.seed,
        device=place.device,
        threads=place.threads,
        images=ImageStore(data_folder(ws)),
        cache=ws.cache,
        progress=True,
    )
