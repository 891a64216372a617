"""Models of a finished run, for new rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from goods.cards.images import ImageStore
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.done import check_done
from goods.core.errors import within
from goods.core.execution import first_gpu, own_resources
from goods.core.kept import Kept
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.matching.products import Products
from goods.models.base import Model
from goods.train.commands import given_to_a_script
from goods.train.context import make_context
from goods.train.keys import judges


def load_run_models(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    images: Path | None,
    products: Products | None = None,
    scores: dict[str, Predictions] | None = None,
    kept: Kept | None = None,
) -> Iterator[Model]:
    """The models that a finished run's test predictions come from, one at a time, for new cards whose photos are
    below `images`, or new pairs of `products` and what other experiments say of them. What they make of the same cards
    alike is made once where it can be `kept`."""
    run = ws.run(config.name)
    given = first_gpu(own_resources(competition.n_folds, config.model.on_gpu))
    for k in judges(config, competition):
        mend = f"run scripts/train.py {given_to_a_script(ws, config.name)} first"
        check_done(run.fold(k), "not trained", mend)
        context = replace(
            make_context(ws, config, given, None, False, k, fitted=True),
            cache=None,
            images=ImageStore(images) if images else None,
            products=products,
            scores=scores or {},
            kept=kept,
        )
        model = config.model.build(context)
        with within(f"experiment {config.name}, {run.fold(k).name}"):
            model.load(run.fold(k))
        yield model
