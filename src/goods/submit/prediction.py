"""Label new cards with a trained run.

reads:  a raw file in the competition's test format (parquet or csv), runs/<experiment>/
writes: a parquet or csv file: id, predicted_category_id, confidence; for attributes what result.parquet has; beside it
        <out>.issues.parquet, what was odd about the cards
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from goods.cards.hiding import like_test
from goods.cards.labels import Labels
from goods.cards.table import Issues, has_photo, load_cards, select
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.config.loading import load_experiment
from goods.core.artifacts import write_csv, write_parquet
from goods.core.done import check_done
from goods.core.errors import GoodsError
from goods.core.folders import check_writable
from goods.core.log import say
from goods.core.predictions import Predictions, mean_of
from goods.core.workspace import Workspace
from goods.prepare.prepared import parts
from goods.stack.config import StackConfig
from goods.submit.new_cards import LAYOUT, read_new_cards, write_issues
from goods.train.finished import load_run_models
from goods.train.fold import top_k
from goods.train.rows import looks_at_photos

FEWER = 0.05  # difference between the shares of cards with photos that goes without a word


def saved_config(ws: Workspace, experiment: str) -> ExperimentConfig:
    run = ws.run(experiment)
    check_done(run.path, "no finished run", f"train experiment {experiment!r} first")
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
    check_out(out)
    spaces, issues = parts(ws, competition), Issues()
    for space, _ in spaces:
        saved_config(space, experiment)  # before the cards are read
    cards = read_new_cards(path, competition, images, issues)
    warn_of_photos(ws, experiment, cards, [space for space, _ in spaces])
    found = [predict_experiment(space, one, experiment, cards, images) for space, one in spaces]
    said = [(space.attribute, Labels.load(space), p) for (space, _), p in zip(spaces, found, strict=True)]
    table = competition_of(competition).submission.with_confidence(cards, said)
    WRITERS[out.suffix.lower()](out, table)
    write_issues(out, issues)
    say(f"predict {experiment}: {len(table)} cards labelled in {out}")


WRITERS = {".parquet": write_parquet, ".csv": write_csv}


def check_out(out: Path) -> None:
    """GoodsError, before any work, where the file cannot be written."""
    if out.suffix.lower() not in WRITERS:
        raise GoodsError(f"--out {out}: expected a name that ends in {' or '.join(WRITERS)}")
    check_writable(out.parent)


def warn_of_photos(ws: Workspace, experiment: str, cards: pd.DataFrame, spaces: list[Workspace]) -> None:
    """Say so where an experiment that looks at photos meets fewer of them than it was fitted on."""
    if not any(sees_photos(space, experiment) for space in spaces):
        return
    known, _ = like_test(load_cards(ws.whole))
    fitted, here = (has_photo(part).mean() for part in (select(known, "train"), cards))
    if here < fitted - FEWER:
        say(
            f"warning: {experiment} looks at photos: {fitted:.0%} of the cards it was fitted on have one, {here:.0%} "
            f"of these: more labels will be wrong than its score says; give their folder with --images ({LAYOUT})"
        )


def sees_photos(space: Workspace, experiment: str) -> bool:
    config = saved_config(space, experiment)
    joined = config.model.experiments if isinstance(config.model, StackConfig) else ()
    return looks_at_photos(space, config) or any(sees_photos(space, name) for name in joined)
