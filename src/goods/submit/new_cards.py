"""New cards as a reader takes them, batch by batch, their photos, and what was odd about them.

reads:  a parquet or csv file in the competition's test format, a folder of photos
writes: temporary files of the batches' cards and issues, <out>.issues.parquet

All rows are read, and refused, before the first batch is given. Of each card its id is held, and the name of its photo.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.photo_files import Found, find_photos
from goods.cards.photos import usable_among
from goods.cards.rawtext import normalise
from goods.cards.table import COLUMNS, PHOTO, Issues, beside_text, photo_names
from goods.competitions.loading import competition_of
from goods.competitions.raw import require_unique
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import write_parquet
from goods.core.errors import GoodsError, told_as
from goods.core.ids import Id, id_array
from goods.core.log import say
from goods.core.predictions import BLOCK
from goods.core.wording import count
from goods.submit.empty import are_empty
from goods.submit.raw_batches import as_one, raw_batches
from goods.submit.table_writers import written

LAYOUT = "put photos there that are named by id, such as images/test/<id>.jpg, or a zip of them"
OTHERWISE = "labelled without a photo"
SHOWN = 5  # kinds of input problems that are named
AT_ONCE = 1 << 28  # bytes of a file with something wrong that is read again as a whole, to say exactly what


def reader_of(competition: CompetitionConfig) -> Callable[[Path, Issues], pd.DataFrame]:
    """The competition's `read_new`; GoodsError where it has none."""
    contest, name = competition_of(competition), competition.name
    if contest.problem == "pairs":
        raise GoodsError(
            f"{name}: its experiments score pairs, they label no cards; run scripts/match.py CARDS.parquet "
            f"--competition {name} --experiment NAME, which finds pairs among new cards"
        )
    if contest.read_new is None:
        raise GoodsError(
            f"{name}: new cards of this competition cannot be labelled; give its reader a read_new"
        )
    return contest.read_new


class NewCards:
    """Cards of a raw file without answers, `len` of them; photos are looked up in `images` as those of the test split.
    `folder` takes the temporary files. `shares`: those of which nothing is known get the shares of the classes.
    `known`: ids of the competition's own cards, by which those of the file are whole numbers or texts."""

    def __init__(
        self,
        path: Path,
        competition: CompetitionConfig,
        images: Path | None,
        folder: Path,
        rows: int = BLOCK,
        shares: bool = False,
        known: pd.Series | None = None,
    ) -> None:
        contest = competition_of(competition)
        tables = None if contest.tables is None else partial(contest.tables, known=known)
        self.shares = shares
        self.read, self.path, self.images, self.folder = reader_of(competition), path, images, folder
        try:
            self._take_all(raw_batches(path, rows, folder, tables))
        except GoodsError:
            # damage in a column that no reader takes does not matter, and a row is told by its number in the file
            if path.is_file() and path.stat().st_size > AT_ONCE:
                raise
            self._take_all(as_one(path, folder, tables))
        self.found = Found() if images is None else self._photos(images)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def photos(self) -> int:
        """Cards with a photo, whether it can be read or not."""
        return len(self.found.refs)

    def batches(self) -> Iterator[pd.DataFrame]:
        """Card rows in the order of the file. Each batch is given once."""
        for number in range(self.n_batches):
            file = self._file(number)
            cards = pd.read_parquet(file)
            file.unlink()
            issues = Issues()
            good = self._usable(cards.product_id.tolist(), issues)
            refs = [good.get(product_id) for product_id in cards.product_id.tolist()]
            cards["image"] = pd.Series(refs, index=cards.index, dtype="str")
            cards["target"] = -1
            unread = (cards[["title", "description", "attributes"]] == "").all(axis=1)
            nothing = are_empty(cards[unread]) & self.shares
            for product_id, empty in zip(cards.product_id[unread], nothing, strict=True):
                action = "as sure as its class is frequent" if empty else "as sure as the model is"
                issues.add(product_id, "text", "no text was read", f"labelled all the same, {action}")
            self.issues.keep(issues)
            yield cards

    def _take_all(self, parts: Iterable[tuple[int, Path]]) -> None:
        self.issues, self.n_batches, ids = IssueParts(self.folder), 0, []
        self.named: dict[Id, str] | None = None
        for first, file in parts:
            issues = Issues()
            try:
                cards = self.read(file, issues)
            except GoodsError as error:
                named = f"{self.path} from row {first} on" if first else str(self.path)
                raise told_as(named, file, error) from None
            normalise(cards, issues)
            kept = [c for c in (*COLUMNS, *beside_text(cards)) if c in cards]
            cards[kept].to_parquet(self._file(self.n_batches), index=False)
            ids.append(id_array(cards.product_id))
            if PHOTO in cards:
                self.named = (self.named or {}) | photo_names(cards)
            self.issues.keep(issues)
            self.n_batches += 1
        self.ids = np.concatenate(ids)
        require_unique(pd.Series(self.ids), "the id", self.path)

    def _file(self, number: int) -> Path:
        return self.folder / f"cards-{number}.parquet"

    def _photos(self, images: Path) -> Found:
        """Where photos of the cards are below `images`; GoodsError where there is none."""
        if not images.exists():
            raise GoodsError(f"--images {images}: no such folder; name the one with images/test/<id>.jpg")
        if not images.is_dir():
            raise GoodsError(f"--images {images}: a file, expected a folder; name the one it lies in")
        found = find_photos(images, {"test": self.ids.tolist()}, self.named)
        if not found.refs:
            raise GoodsError(f"--images {images}: holds no photo of any of the {len(self)} cards; {LAYOUT}")
        say(f"predict: {found.summary(len(found.refs), len(self))}")
        return found

    def _usable(self, ids: list[Id], issues: Issues) -> dict[Id, str]:
        """product_id → reference of the photos that can be read of a batch's cards."""
        if self.images is None:
            return {}
        return usable_among(self.images, self.found.of(ids), ids, issues, OTHERWISE)


class IssueParts:
    """Input problems written as they come, and counted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.parts, self.rows = folder, 0, 0
        self.kinds: Counter[str] = Counter()
        self.cards: set[Id] = set()

    def keep(self, issues: Issues) -> None:
        if not issues.rows:
            return
        write_parquet(self._file(self.parts), issues.table())
        self.parts += 1
        self.rows += len(issues.rows)
        self.kinds.update(f"{field}: {problem}" for _, field, problem, _ in issues.rows)
        self.cards.update(product_id for product_id, *_ in issues.rows)

    def tables(self) -> Iterator[pd.DataFrame]:
        return (pd.read_parquet(self._file(number)) for number in range(self.parts))

    def _file(self, number: int) -> Path:
        return self.folder / f"issues-{number}.parquet"


def issues_beside(out: Path) -> Path:
    """Where what was odd about the cards goes, which are labelled in `out`."""
    return out.with_suffix(".issues.parquet")


def write_issues(out: Path, issues: IssueParts) -> None:
    """<out>.issues.parquet, and a line that counts what is in it; of no problems, no file."""
    path = issues_beside(out)
    if not issues.rows:
        path.unlink(missing_ok=True)
        return
    with written(path) as write:
        for table in issues.tables():
            write(table)
    named = "; ".join(f"{kind} {n:,}" for kind, n in issues.kinds.most_common(SHOWN))
    noted = f"{count(issues.rows, 'input problem')} of {count(len(issues.cards), 'card')} noted"
    say(f"predict: {noted} in {path} ({named})")
