"""Which files of an unknown contest hold what: train and test cards, labels, a tree, a sample submission."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from goods.competitions.table_files import PARQUET, Table, is_table, suffix_of
from goods.config.table import TextFormat
from goods.core.errors import GoodsError

ROLES = {  # in the order in which names are asked
    "sample": r"sample|submi|sub\b|example|baseline",
    "tree": r"tree|taxonom|hierarch|дерев",
    "unlabelled": r"unlabel|no_?label|nolabel",
    "labels": r"^y[_-]|labels?\b|target|answers?",
    "validation": r"valid|\bval\b|\bdev\b",
    "test": r"test|eval",
    "train": r"train|labell?ed|learn",
}
AS_FOUND = TextFormat.model_validate({})


@dataclass
class Source:
    """A file, or a folder of parts, by its name below the data folder."""

    name: str
    table: Table


@dataclass
class Sources:
    """`of`: role → what was found for it; `other`: tables of no known role."""

    of: dict[str, Source] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)

    def name(self, role: str) -> str | None:
        return self.of[role].name if role in self.of else None


def role_of(name: str) -> str | None:
    """What a name says a table is for."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.rpartition("/")[2].partition(".")[0]).lower()
    words = re.sub(r"[_\-\s]+", " ", plain)
    return next(
        (r for r, words_of in ROLES.items() if re.search(words_of, plain) or re.search(words_of, words)), None
    )


def find_sources(data: Path) -> Sources:
    """Tables below a data folder and their roles; GoodsError where there is no train or no test file."""
    if not data.is_dir():
        raise GoodsError(f"{data}: no such folder; name that of the raw files with --data")
    found = Sources()
    labels: list[Source] = []
    for source in tables_below(data):
        role = role_of(source.name)
        if role == "labels" or (role == "train" and "train" in found.of):
            labels.append(source)
        elif role is None or role in found.of:
            found.other.append(source.name)
        else:
            found.of[role] = source
    for role in ("train", "test"):
        if role not in found.of:
            there = (
                ", ".join(found.other + [source.name for source in found.of.values()]) or "no table at all"
            )
            raise GoodsError(
                f"{data}: no file whose name says that it holds the {role} cards ({there}); rename it to "
                f"{role} with its own suffix"
            )
    found.other += add_labels(found, labels)
    return found


def add_labels(found: Sources, candidates: list[Source]) -> list[str]:
    """Take the file of labels that belongs to train: the one with columns that test lacks. Names of the others."""
    train, test = (set(found.of[role].table.names) for role in ("train", "test"))
    left = []
    for source in candidates:
        names = set(source.table.names)
        if names - test and not train - test and "labels" not in found.of:
            found.of["labels"] = source
        else:
            left.append(source.name)
    return left


def tables_below(data: Path) -> list[Source]:
    """Tables of the folder itself and of the folders in it; a folder of several parquet or text files is one table."""
    sources = [source_of(data, [p], p.name) for p in sorted(data.iterdir()) if p.is_file() and is_table(p)]
    for folder in sorted(p for p in data.iterdir() if p.is_dir() and p.name[0] not in "._"):
        parts = sorted(p for p in folder.rglob("*") if p.is_file() and is_table(p))
        if len({role_of(p.name) for p in parts} - {None}) > 1 or len({suffix_of(p) for p in parts}) > 1:
            sources += [source_of(data, [p], p.relative_to(data).as_posix()) for p in parts]
        elif parts:
            alone = len(parts) == 1 and suffix_of(parts[0]) not in PARQUET
            name = parts[0].relative_to(data).as_posix() if alone else folder.name
            sources.append(source_of(data, parts, name))
    return sources


def source_of(data: Path, parts: list[Path], name: str) -> Source:
    return Source(name, Table(tuple(parts), AS_FOUND))
