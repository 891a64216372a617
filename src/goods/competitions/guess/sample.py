"""What the contest's own example says of the submission: columns, separator, header, encoding."""

from __future__ import annotations

from typing import Any

from goods.competitions.arrow import told
from goods.competitions.csv_files import AS_FOUND
from goods.competitions.dialect import dialect_of
from goods.competitions.guess.columns import Columns
from goods.competitions.guess.files import Source, Sources
from goods.competitions.guess.guess import LIKELY, SURE, Guess
from goods.competitions.table_files import TEXT, suffix_of

USUAL = "utf-8"


def guess_sample(made: Guess, sources: Sources, columns: dict[str, Columns], key: str | None) -> None:
    """Columns of the submission as the contest's own example has them; without one it is written as
    the test file is."""
    if "sample" not in sources.of:
        if style := style_of(sources.of["test"], list(columns["test"])):
            made.say("submission", style, LIKELY, "result.csv is written as the test file is")
        return
    source, sample = sources.of["sample"], columns["sample"]
    target = made.section.get("target")
    targets = {target: "target"} if isinstance(target, str) else {name: name for name in target or ()}
    known = targets | ({} if key is None else {key: "id"})
    ids = ids_of_test(columns["test"], key)
    names = list(sample)
    header = not any(name in ids for name in names)
    if header:
        known = called_otherwise(sample, known, ids)
    elif len(names) == 2 and isinstance(target, str):
        known = {"id" if key is None else key: "id", target: "target"}
        names = list(known) if names[0] in ids else list(known)[::-1]
    if not set(names) <= set(known):
        made.warnings.append(
            f"the sample submission has columns {told(names)}; say under submission what they hold"
        )
        return
    submission: dict[str, Any] = {"columns": {name: known[name] for name in names}, "csv": True}
    submission |= style_of(source, names)
    if not header:
        submission["header"] = False
    elif key is not None:  # without a header there are no names to compare
        submission["sample"] = source.told
    made.say("submission", submission, SURE, f"as {source.told} has it")


def ids_of_test(test: Columns, key: str | None) -> list[str]:
    """As the sample would have them; of rows without ids their numbers."""
    if key is not None:
        return test[key].ids
    return [str(row) for row in range(len(next(iter(test.values())).cells))]


def called_otherwise(sample: Columns, known: dict[str, str], ids: list[str]) -> dict[str, str]:
    """`known`, and the sample's names for what it calls otherwise than the files: the column of the test
    ids, and the only column that is left for the only thing that is."""
    known = dict(known)
    held = [known[name] for name in sample if name in known]
    if "id" not in held:
        wanted = sorted(ids)
        same = [c.name for c in sample.values() if c.name not in known and sorted(c.ids) == wanted]
        if len(same) == 1:
            known[same[0]] = "id"
            held.append("id")
    free = [name for name in sample if name not in known]
    lacking = [what for what in dict.fromkeys(known.values()) if what not in held]
    if len(free) == len(lacking) == 1:
        known[free[0]] = lacking[0]
    return known


def style_of(source: Source, names: list[str]) -> dict[str, str]:
    """The separator and the encoding of a CSV file, where they are others than the usual."""
    path = source.table.parts[0]
    if suffix_of(path) not in TEXT:
        return {}
    dialect = dialect_of(path, AS_FOUND)
    style = {} if dialect.separator == "," or len(names) < 2 else {"separator": dialect.separator}
    return style if dialect.encoding == USUAL else style | {"encoding": dialect.encoding}
