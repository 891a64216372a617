"""Rows of the ledger as runs of MLflow too, where the environment variable GOODS_MLFLOW names a place for them."""

from __future__ import annotations

import math
import os
from typing import Any

from goods.core.log import say
from goods.core.wording import in_a_line

VARIABLE = "GOODS_MLFLOW"  # a tracking URI: http://host:5000, sqlite:///runs.db
LONGEST = 500  # characters of a parameter
NAMES = ("competition", "experiment")  # what an experiment and a run of MLflow are called by


def mirror(row: dict[str, Any], numbers: tuple[str, ...]) -> None:
    """A run of the experiment that bears the competition's name: `numbers` of the row as metrics, the rest as
    parameters. What fails is a line: the ledger has the row all the same."""
    place = os.environ.get(VARIABLE)
    if not place:
        return
    try:
        log(place, row, numbers)
    except ImportError:
        say(f"{VARIABLE}: the package mlflow is not there; pip install 'goods[mlflow]'")
    except Exception as error:  # of a server, a database, a file: whatever MLflow meets
        told = in_a_line(error)
        say(f"{VARIABLE}: {place} did not take the row of {row['experiment']} ({told}); the ledger has it")


def log(place: str, row: dict[str, Any], numbers: tuple[str, ...]) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=place)
    competition, name = (str(row[key]) for key in NAMES)
    there = client.get_experiment_by_name(competition)
    experiment = client.create_experiment(competition) if there is None else there.experiment_id
    run = client.create_run(experiment, run_name=name).info.run_id
    for key, value in row.items():
        if value is None or value == "":
            continue
        if key not in numbers:
            client.log_param(run, key, str(value)[:LONGEST])
        elif math.isfinite(value):
            client.log_metric(run, key, float(value))
    client.set_terminated(run)
