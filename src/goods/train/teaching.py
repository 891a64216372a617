"""What a student learns besides the train cards: test cards and further ones, as its teacher labels them.

reads: runs/<teacher>/ oof.npz test.npz, a folder of further cards: cards.parquet, said.npz (predictions of them)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from goods.config.experiment import ExperimentConfig
from goods.core.done import check_done
from goods.core.predictions import Predictions, joined
from goods.core.workspace import Workspace
from goods.train.foundations import said_of_all, scored_run

CARDS, SAID = "cards.parquet", "said.npz"


def scores_of(ws: Workspace, config: ExperimentConfig) -> dict[str, Predictions]:
    """What the experiments that `config` is scored or taught by say of all rows, a teacher of further cards too."""
    found = {name: said_of_all(scored_run(ws, config, name)) for name in config.model.scored_by}
    teacher, folder = config.model.taught_by, config.model.further_cards
    if teacher is not None and folder is not None:
        check_further(folder)
        found[teacher] = joined([found[teacher], Predictions.load(folder / SAID)])
    return found


def taught_cards(
    config: ExperimentConfig, test: pd.DataFrame, scores: dict[str, Predictions]
) -> pd.DataFrame:
    """Test cards and further ones, the class that the teacher gives them as target."""
    teacher, folder = config.model.taught_by, config.model.further_cards
    assert teacher is not None
    parts = [test]
    if folder is not None:
        parts.append(pd.read_parquet(folder / CARDS)[list(test.columns)])
    cards = pd.concat(parts, ignore_index=True)
    said = scores[teacher].aligned(cards.product_id.to_numpy())
    return cards.assign(target=said.classes[:, 0].astype(np.int32))


def check_further(folder: Path) -> None:
    check_done(folder, "no labelled cards", "run scripts/distil.py with --unlabelled again")
