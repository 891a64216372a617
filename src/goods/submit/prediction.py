"""Label new cards with a trained run.

reads:  a raw file in the competition's test format, runs/<experiment>/
writes: a parquet file: id, predicted_category_id, confidence; for attributes what result.parquet has
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from goods.cards.images import ImageStore
from goods.cards.labels import Labels
from goods.cards.photo_files import find_photos
from goods.cards.photos import audit
from goods.cards.rawtext import normalise
from goods.cards.table import Issues
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import done_key, write_parquet
from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.predictions import Predictions, mean_of
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.stack.config import StackConfig
from goods.train.finished import load_run_models
from goods.train.fold import top_k


def read_new_cards(path: Path, competition: CompetitionConfig, images: Path | None) -> pd.DataFrame:
    """Card rows of a raw file without answers; photos are looked up in `images` as those of the test split."""
    read = competition_of(competition).read_new
    if read is None:
        raise GoodsError(
            f"{competition.name}: new cards of this competition cannot be labelled; its reader has no read_new"
        )
    issues = Issues()
    cards = read(path, issues)
    normalise(cards, issues)
    cards["image"] = pd.Series(None, index=cards.index, dtype="str")
    if images is not None:
        found = find_photos(images, {"test": cards.product_id.tolist()})
        good, _ = audit(ImageStore(images), found.refs)
        cards["image"] = (
            cards.product_id.map(good).astype("str").where(cards.product_id.isin(list(good)), None)
        )
    cards["target"] = -1
    return cards


def saved_config(ws: Workspace, experiment: str) -> ExperimentConfig:
    run = ws.run(experiment)
    if done_key(run.path) is None:
        raise GoodsError(f"{run.path}: no finished run; train experiment {experiment!r} first")
    return load_experiment(run.config)


def predict_experiment(
    ws: Workspace, competition: CompetitionConfig, experiment: str, cards: pd.DataFrame, images: Path | None
) -> Predictions:
    """Mean of the run's fold models; a stack asks its base experiments first."""
    config = saved_config(ws, experiment)
    if isinstance(config.model, StackConfig):
        from goods.stack.stage import predict_stack

        base = [predict_experiment(ws, competition, e, cards, images) for e in config.model.experiments]
        return predict_stack(ws, competition, config, cards, base)
    models = load_run_models(ws, competition, config, images)
    return mean_of([top_k(model, cards) for model in models])


def predict_file(
    ws: Workspace, competition: CompetitionConfig, experiment: str, path: Path, images: Path | None, out: Path
) -> None:
    cards = read_new_cards(path, competition, images)
    spaces = parts(ws, competition)
    found = [predict_experiment(space, one, experiment, cards, images) for space, one in spaces]
    said = [(space.attribute, Labels.load(space), p) for (space, _), p in zip(spaces, found, strict=True)]
    table = competition_of(competition).submission.with_confidence(cards, said)
    write_parquet(out, table)
    say(f"predict {experiment}: {len(table)} cards labelled in {out}")
