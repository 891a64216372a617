"""Any table of products, as the section `table` of competition.yaml says (docs/own-contest.md).

reads: files of parquet, CSV, TSV or JSON, named there
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from goods.cards.table import Issues
from goods.competitions.base import Competition, Configured
from goods.competitions.raw import Raw, answers_told, require_disjoint
from goods.competitions.table_cards import ROW, cards_of, columns_of_cards
from goods.competitions.table_classes import add_classes, kinds_of, nothings_told, tree_of, with_labels
from goods.competitions.table_files import Table, files_of, tell
from goods.competitions.table_inputs import PARTS, TableInputs, inputs_of
from goods.competitions.table_submission import TableSubmission
from goods.competitions.table_values import are_whole, are_whole_ids, arrow_of, ids_of
from goods.config.competition import CompetitionConfig
from goods.config.table import ID, TableConfig
from goods.core.errors import GoodsError
from goods.core.ids import are_numbers
from goods.core.wording import count

NEW_MEND = "name columns of new cards as the competition's own files do, whose models these are"


def read(config: TableConfig, data: Path) -> Raw:
    """GoodsError naming the file, the column or row, and the key of the YAML."""
    if not data.is_dir():
        raise GoodsError(f"{data}: no such data folder; put the raw files there or name it with --data DIR")
    issues, inputs = Issues(), inputs_of(config, data)
    frames = frames_of(config, inputs)
    if config.id in config.targets.values():
        raise GoodsError(
            f"{frames['test'][0]}: table.id is the target, {config.id!r}; name the column of ids"
        )
    example = rows_of_sample(inputs.sample, config)
    sample = sample_ids(example, config)
    whole = config.id is None or are_whole_ids([frame for _, frame in frames.values()], config.id, sample)
    parts = {
        part: cards_of(frame, path, PARTS[part], config, issues, whole)
        for part, (path, frame) in frames.items()
    }
    name = config.id or "row"
    for part in list(parts)[1:]:
        require_disjoint(
            parts[part].product_id, parts["test"].product_id, name, frames[part][0], frames["test"][0]
        )
    if example is not None and inputs.sample is not None:
        parts["test"] = in_order_of_sample(parts["test"], example, sample, inputs.sample.where, whole)
    labelled = [part for part in ("train", "validation") if part in parts]
    train = pd.concat([parts.pop(part) for part in labelled], ignore_index=True)
    frame = pd.concat([frames[part][1] for part in labelled], ignore_index=True)
    frame.attrs |= frames["train"][1].attrs  # of frames that differ in them none are kept
    targets = add_classes(train, frame, frames["train"][0], config, issues)
    tree = {} if config.several else tree_of(train, frame, frames["train"][0], inputs.nodes, config)
    cards = pd.concat([train, *parts.values()], ignore_index=True)
    if not cards.product_id.is_unique:
        twice = cards.product_id[cards.product_id.duplicated()].iloc[0]
        raise GoodsError(f"{data}: {name} {twice} is in more than one file; leave it in one")
    warnings = [*answers_in_test(config, inputs.parts["test"][0]), *nothings_told(train)]
    if not whole and config.id is not None and are_whole([frames["test"][1]], config.id):
        warnings.append(
            f"ids of {frames['test'][0].name} are whole numbers, those of other files texts: so are those submitted; "
            f"number {config.id!r} everywhere"
        )
    return Raw(cards, tree, issues, targets, warnings, kinds_of(frame, config))


def answers_in_test(config: TableConfig, table: Table) -> list[str]:
    found = []
    for column in config.targets.values() if config.labels is None else ():
        if column in table.names:
            found += answers_told(table.frame([column])[column].tolist(), column, table.where)
    return found


def frames_of(config: TableConfig, inputs: TableInputs) -> dict[str, tuple[Path, pd.DataFrame]]:
    """What is read of each part of the data: its file (of several their folder) and its rows."""
    found, first = {}, 0
    for part, (table, columns) in inputs.parts.items():
        frame = table.without_empty_rows(table.frame(columns))
        tell(table, f"{count(len(frame), 'row')} of {part}")
        if part == "train" and inputs.labels is not None:
            frame = with_labels(frame, table.where, inputs.labels, config)
        if config.id is None:
            frame[ROW] = np.arange(first, first + len(frame))
            first += len(frame)
        found[part] = table.where, frame
    return found


def rows_of_sample(table: Table | None, config: TableConfig) -> pd.DataFrame | None:
    """The contest's sample submission, where it has one; a CSV file is without names where those submitted are."""
    if table is None:
        return None
    columns = TableSubmission.of(config).names()
    return table.frame(columns) if config.submission.header else table.frame_without_names(columns)


