"""What the models of an experiment are given besides rows."""

from __future__ import annotations

from pathlib import Path

from goods.cards.images import ImageStore
from goods.cards.labels import Labels
from goods.config.experiment import ExperimentConfig
from goods.core.execution import Resources
from goods.core.workspace import Workspace
from goods.models.base import Context
from goods.prepare.prepared import data_folder
from goods.problems.kinds import problem_of
from goods.train.foundations import upstream_of
from goods.train.teaching import scores_of


def make_context(
    ws: Workspace,
    config: ExperimentConfig,
    resources: Resources,
    scratch: Path | None,
    progress: bool,
    fold: int | None = None,
    fitted: bool = False,
) -> Context:
    """What models of an experiment are given; with `fold` also that fold of the experiments below. One that is `fitted`
    needs not what others say of the rows it learned from."""
    return Context(
        labels=Labels.load(ws),
        seed=config.seed,
        device=resources.device,
        threads=resources.threads,
        images=ImageStore(data_folder(ws)) if config.model.needs_photos or config.model.upstream else None,
        cache=ws.cache,
        scratch=scratch,
        curves=None if scratch is None else ws.curves / scratch.relative_to(ws.runs),
        progress=progress,
        upstream={} if fold is None else upstream_of(ws, config, fold),
        scores={} if fitted else scores_of(ws, config),
        **problem_of(ws).materials(ws),
    )
