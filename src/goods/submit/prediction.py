"""Label new cards with a trained run.

reads:  a raw file in the competition's test format (parquet or csv), runs/<experiment>/
writes: a parquet or csv file: id, predicted_category_id, confidence; for attributes what result.parquet has; beside it
        <out>.issues.parquet, what was odd about the cards
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from goods.cards.hiding import like_test
from goods.cards.labels import Labels
from goods.cards.table import has_photo, load_cards, load_ids, select
from goods.competitions.loading import competition_of
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.folders import check_apart, check_writable
from goods.core.locks import sole_writer
from goods.core.log import say
from goods.core.predictions import BLOCK
from goods.core.progress import bar
from goods.core.workspace import Workspace
from goods.stack.config import StackConfig
from goods.submit.batches import Asked, answering, of_one_training
from goods.submit.empty import EmptyCards, are_empty
from goods.submit.entries import joined
from goods.submit.new_cards import LAYOUT, NewCards, issues_beside, write_issues
from goods.submit.predictor import saved_config, warn_of_shares
from goods.submit.table_writers import WRITERS, written
from goods.train.rows import looks_at_photos

FEWER = 0.05  # difference between the shares of cards with photos that goes without a word

PATIENT = 4  # batches of which one is made where models are loaded again for each


def predict_file(
    ws: Workspace,
    competition: CompetitionConfig,
    experiment: str,
    path: Path,
    images: Path | None,
    out: Path,
    rows: int = BLOCK,
    plain: bool = False,
) -> int:
    """Label the cards of `path`, `rows` at a time: memory does not grow with their number, which is returned. `plain`:
    in the columns of result.parquet, of the same test cards the same bytes; else cards of which nothing is known
    get the shares of the classes."""
    check_out(out, path)
    ws.check_outside(out)
    asked = Asked(ws, competition, experiment, images)
    spaces = [space for space, _ in asked.spaces]
    stay = asked.fits
    with (
        sole_writer(out),
        of_one_training(asked) as check,
        tempfile.TemporaryDirectory(prefix="goods-cards-") as folder,
    ):
        rows = rows if stay else rows * PATIENT
        cards = NewCards(path, competition, images, Path(folder), rows, not plain, load_ids(ws.whole))
        warn_of_photos(ws, experiment, cards.photos / len(cards), images, spaces)
        warn_of_ids(experiment, spaces)
        warn_of_shares(experiment, spaces)
        by = answering(asked, stay)
        labels = [(space.attribute, Labels.load(space)) for space in spaces]
        check()
        submission = competition_of(competition).submission

        @cache
        def shares() -> list[EmptyCards]:
            found = [EmptyCards.of(space) for space in spaces]
            check()  # they are read when the first card asks for them
            return found

        table = submission.table if plain else submission.with_confidence
        with written(out) as write, bar_over(cards, experiment, by.steps) as step:
            for batch, found in by.answers(cards.batches(), step):
                if not plain and (empty := are_empty(batch)).any():
                    found = [e.answered(empty, one) for e, one in zip(shares(), found, strict=True)]
                said = [(*named, p) for named, p in zip(labels, found, strict=True)]
                write(table(batch, said))
            if by.loads_again:
                check()
        write_issues(out, cards.issues)
        return len(cards)


@contextmanager
def bar_over(cards: NewCards, experiment: str, steps: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr over the cards; what it gives is called with a number of cards at each of their `steps`."""
    with bar(f"predict {experiment}", len(cards), "cards") as shown:
        done = 0

        def step(n: int) -> None:
            nonlocal done
            done += n
            shown.update(done // steps - shown.n)

        yield step


def check_out(out: Path, cards: Path) -> None:
    """GoodsError, before any work, where the file cannot be written or is that of the cards."""
    if out.suffix.lower() not in WRITERS:
        raise GoodsError(f"--out {out}: expected a name that ends in {' or '.join(WRITERS)}")
    check_writable(out.parent)
    for file in (out, issues_beside(out)):
        check_apart(file, cards, "file")


def warn_of_photos(
    ws: Workspace, experiment: str, here: float, images: Path | None, spaces: list[Workspace]
) -> None:
    """Say so where an experiment that looks at photos meets fewer of them than it was fitted on: `here` is the share of
    the cards that have one, `images` where they were looked for."""
    if not any(sees_photos(space, experiment) for space in spaces):
        return
    known, _ = like_test(load_cards(ws.whole))
    fitted = has_photo(select(known, "train")).mean()
    if here < fitted - FEWER:
        mend = f"put those that are missing into {images}" if images else "give their folder with --images"
        say(
            f"warning: {experiment} looks at photos: {fitted:.0%} of the cards it was fitted on have one, {here:.0%} "
            f"of these: more labels will be wrong than its score says; {mend} ({LAYOUT})"
        )


def warn_of_ids(experiment: str, spaces: list[Workspace]) -> None:
    """Say so where a stack was fitted with the order of ids, which new cards have no place in."""
    models = (saved_config(space, experiment).model for space in spaces)
    if any(isinstance(model, StackConfig) and model.id_order for model in models):
        say(
            f"warning: {experiment} was fitted with id_order: ids tell something of the contest's own cards alone, new "
            "ones are labelled without, less well than its score says; for them train a stack without id_order"
        )


def sees_photos(space: Workspace, experiment: str) -> bool:
    config = saved_config(space, experiment)
    return looks_at_photos(space, config) or any(sees_photos(space, name) for name in joined(config))
