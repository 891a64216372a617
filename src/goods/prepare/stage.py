"""Raw files → card table, labels, list of input problems.

reads:  data/<competition>/ (or --data DIR); the demo competition generates its own
writes: work/<competition>/prepared/{cards.parquet,raw_text.parquet,labels.json,issues.parquet,door.json,source.json};
        where attributes are asked for, cards.parquet has a class index per attribute (target_<name>, -1 unknown) in
        place of labels, and work/<competition>/<attribute>/prepared/ is what other competitions have; where products
        are matched, cards.parquet has what only matching reads besides, pairs.parquet what is asked and vectors.npz
        embeddings; work/<competition>/logs/prepare.txt, what was said
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from goods.cards.photo_files import find_photos
from goods.cards.table import PHOTO, photo_names
from goods.competitions.contract import check_returned
from goods.competitions.inputs import Inputs
from goods.competitions.loading import competition_of, reader_module
from goods.competitions.raw import RawPairs
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import write_text
from goods.core.code import code_hash
from goods.core.done import LOGS, is_done, mark_done
from goods.core.errors import within
from goods.core.filehashes import FileHashes
from goods.core.folders import check_room
from goods.core.hashing import content_hash
from goods.core.log import heard, say
from goods.core.taken import measured
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.prepare.cards import write_cards
from goods.prepare.pairs import write_pairs
from goods.prepare.prepared import parts
from goods.prepare.sources import Sources, ids_of, kept, present

TOLD = f"{LOGS}/prepare.txt"  # what was said
TABLES = (".parquet", ".csv")
PREPARED = 1.5  # bytes of prepared/ for one of the raw tables


def generated(ws: Workspace, config: CompetitionConfig) -> Path:
    """The folder below the work folder where a competition that makes its own raw files has them."""
    make = competition_of(config).generate
    assert make is not None
    key = content_hash(
        config.demo_rows, config.demo_classes, config.seed, code_hash(reader_module(config.reader))
    )
    if not is_done(ws.raw, key):
        make(ws.raw, config)
        mark_done(ws.raw, key)
    return ws.raw


def settings_key(config: CompetitionConfig) -> str:
    """Hash of the code and options that raw files are read with."""
    code = code_hash(__name__, reader_module(config.reader))
    settings = competition_of(config).settings
    return content_hash(config.reader, config.targets, config.group_near_duplicates, settings, code)


def tables_in(data: Path) -> int:
    """Bytes of the tables in a folder of raw files, those in parts included."""
    found = (path for suffix in TABLES for way in ("*", "*/*") for path in data.glob(f"{way}{suffix}"))
    return sum(path.stat().st_size for path in found if path.is_file())


def prepare(ws: Workspace, config: CompetitionConfig, data: Path | None, force: bool = False) -> None:
    competition = competition_of(config)
    if data is None:
        data = generated(ws, config) if competition.generate else Path(config.data)
    data = data.resolve()
    if not data.is_dir():
        competition.read(data)  # raises with the reader's own advice
    settings = settings_key(config)
    hashes = FileHashes(data, ws.cache / "hashes.npz")
    spaces = {ws, *(space for space, _ in parts(ws, config))}
    if not force and kept(spaces, present(ws, data, settings, hashes)):
        say(f"prepare: unchanged, {ws.cards} kept{found_before(ws)}")
        return
    check_room({ws.path: PREPARED * tables_in(data)}, "the prepared cards")
    with measured() as taken, heard() as told:
        write(ws, config, data, hashes, settings)
    taken.note(ws.path)  # not in prepared/, all of whose files are data
    write_text(ws.path / TOLD, "".join(f"{message}\n" for message in told))


def found_before(ws: Workspace) -> str:
    """What was odd when the cards were prepared, counted, and where it is told; nothing where nothing was."""
    told = ws.path / TOLD
    if not (ws.issues.is_file() and told.is_file()):
        return ""
    lines = told.read_text(encoding="utf-8").splitlines()
    warned, problems = (
        sum(line.startswith("warning:") for line in lines),
        pq.read_metadata(ws.issues).num_rows,
    )
    found = [count(warned, "warning")] * (warned > 0) + [count(problems, "input problem")] * (problems > 0)
    return f"; {' and '.join(found)} of then: {told}" if found else ""


def write(ws: Workspace, config: CompetitionConfig, data: Path, hashes: FileHashes, settings: str) -> None:
    """Read the raw files and write prepared/."""
    competition, inputs = competition_of(config), Inputs(data, hashes)
    with within(f"reader {config.reader}"):
        raw = competition.read(inputs.path)
        check_returned(raw, config.reader)
    sources = Sources(competition.problem, data, hashes, settings, inputs.seen())
    if isinstance(raw, RawPairs):
        write_pairs(ws, config, raw, sources)
    else:
        named = photo_names(raw.cards) if PHOTO in raw.cards else None
        sources.photos = find_photos(data, ids_of(raw.cards), named)
        write_cards(ws, config, raw, sources)
