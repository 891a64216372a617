"""An experiment under several fold assignments: what its score owes to how folds were dealt.

reads:  folds_<r>.parquet and what train reads
writes: runs/<experiment>-repeats/ report.json, repeat_<r>/ as runs/<experiment>/
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import read_json, write_json
from goods.core.log import say
from goods.core.workspace import Workspace
from goods.train.foundations import tuned_below
from goods.train.stage import train


def train_repeats(
    ws: Workspace, competition: CompetitionConfig, config: ExperimentConfig, force: bool = False
) -> dict[str, Any] | None:
    """Train a finished experiment under the competition's other fold assignments too, and report the mean of all; None
    where there are none, or a study has used cards that are in every fold of them."""
    if competition.repeats == 1:
        return None
    if used := tuned_below(ws, config):
        say(
            f"train {config.name}: no repeats: a study has used cards of folds {list(used)}, which other assignments "
            "have in every fold"
        )
        return None
    spaces = [replace(ws, repeat=r) for r in range(competition.repeats)]
    anew = [train(space, competition, config, force=force) for space in spaces[1:]]
    said = [read_json(space.run(config.name).report) for space in spaces]
    scores = [one["score"] for one in said]
    report = {
        "metric": said[0]["metric"],
        "score": round(float(np.mean(scores)), 6),
        "sd": round(float(np.mean([one["sd"] for one in said])), 6),
        "between": round(float(np.std(scores, ddof=1)), 6),
        "scores": scores,
        "folds": sum(len(one["folds"]) for one in said),
        "fit_seconds": round(sum(sum(one["fit_seconds"]) for one in said), 2),
    }
    write_json(ws.repeats(config.name), report)
    say(
        f"train {config.name}: mean of {len(scores)} fold assignments {report['metric']} {report['score']:.4f}, "
        f"± {report['between']:.4f} between them"
    )
    return report | {"anew": any(anew)}
