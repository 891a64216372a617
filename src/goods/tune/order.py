"""Trials in the order of their draws: samplers go by the order of trials, and by it alone where values are equal."""

from __future__ import annotations

from pathlib import Path

import optuna

from goods.core.artifacts import atomic
from goods.tune.storage import open_storage, study_file
from goods.tune.study import DRAW, FINISHED


def put_in_order(study: optuna.Study, path: Path) -> bool:
    """Number the finished trials of a study in a file by their draws; whether they were not. A worker that was killed
    beside others leaves a trial that is done again under a later number than theirs.

    Only where nobody else has the study open, which has to be opened anew.
    """
    finished = study.get_trials(deepcopy=False, states=FINISHED)
    ordered = sorted(finished, key=lambda trial: trial.user_attrs[DRAW])
    if finished == ordered:
        return False
    with atomic(path) as temporary:
        temporary.unlink()  # a database makes its file itself
        storage = open_storage(study_file(temporary))
        copy = optuna.create_study(study_name=study.study_name, storage=storage, direction="maximize")
        copy.add_trials(ordered)
        storage.close()
    return True
