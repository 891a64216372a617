"""Which files of an unknown contest hold what: train and test cards, labels, a tree, a sample submission."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from goods.competitions.arrow import told
from goods.competitions.content import SPREADSHEET
from goods.competitions.csv_files import AS_FOUND
from goods.competitions.guess.columns import is_called
from goods.competitions.table_files import KNOWN, PARQUET, Table, is_table, suffix_of
from goods.core.errors import GoodsError

ROLES = {  # in the order in which names are asked
    "sample": r"sample|submi|sub\b|example|baseline|пример|образец",
    "tree": r"tree|taxonom|hierarch|дерев",
    "unlabelled": r"unlabel|no_?label|nolabel",
    "labels": r"^y[_-]|labels?\b|target|answers?|ответ|метк",
    "validation": r"valid|\bval\b|\bdev\b|валид",
    "test": r"test|eval|тест",
    "train": r"train|labell?ed|learn|обуч|трейн",
}
PART = re.compile(r"[_\-. ]*(?:part|shard|chunk)?[_\-. ]*\d+(?:[_\-]of[_\-]\d+)?$", re.IGNORECASE)
IN_PARTS = ("train", "test", "validation", "unlabelled", "labels")  # roles that may be in numbered files
WORKBOOKS = (".xlsx", ".xls", ".ods")


@dataclass
class Source:
    """A file, a folder of parts, or a list of parts, by the names below the data folder."""

    name: str | list[str]
    table: Table
    role: str | None

    @property
    def told(self) -> str:
        return self.name if isinstance(self.name, str) else ", ".join(self.name)


@dataclass
class Sources:
    """`of`: role → what was found for it; `other`: tables of no known role."""

    of: dict[str, Source] = field(default_factory=dict)
    other: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


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
    refuse_several(data)
    found = Sources()
    labels: list[Source] = []
    sources = with_parts(tables_below(data), found)
    if all(source.role != "tree" for source in sources):
        take_tree(sources)
    for source in sources:
        role = source.role
        if role == "labels" or (role == "train" and "train" in found.of):
            labels.append(source)
        elif role is None or role in found.of:
            found.other.append(source.told)
        else:
            found.of[role] = source
    if lacking := [role for role in ("train", "test") if role not in found.of]:
        refuse_workbooks(data)
        refuse(data, lacking, found)
    found.other += add_labels(found, labels)
    return found


def refuse(data: Path, lacking: list[str], found: Sources) -> NoReturn:
    """GoodsError where no table is told to hold the cards of these roles."""
    there = found.other + [source.told for source in found.of.values()]
    if not there:
        raise GoodsError(
            f"{data}: holds no table ({KNOWN}); put those of the train and the test cards there, or name the folder "
            "that has them with --data"
        )
    cards = f"no file whose name says that it holds the {' or the '.join(lacking)} cards ({told(there)})"
    if len(there) == 1:
        raise GoodsError(
            f"{data}: {cards}; give two files of the same columns: train with the rows whose class is known, test with "
            "those to be labelled, or with some that are set aside, where all are known"
        )
    them, their = ("it", "its") if len(lacking) == 1 else ("them", "their")
    raise GoodsError(f"{data}: {cards}; rename {them} to {' and '.join(lacking)} with {their} own suffix")


def take_tree(sources: list[Source]) -> None:
    """The first table whose columns are those of a tree's nodes is one, where no name speaks of a role."""
    for source in sources:
        if source.role is None and any(is_called(name, "parent") for name in source.table.names):
            source.role = "tree"
            return


def refuse_several(data: Path) -> None:
    """GoodsError where the folder holds those of several contests, each with train and test cards of its own."""
    if {"train", "test"} <= roles_in(path for path in data.iterdir() if path.is_file()):
        return
    folders = [path for path in sorted(data.iterdir()) if path.is_dir() and path.name[0] not in "._"]
    contests = [folder.name for folder in folders if {"train", "test"} <= roles_in(folder.rglob("*"))]
    if len(contests) > 1:
        raise GoodsError(
            f"{data}: several folders hold train and test cards, each of a contest of its own: name one with --data, "
            f"such as --data {data / contests[0]}; there are {told(contests)}"
        )


def roles_in(paths: Iterable[Path]) -> set[str | None]:
    """What the tables among these are for, by their own names."""
    return {role_of(path.name) for path in paths if path.is_file() and is_table(path)}


def refuse_workbooks(data: Path) -> None:
    """GoodsError where the tables are those of a spreadsheet."""
    books = sorted(
        path for path in data.iterdir() if path.suffix.lower() in WORKBOOKS and path.name[0] not in "._~"
    )
    if books:
        what, mend = SPREADSHEET
        raise GoodsError(f"{books[0]}: {what}; {mend}")


def add_labels(found: Sources, candidates: list[Source]) -> list[str]:
    """Take the file of labels that belongs to train: the one with columns that test lacks. Names of the others."""
    train, test = (set(found.of[role].table.names) for role in ("train", "test"))
    left = []
    for source in candidates:
        names = set(source.table.names)
        if names - test and not train - test and "labels" not in found.of:
            found.of["labels"] = source
        else:
            left.append(source.told)
    return left


def with_parts(sources: list[Source], found: Sources) -> list[Source]:
    """Files whose names differ in a number at the end are one table, where they have the same columns."""
    groups: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        groups.setdefault(part_of(source) or (source.told, ""), []).append(source)
    made: list[Source] = []
    for group in groups.values():
        group.sort(key=lambda source: [int(n) for n in re.findall(r"\d+", source.told)])
        if len(group) > 1 and len({frozenset(source.table.names) for source in group}) > 1:
            names = ", ".join(source.told for source in group)
            found.warnings.append(
                f"{names} look like parts of one table, but their columns differ: see table.files"
            )
        elif len(group) > 1:
            parts = tuple(part for source in group for part in source.table.parts)
            group = [Source([source.told for source in group], Table(parts, AS_FOUND), group[0].role)]
        made += group
    return made


def part_of(source: Source) -> tuple[str, str] | None:
    """What is the same in the names of a table's numbered parts; None where the source is no such file."""
    file = source.table.parts[0]
    stem, dot, suffix = file.name.partition(".")
    if source.role not in IN_PARTS or len(source.table.parts) > 1 or not PART.search(stem):
        return None
    return source.told.removesuffix(file.name) + PART.sub("", stem), dot + suffix


def tables_below(data: Path) -> list[Source]:
    """Tables of the folder itself and of the folders in it; a folder of several parquet or text files is one table."""
    sources = [source_of([p], p.name) for p in sorted(data.iterdir()) if p.is_file() and is_table(p)]
    for folder in sorted(p for p in data.iterdir() if p.is_dir() and p.name[0] not in "._"):
        parts = sorted(p for p in folder.rglob("*") if p.is_file() and is_table(p))
        if len({role_of(p.name) for p in parts} - {None}) > 1 or len({suffix_of(p) for p in parts}) > 1:
            sources += [source_of([p], p.relative_to(data).as_posix()) for p in parts]
        elif parts:
            alone = len(parts) == 1 and suffix_of(parts[0]) not in PARQUET
            name = parts[0].relative_to(data).as_posix() if alone else folder.name
            sources.append(source_of(parts, name, alone))
    return sources


def source_of(parts: list[Path], name: str, only: bool = False) -> Source:
    """`only`: of its folder, whose name may say what it is for."""
    role = role_of(name)
    if role is None and only:
        role = role_of(name.rpartition("/")[0])
    return Source(name, Table(tuple(parts), AS_FOUND), role)
