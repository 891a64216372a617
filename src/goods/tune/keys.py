"""What a study depends on."""

from __future__ import annotations

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.hashing import content_hash
from goods.core.workspace import Workspace
from goods.stack.stage import stack_key
from goods.train.keys import inputs_key


def study_key(ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig) -> str:
    """Of an experiment's inputs, the metric and its `tune:` block."""
    assert config.tune is not None
    stacked = config.model.second_level
    inputs = stack_key(ws, competition, config) if stacked else inputs_key(ws, config)
    return content_hash(inputs, competition.metric, config.tune.model_dump(mode="json"))
