"""What an experiment builds on: finished runs below it, by their keys, folds and predictions, and the context its
models are given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from goods.cards.images import ImageStore
from goods.cards.labels import Labels
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import done_key
from goods.core.errors import GoodsError
from goods.core.execution import Place
from goods.core.hashing import file_hash
from goods.core.predictions import Predictions
from goods.core.workspace import ALL, Run, Workspace
from goods.matching.products import Products
from goods.metrics import PAIR_METRICS
from goods.models.base import Context, Upstream
from goods.models.pairs.pairs import PairsConfig
from goods.models.registry import PAIRED
from goods.prepare.prepared import data_folder


def check_kind(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> None:
    """GoodsError where an experiment for cards meets pairs of them, or the other way round."""
    paired = config.model.family in PAIRED
    if paired != (competition.metric in PAIR_METRICS):
        needs = "matches products" if paired else "classifies cards"
        raise GoodsError(
            f"experiment {config.name}: family {config.model.family} is for a competition that {needs}; "
            f"{competition.name} does not"
        )
    if paired and config.pseudo is not None:
        raise GoodsError(
            f"experiment {config.name}: pseudo: does not apply to pairs: test pairs share products with scored ones"
        )
    for name in config.model.scored_by:
        below = load_experiment(scored_run(ws, config, name).config)
        if isinstance(below.model, PairsConfig):
            raise GoodsError(
                f"experiment {config.name}: {name} is of family pairs itself; name its experiments"
            )


def scored_run(ws: Workspace, config: ExperimentConfig, name: str) -> Run:
    """A finished run whose predictions are features of `config`; GoodsError where it was not trained."""
    run = ws.run(name)
    if not (run.oof.is_file() and run.test.is_file()):
        raise GoodsError(
            f"experiment {config.name} builds on {name}, which is not trained; "
            f"run scripts/train.py configs/{config.competition}/{name}.yaml first"
        )
    return run


def scores_key(ws: Workspace, config: ExperimentConfig) -> list[str]:
    """Hashes of the predictions that are features of this experiment."""
    runs = [scored_run(ws, config, name) for name in config.model.scored_by]
    return [file_hash(path) for run in runs for path in (run.oof, run.test)]


def said_of_all(run: Run) -> Predictions:
    """What an experiment says of every row: out of fold of train rows, submitted of test rows."""
    oof, test = Predictions.load(run.oof), Predictions.load(run.test)
    return Predictions(
        np.concatenate([oof.product_id, test.product_id]),
        np.concatenate([oof.classes, test.classes]),
        np.concatenate([oof.proba, test.proba]),
    )


def labellers(config: ExperimentConfig) -> tuple[str, ...]:
    return config.pseudo.experiments if config.pseudo else ()


def key_of(ws: Workspace, config: ExperimentConfig, name: str, k: int) -> str:
    """The key under which fold k of an experiment below `config` was trained; GoodsError where it was not."""
    key = done_key(ws.run(name).fold(k))
    if key is None:
        missing = "is not fitted on all folds" if k == ALL else f"has no trained fold {k}"
        how = " with --set refit=true" if k == ALL else ""
        raise GoodsError(
            f"experiment {config.name} builds on {name}, which {missing}; "
            f"run scripts/train.py configs/{config.competition}/{name}.yaml{how} first"
        )
    return key


def upstream_of(ws: Workspace, config: ExperimentConfig, k: int) -> dict[str, Upstream]:
    """Fold k of the experiments that `config` builds on."""
    found = {}
    for name in config.model.upstream:
        run = ws.run(name)
        key = key_of(ws, config, name, k)
        other = load_experiment(run.config)
        if (other.seed, other.inner_share) != (config.seed, config.inner_share):
            raise GoodsError(
                f"experiment {config.name}: seed and inner_share must be those of {name}: its training cards "
                "would be in the inner split that stops and calibrates this one"
            )
        found[name] = Upstream(other.model, run.fold(k), key)
    return found


def tuned_below(ws: Workspace, config: ExperimentConfig) -> tuple[int, ...]:
    """Folds that studies have used of the experiment or of any it builds on."""
    used = set(config.tuned_on)
    for name in config.upstream:
        used |= set(tuned_below(ws, load_experiment(ws.run(name).config)))
    return tuple(sorted(used))


def make_context(
    ws: Workspace,
    config: ExperimentConfig,
    place: Place,
    scratch: Path | None,
    progress: bool,
    fold: int | None = None,
) -> Context:
    return Context(
        labels=Labels.load(ws),
        seed=config.seed,
        device=place.device,
        threads=place.threads,
        images=ImageStore(data_folder(ws))
        if config.model.family in ("image", "contrastive") or config.model.upstream
        else None,
        cache=ws.cache,
        scratch=scratch,
        progress=progress,
        upstream={} if fold is None else upstream_of(ws, config, fold),
    )


def pair_context(ws: Workspace, config: ExperimentConfig, context: Context) -> Context:
    """Of a matching experiment with its products and what other experiments say of their pairs."""
    if config.model.family not in PAIRED:
        return context
    scores = {name: said_of_all(scored_run(ws, config, name)) for name in config.model.scored_by}
    return replace(context, products=Products.load(ws), scores=scores)