def sample_ids(sample: pd.DataFrame | None, config: TableConfig) -> pd.DataFrame | None:
    """The column of ids of the contest's sample submission, where it has one."""
    name = next((name for name, what in TableSubmission.of(config).columns.items() if what == ID), None)
    return None if sample is None or name is None else sample[[name]]


def in_order_of_sample(
    test: pd.DataFrame, example: pd.DataFrame, sample: pd.DataFrame | None, path: Path, whole: bool
) -> pd.DataFrame:
    """The test cards in the order of the contest's sample submission, which lies at `path`; `sample`: its ids, if it
    has any. GoodsError where these, or the number of rows, are others than will be submitted."""
    if sample is None:
        if len(example) != len(test):
            raise GoodsError(
                f"{path}: {count(len(example), 'row')} for {count(len(test), 'test card')}; give the sample that "
                "belongs to the test file, or remove table.submission.sample"
            )
        return test
    ids = ids_of(sample.iloc[:, 0], whole, sample.columns[0], path)
    rows = pd.Index(test.product_id).get_indexer(pd.Index(ids))
    if len(ids) != len(test) or (rows < 0).any() or len(set(rows.tolist())) != len(rows):
        odd = [
            *ids[rows < 0].tolist(),
            *test.product_id[~test.product_id.isin(ids)].tolist(),
            "one that is there twice",
        ]
        raise GoodsError(
            f"{path}: {count(len(ids), 'id')} for {count(len(test), 'test card')}, "
            f"different in {odd[0]}; give the sample that "
            "belongs to the test file, or remove table.submission.sample"
        )
    return test.iloc[rows].reset_index(drop=True)


def read_new(config: TableConfig, path: Path, issues: Issues) -> pd.DataFrame:
    """A batch of new cards, as `tables` gives them."""
    table = Table((path,), config.format)
    wanted = columns_of_cards(config) | ({"id": ROW} if config.id is None else {})
    table.require(wanted, NEW_MEND)
    return cards_of(table.frame(list(wanted.values())), path, "test", config, issues)


def tables(config: TableConfig, path: Path, known: pd.Series | None = None) -> Iterator[pa.Table]:
    """A file of new cards in any format the table may have; its ids are whole numbers or texts as those `known`."""
    table = Table(tuple(files_of(path.parent, path.name, "files.test")), config.format)
    wanted = columns_of_cards(config)
    table.require(wanted, NEW_MEND)
    frame = table.without_empty_rows(table.frame(list(wanted.values())))
    if config.id is None:
        frame[ROW] = np.arange(len(frame))
    elif frame.attrs["texts"]:
        sample = None if known is None else known.to_frame()
        if sample is not None:
            sample.attrs["texts"] = False
        whole = (known is None or are_numbers(known)) and are_whole_ids([frame], config.id, sample)
        frame[config.id] = ids_of(frame[config.id], whole, config.id, path)
    yield pa.table({name: arrow_of(frame[name]) for name in frame})


def competition(config: CompetitionConfig) -> Competition:
    assert config.table is not None
    table = config.table
    return Competition(
        partial(read, table),
        TableSubmission.of(table),
        read_new=partial(read_new, table),
        tables=partial(tables, table),
        row_ids=table.id is None,
        settings=table.model_dump(
            mode="json", exclude={"submission": {"columns", "csv", "separator", "header", "encoding"}}
        ),
    )


COMPETITION = Configured(competition)
