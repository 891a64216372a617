"""Train the encoders of a contrastive experiment on all cards of a competition, labels unused.

reads:  prepared/cards.parquet of the whole competition, its photos
writes: work/<competition>/cache/pair-<hash>/ (encoders, report.json, DONE), logs/<experiment>/
"""

from __future__ import annotations

import pandas as pd

from goods.cards.images import ImageStore
from goods.cards.table import load_all_cards
from goods.config.experiment import ExperimentConfig
from goods.core.errors import GoodsError
from goods.core.execution import first_gpu, own_resources
from goods.core.log import say
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.models.base import Context
from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.joint.contrastive_model import ContrastiveModel
from goods.models.joint.encoders import NO_LABELS
from goods.prepare.prepared import data_folder


def pretrain(ws: Workspace, config: ExperimentConfig, force: bool = False) -> str:
    """Train both encoders, or find them trained; returns what it learned as a markdown table."""
    model = contrastive_model(ws.whole, config)
    report = model.pretrain(load_all_cards(ws.whole), force)
    say(
        f"pretrain {config.name}: {count(report['cards'], 'card')}, temperature {report['temperature']}, {model.folder}"
    )
    learned = pd.DataFrame({"before": report["before"], "after": report["after"]}, dtype=str)
    learned.index.name = count(report["held_out"], "held-out card")
    return learned.to_markdown(disable_numparse=True)


def contrastive_model(ws: Workspace, config: ExperimentConfig) -> ContrastiveModel:
    """The experiment's model with a whole competition's cache and photos, without labels."""
    if not isinstance(config.model, ContrastiveConfig):
        raise GoodsError(
            f"experiment {config.name} is of family {config.model.family}, not contrastive; name one that is"
        )
    return ContrastiveModel(config.model, context_without_labels(ws, config))


def context_without_labels(ws: Workspace, config: ExperimentConfig) -> Context:
    """A competition's cache and photos, for encoders that learn or are measured without its labels."""
    given = first_gpu(own_resources(1, True))
    return Context(
        labels=NO_LABELS,
        seed=config.seed,
        device=given.device,
        threads=given.threads,
        images=ImageStore(data_folder(ws)),
        cache=ws.cache,
        curves=ws.curves / config.name,
        progress=True,
    )
