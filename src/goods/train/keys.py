"""What a trained fold depends on."""

from __future__ import annotations

from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import done_key, is_done
from goods.core.hashing import code_hash, content_hash, file_hash
from goods.core.workspace import Workspace
from goods.models.registry import sources
from goods.prepare.prepared import prepared_key
from goods.train.foundations import (
    key_of,
    labellers,
    scores_key,
    upstream_of,
)

CODE = ("training.py", "foundations.py", "folds.py", "matching/groups.py", "models/base.py")


def inputs_key(ws: Workspace, config: ExperimentConfig) -> str:
    """What the folds of an experiment depend on besides their number."""
    described = config.model_dump(mode="json", exclude={"tune", "name", "refit"})
    code = code_hash(*CODE, *sources(config.model.family))
    return content_hash(described, code, prepared_key(ws), file_hash(ws.folds), scores_key(ws, config))


def fold_key(ws: Workspace, config: ExperimentConfig, k: int) -> str:
    upstream = {name: found.key for name, found in upstream_of(ws, config, k).items()}
    labelled_by = [key_of(ws, config, name, k) for name in labellers(config)]
    return content_hash(inputs_key(ws, config), k, upstream, labelled_by)


def is_trained(ws: Workspace, config: ExperimentConfig, k: int) -> bool:
    """Whether fold k is done with its present inputs."""
    if any(done_key(ws.run(name).fold(k)) is None for name in config.upstream):
        return False
    return is_done(ws.run(config.name).fold(k), fold_key(ws, config, k))


def refits(config: ExperimentConfig) -> bool:
    """Whether test cards get a model of all folds. One fitted on pseudo-labels would be fitted on the test cards."""
    return config.refit and config.pseudo is None
