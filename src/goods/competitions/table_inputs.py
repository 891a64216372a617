"""The files that a section `table` names, each looked at for the columns that are read of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from goods.competitions.table_cards import columns_of_cards
from goods.competitions.table_classes import columns_of_classes, columns_of_labels, columns_of_tree
from goods.competitions.table_files import Table, files_of
from goods.competitions.table_submission import TableSubmission
from goods.competitions.trees import Nodes, rows_of
from goods.config.table import Split, TableConfig
from goods.core.errors import GoodsError, together

PARTS: dict[str, Split] = {  # in the order in which rows without ids are numbered
    "test": "test",
    "train": "train",
    "validation": "train",
    "unlabelled": "unlabelled",
}


@dataclass
class TableInputs:
    """`parts`: of each its table and the columns that are read; `nodes`: rows of the tree's file; `sample`: the
    contest's example of a submission."""

    parts: dict[str, tuple[Table, list[str]]] = field(default_factory=dict)
    labels: Table | None = None
    nodes: Nodes | None = None
    sample: Table | None = None


def inputs_of(config: TableConfig, data: Path) -> TableInputs:
    """GoodsError that tells of all files what they lack."""
    found = TableInputs()
    with together() as apart:
        for part in PARTS:
            if (named := getattr(config.files, part)) is not None:
                with apart():
                    table = Table(tuple(files_of(data, named, f"files.{part}")), config.format)
                    wanted = columns_of_part(config, part)
                    table.require(wanted)
                    found.parts[part] = table, list(wanted.values())
        if config.labels is not None:
            with apart():
                found.labels = Table(tuple(files_of(data, config.labels.file, "labels.file")), config.format)
                found.labels.require(columns_of_labels(config))
        if config.tree is not None and config.tree.file:
            with apart():
                found.nodes = rows_of(data / config.tree.file, config.tree.node)
        if config.submission.sample is not None:
            with apart():
                found.sample = sample_of(config, data, config.submission.sample)
    return found


def columns_of_part(config: TableConfig, part: str) -> dict[str, str]:
    """Key of the section → column, of all that is read of a part."""
    wanted = columns_of_cards(config)
    if PARTS[part] == "train":
        wanted |= columns_of_tree(config)
        wanted |= columns_of_classes(config) if config.labels is None or part != "train" else {}
    if config.labels and config.labels.key is not None and part == "train":
        wanted["labels.key"] = config.labels.key
    return wanted


def sample_of(config: TableConfig, data: Path, named: str) -> Table:
    """GoodsError where its columns are others than will be submitted."""
    table = Table(tuple(files_of(data, named, "submission.sample")), config.format)
    columns = TableSubmission.of(config).columns
    if config.submission.header and list(columns) != table.names:
        raise GoodsError(
            f"{table.where}: its columns are {', '.join(map(repr, table.names))}, those of the submission "
            f"{', '.join(map(repr, columns))}; correct table.submission.columns"
        )
    return table
