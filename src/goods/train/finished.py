"""Models of a finished run, for new rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from goods.cards.images import ImageStore
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import done_key
from goods.core.errors import GoodsError
from goods.core.execution import places
from goods.core.predictions import Predictions
from goods.core.workspace import ALL, Workspace
from goods.matching.products import Products
from goods.models.base import Model
from goods.models.registry import ON_GPU, build
from goods.train.foundations import (
    make_context,
)
from goods.train.keys import refits


def load_run_models(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    images: Path | None,
    products: Products | None = None,
    scores: dict[str, Predictions] | None = None,
) -> Iterator[Model]:
    """The models that a finished run's test predictions come from, one at a time, for new cards whose photos are
    below `images`, or new pairs of `products` and what other experiments say of them."""
    run = ws.run(config.name)
    place = places(1, config.model.family in ON_GPU)[0][0]
    for k in [ALL] if refits(config) else range(competition.n_folds):
        if done_key(run.fold(k)) is None:
            raise GoodsError(f"{run.fold(k)}: not trained; run scripts/train.py first")
        context = make_context(ws, config, place, None, False, k)
        context = replace(
            context,
            cache=None,
            images=ImageStore(images) if images else None,
            products=products,
            scores=scores or {},
        )
        model = build(config.model, context)
        model.load(run.fold(k))
        yield model
