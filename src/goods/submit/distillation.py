"""A student of a finished experiment: one small model that says nearly what a stack says, in microseconds a card.

reads:  runs/<teacher>/ oof.npz test.npz report.json, an experiment config of family student, a raw file of unlabelled
        cards in the competition's test format
writes: runs/<student>/ as train/ does; all_folds/ is what new cards are asked of, it and the config are all it takes;
        unlabelled/<student>/ cards.parquet said.npz DONE: the unlabelled cards and what the teacher says of them
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from goods.cards.table import COLUMNS, beside_text, count_cards, load_asked_ids
from goods.competitions.loading import competition_of, reader_module
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core.artifacts import read_json, write_parquet
from goods.core.code import code_hash
from goods.core.done import DONE, begin, is_done, mark_done
from goods.core.errors import GoodsError
from goods.core.filehashes import FileHashes
from goods.core.folders import walk
from goods.core.hashing import content_hash, file_hash
from goods.core.ids import are_numbers
from goods.core.locks import one_at_a_time
from goods.core.log import say
from goods.core.predictions import joined
from goods.core.wording import size
from goods.core.workspace import ALL, Workspace
from goods.prepare.prepared import parts, prepared_key
from goods.submit.batches import Asked, of_one_training
from goods.submit.new_cards import NewCards
from goods.submit.prediction import bar_over
from goods.submit.predictor import done_folders, saved_config, size_of
from goods.submit.raw_batches import check_file
from goods.train.stage import train
from goods.train.teaching import CARDS, SAID, check_further


def distil(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    unlabelled: Path | None = None,
    images: Path | None = None,
    force: bool = False,
) -> None:
    """Train the student that `config` describes, one per attribute where a competition has several. Folds are for its
    out-of-fold score; what is asked of new cards is fitted on all of them."""
    teacher = config.model.taught_by
    if teacher is None:
        raise GoodsError(
            f"experiment {config.name} is of family {config.model.family}, which learns from no other; give a student's"
        )
    if images is not None and unlabelled is None:
        raise GoodsError(
            f"--images {images}: are those of the cards that --unlabelled names; add it, or leave them out"
        )
    for space, one in parts(ws, competition):
        saved_config(space, teacher)  # raises unless it is finished
        student = config.model_copy(update={"competition": one.name})
        if unlabelled is not None:
            folder = label(space, one, student, unlabelled, images, force)
            student = student.model_copy(update={"model": student.model.changed(further=str(folder))})
        student = student.model_copy(update={"model": student.model.for_cards(cards_learned(space, student))})
        train(space, one, student, force=force)
        say(summary(space, student, teacher))


def cards_learned(ws: Workspace, config: ExperimentConfig) -> int:
    """How many cards a student of all folds learns from: those of train and test, and further ones."""
    folder = config.model.further_cards
    if folder is None:
        return count_cards(ws)
    check_further(folder)
    return count_cards(ws) + pq.read_metadata(folder / CARDS).num_rows


def label(
    ws: Workspace,
    competition: CompetitionConfig,
    config: ExperimentConfig,
    unlabelled: Path,
    images: Path | None,
    force: bool,
) -> Path:
    """The folder of the unlabelled cards, those of train and test left out, and of what the teacher says of them."""
    teacher = str(config.model.taught_by)
    folder = ws.path / "unlabelled" / config.name
    check_file(unlabelled, competition_of(competition).tables)
    key = content_hash(
        file_hash(unlabelled),
        None if images is None else content_of_all(images, ws.cache / f"unlabelled-{config.name}.npz"),
        [file_hash(folder / DONE) for folder in done_folders(ws, competition, teacher)],
        prepared_key(ws),
        code_hash(__name__, reader_module(competition.reader)),
    )
    with one_at_a_time(folder):
        if not force and is_done(folder, key):
            say(f"distil: {unlabelled} is labelled by {teacher} already")
            return folder
        begin(folder, key)
        write_labelled(ws, competition, teacher, unlabelled, images, folder)
        mark_done(folder, key)
    return folder


def content_of_all(images: Path, kept: Path) -> str:
    """Hash of the files below a folder, wherever it lies; `kept` is a cache of theirs."""
    names, hashes = walk(images).files, FileHashes(images, kept)
    found = content_hash(list(zip(names, hashes.of(names), strict=True)))
    hashes.save()
    return found


def write_labelled(
    ws: Workspace,
    competition: CompetitionConfig,
    teacher: str,
    unlabelled: Path,
    images: Path | None,
    folder: Path,
) -> None:
    known = load_asked_ids(ws)
    finished = Asked(ws, competition, teacher, images)
    cards, said = [], []
    with of_one_training(finished) as check, tempfile.TemporaryDirectory(prefix="goods-cards-") as temporary:
        (asked,) = finished.predictors(stay=finished.fits)
        new = NewCards(unlabelled, competition, images, Path(temporary), known=known)
        of_rows = competition_of(competition).row_ids
        with bar_over(new, teacher, asked.steps) as bar:
            for batch in new.batches():
                mine = further(batch, known, of_rows, unlabelled)
                if len(mine):
                    said.append(asked.predict(mine, partial(bar, len(batch))))
                    cards.append(mine[[*COLUMNS, *beside_text(mine)]])
        check()
    if not cards:
        raise GoodsError(
            f"--unlabelled {unlabelled}: all of its cards are train or test cards already; name a file of others"
        )
    write_parquet(folder / CARDS, pd.concat(cards, ignore_index=True))
    joined(said).save(folder / SAID)
    say(f"distil: {sum(map(len, cards))} further cards labelled by {teacher}")


def further(batch: pd.DataFrame, known: pd.Series, of_rows: bool, path: Path) -> pd.DataFrame:
    """The cards of a batch whose ids are none of those `known`, as which they are texts or whole numbers; ids `of_rows`
    go on after those known, as row 0 of one file is not that of another."""
    if of_rows:
        return batch.assign(product_id=batch.product_id + known.max() + 1)
    if not are_numbers(known):
        batch = batch.assign(product_id=batch.product_id.astype("str"))
    elif not are_numbers(batch.product_id):
        raise GoodsError(
            f"--unlabelled {path}: its ids are texts such as {batch.product_id.iloc[0]!r}, those of the competition's "
            "own cards whole numbers; number them"
        )
    return batch[~batch.product_id.isin(known)].reset_index(drop=True)


def summary(ws: Workspace, config: ExperimentConfig, teacher: str) -> str:
    """Scores side by side, speed and size of what is asked of new cards."""
    own, of_teacher = (read_json(ws.run(name).report) for name in (config.name, teacher))
    folder = ws.run(config.name).fold(ALL)
    speed = read_json(folder / "report.json")["cards_per_second"]
    return (
        f"distil {config.name}: out-of-fold {own['metric']} {own['score']:.4f} (optimistic: {teacher} has seen every "
        f"fold), {teacher} {of_teacher['score']:.4f}; {speed:,.0f} cards/s, {size(size_of(folder))} in {folder}"
    )
