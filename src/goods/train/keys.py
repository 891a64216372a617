"""What a trained fold depends on: computed from its config, data, code and what it builds on."""

from __future__ import annotations

from typing import Any

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.code import code_hash, module_hashes
from goods.core.done import done_key, is_done
from goods.core.hashing import content_hash, file_hash
from goods.core.workspace import ALL, Workspace
from goods.prepare.prepared import prepared_key
from goods.train.foundations import labelled_by, scores_key, upstream_of

FITTED_BY = "goods.train.fold"  # what writes the folder of a fold
NOT_FITTED = frozenset({"tune", "name", "refit"})  # settings that change nothing in a fold


def inputs_key(ws: Workspace, config: ExperimentConfig) -> str:
    """What the folds of an experiment depend on besides their number."""
    return content_hash(
        config.described(NOT_FITTED),
        code_hash(FITTED_BY, *config.model.modules),
        prepared_key(ws),
        file_hash(ws.folds),
        scores_key(ws, config),
    )


def fold_key(ws: Workspace, config: ExperimentConfig, k: int) -> str:
    """What fold k depends on: of the folds it builds on what is in them, and the settings and code they are used by."""
    upstream = {
        name: (found.key, found.config.described(), code_hash(*found.config.modules))
        for name, found in upstream_of(ws, config, k).items()
    }
    return content_hash(inputs_key(ws, config), k, upstream, labelled_by(ws, config, k))


def fold_inputs(ws: Workspace, config: ExperimentConfig, k: int) -> dict[str, Any]:
    """What `fold_key` is made of, part by part."""
    below = {name: found.key for name, found in upstream_of(ws, config, k).items()}
    return {
        "settings": config.described(NOT_FITTED),
        "code": module_hashes(FITTED_BY, *config.model.modules),
        "prepared": prepared_key(ws),
        "folds": file_hash(ws.folds),
        "built on": below | {"scores": scores_key(ws, config), "labels": labelled_by(ws, config, k)},
    }


def is_trained(ws: Workspace, config: ExperimentConfig, k: int) -> bool:
    """Whether fold k is done with its present inputs."""
    if any(done_key(ws.run(name).fold(k)) is None for name in (*config.model.upstream, *config.labellers)):
        return False
    if any(done_key(ws.run(name).path) is None for name in config.model.scored_by):
        return False
    return is_done(ws.run(config.name).fold(k), fold_key(ws, config, k))


def refits(config: ExperimentConfig) -> bool:
    """Whether test cards get a model of all folds. One fitted on pseudo-labels would be fitted on the test cards."""
    return config.refit and config.pseudo is None


def judges(config: ExperimentConfig, competition: CompetitionConfig) -> list[int]:
    """Which models speak of rows that are in no fold: those of the folds, of folds in order of time the last, which
    has seen most; or that of all of them."""
    if refits(config):
        return [ALL]
    return list(range(competition.n_folds))[-1 if competition.order_by else 0 :]
