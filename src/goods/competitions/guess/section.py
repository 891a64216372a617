"""A first section `table` for the raw files of an unknown contest, with what speaks for each guess."""

from __future__ import annotations

from pathlib import Path

from goods.competitions.guess.checks import check_header, check_shared, warnings_of
from goods.competitions.guess.columns import FEW, WORDS, Column, Columns
from goods.competitions.guess.files import Source, Sources, find_sources
from goods.competitions.guess.guess import LIKELY, SURE, UNSURE, Guess
from goods.competitions.guess.photos import guess_photo
from goods.competitions.guess.renamed import renamed
from goods.competitions.guess.sample import guess_sample
from goods.competitions.guess.target import guess_target, why_no_tree
from goods.competitions.table_files import tell
from goods.config.competition import CompetitionConfig
from goods.core.wording import count, rows_told

NEARLY = 0.9  # share of the values of an id that are different, at least

UNREADABLE = float(CompetitionConfig.model_fields["max_unreadable"].default)  # share of a column's cells


def guess(data: Path) -> Guess:
    """GoodsError where there is nothing to guess from."""
    sources = find_sources(data)
    made = Guess(warnings=list(sources.warnings))
    roles = ("train", "test", "validation", "unlabelled")
    why = f"by their names; not used: {', '.join(sources.other)}" if sources.other else "by their names"
    made.say("files", {role: sources.of[role].name for role in roles if role in sources.of}, LIKELY, why)
    columns = {role: columns_of(source) for role, source in sources.of.items()}
    for role, source in sources.of.items():
        read = columns[role]
        rows = len(next(iter(read.values())).cells)
        tell(source.table, f"{count(rows, 'row')}, {count(len(read), 'column')} of {role}")
        if role != "sample":  # that of a submission may have none
            check_header(source, read)
    columns["test"] = without_answers(columns["train"], columns["test"])
    check_shared(sources, columns["train"], columns["test"])
    train, test = columns["train"], columns["test"]
    made.rows = len(next(iter(train.values())).cells)
    key = guess_id(made, sources, train, test)
    answers = guess_labels(made, sources, columns)
    guess_target(made, sources, columns, answers, key)
    if "tree" in sources.of and "file" not in (made.section.get("tree") or {}):
        why = why_no_tree(made, columns["tree"], answers)
        made.warnings.append(f"not used, as {why}: {sources.of['tree'].told}, which looks like a tree")
    left = [train[name] for name in train if name in test and name not in (key, made.section.get("target"))]
    binary = [column.name for column in left if column.binary > 0.5]
    made.warnings += [
        f"{name!r} holds bytes that are no text: not used; if they are photos, write them into files named by id"
        for name in binary
    ]
    left = [column for column in left if column.name not in binary]
    photo, why = guess_photo(data, left, None if key is None else train[key])
    made.photos = bool(why)
    if photo:
        made.say("photo", photo, LIKELY, why)
    left = [column for column in left if photo is None or column.name not in photo]
    used = guess_texts(made, left)
    guess_beside(made, [column for column in left if column.name not in used])
    guess_sample(made, sources, columns, key)
    words = "".join(word for column in train.values() if column.is_text for word in column.words[:200])
    made.cyrillic = sum("а" <= sign <= "я" for sign in words.lower()) > 0.3 * max(1, len(words))
    made.warnings += warnings_of(train, test, answers, made)
    return made


def columns_of(source: Source) -> Columns:
    frame = source.table.without_empty_rows(source.table.frame(source.table.names))
    return {name: Column(name, frame[name]) for name in dict.fromkeys(source.table.names)}


def without_answers(train: Columns, test: Columns) -> Columns:
    """Test columns but those that are empty there and not in train, as the column to fill in may be."""
    return {name: c for name, c in test.items() if c.there or not (name in train and train[name].there)}


def guess_id(made: Guess, sources: Sources, train: Columns, test: Columns) -> str | None:
    """The column of ids: one whose values are all different, in both files, and shared by none of both.
    Some of train may be there twice where the sample submission or the name says that it is the id."""
    sample = sources.of["sample"].table.names if "sample" in sources.of else []
    found: list[tuple[bool, bool, bool, int, str]] = []
    for name in (name for name in train if name in test):
        one, other = train[name], test[name]
        nearly = name in sample or (one.called("id") and one.values >= NEARLY * len(one.cells))
        if not other.unique and nearly and one.called("id") and other.values >= NEARLY * len(other.cells):
            again = count(len(other.cells) - other.values, "row")
            made.warnings.append(
                f"{name!r} is no id, as test has a value of it twice ({again}): remove these, or rows are numbered"
            )
        if not other.unique or not (one.unique or nearly) or one.length >= WORDS or one.has_fractions:
            continue
        if set(one.ids).isdisjoint(other.ids):
            found.append((name in sample, one.unique, one.called("id"), -len(found), name))
        elif one.unique and one.called("id"):
            made.warnings.append(
                f"{name!r} is different in each row, but train and test share some of its values: no id"
            )
    if not found:
        made.notes["id"] = (LIKELY, "no column has a value of its own in each row: rows are numbered")
        return None
    in_sample, unique, called, _, name = max(found)
    why = "different in every row" if unique else "different in every row of test"
    why += ", in the sample submission too" if in_sample else ""
    if not unique:
        rows = len(train[name].cells)
        lacking = rows - train[name].values
        made.warnings.append(
            f"{name!r} is taken for the id, though {lacking:,} of {rows:,} rows of train {repeated(train[name])}, or "
            "remove table.id"
        )
    made.say("id", name, SURE if in_sample else LIKELY if called else UNSURE, why)
    return str(name)


def repeated(column: Column) -> str:
    """What is wrong with rows that have no id of their own, and the mend."""
    cells = column.cells.reset_index(drop=True)
    again = cells[cells.duplicated() & cells.notna()]
    if again.empty:
        return f"have no value of it, such as row {int(cells.isna().argmax())}: give each card an id"
    same = rows_told(cells.index[cells == again.iloc[0]])
    return f"repeat that of another, such as {again.iloc[0]}, in {same}: drop the duplicate rows"


def guess_labels(made: Guess, sources: Sources, columns: dict[str, Columns]) -> Columns:
    """What only labelled cards have: columns of train that test lacks, or those of a file of labels."""
    train, test = columns["train"], columns["test"]
    if "labels" not in columns:
        lacking = {name: column for name, column in train.items() if name not in test}
        twins = renamed(train, test, set(columns.get("sample") or {}))
        for name, other in twins.items():
            made.warnings.append(
                f"{name!r} of train looks like {other!r} of test under another name: rename one of both, as it is "
                "neither used nor taken for the target"
            )
        return {name: column for name, column in lacking.items() if name not in twins}
    told = columns["labels"]
    keys = [name for name in told if name in train and told[name].unique]
    labels = {"file": sources.of["labels"].name} | ({"key": keys[0]} if keys else {})
    why = f"its column {keys[0]!r} joins it" if keys else "it has no column of train: joined row by row"
    made.say("labels", labels, LIKELY if keys else UNSURE, why)
    return {name: column for name, column in told.items() if name not in train}


def guess_texts(made: Guess, columns: list[Column]) -> set[str]:
    """Title, description, attributes and shop; the names of the columns used."""
    used: set[str] = set()

    def take(key: str, column: Column, why: str) -> None:
        used.add(column.name)
        made.say(key, column.name, LIKELY if column.called(key) else UNSURE, why)

    nested = [c for c in columns if c.nested > 0.5 or (c.called("attributes") and c.named_values > 0.5)]
    if nested:
        best = max(nested, key=lambda c: (c.called("attributes"), c.length))
        take("attributes", best, "its cells are objects, lists or name: value texts")
    texts = [c for c in columns if c.is_text and c.name not in used]
    titles = [c for c in texts if c.called("title")] or [c for c in texts if c.length >= WORDS]
    if titles:
        take(
            "title",
            min(titles, key=lambda c: (not c.called("title"), c.called("description"), c.length)),
            "by name and length",
        )
    long = [c for c in texts if c.name not in used and (c.called("description") or c.length >= WORDS)]
    if long:
        best = max(long, key=lambda c: (c.called("description"), c.length))
        take("description", best, f"{best.length:.0f} words on average")
    shops = [c for c in texts if c.name not in used and c.called("shop")]
    if shops:
        take("shop", shops[0], "by its name")
    if not {"title", "description", "attributes"} & set(made.section):
        made.lack("title", [c.name for c in columns])
    return used


def guess_beside(made: Guess, columns: list[Column]) -> None:
    """Numbers and categories beside the text."""
    counting = [c for c in columns if c.numbers_rows]
    columns = [c for c in columns if c.dates < 0.5 and c not in counting]
    of_ids = [c for c in columns if c.called("id") and c.values > FEW]
    numbers = [c.name for c in columns if c not in of_ids and c.numeric > 0.9 and c.values > 1]
    few = [c.name for c in columns if c.name not in numbers and c not in of_ids and 1 < c.values <= FEW]
    made.say("numbers", numbers, LIKELY, "most of their cells are numbers")
    for column in (c for c in columns if c.name in numbers and 1 - c.numeric > UNREADABLE / 2):
        made.warnings.append(
            f"{column.name!r}: about {1 - column.numeric:.0%} of its cells are no numbers and count as missing; where "
            f"more than {UNREADABLE:.0%} do, prepare ends: set max_unreadable beside table, or take the column out of "
            "table.numbers"
        )
    made.say("categories", few, LIKELY, f"at most {FEW} different values")
    used = {*numbers, *few, *(c.name for c in of_ids)}
    if left := [c.name for c in columns if c.name not in used and c.values > 1]:
        made.warnings.append(
            f"not used, as their cells are neither numbers nor of at most {FEW} values: "
            f"{', '.join(map(repr, left))}; name them among table.description or table.attributes to use them"
        )
    if counting:
        made.warnings.append(
            f"not used, as they number the rows: {', '.join(repr(c.name) for c in counting)}"
        )
    if of_ids:
        made.warnings.append(f"not used, as they look like ids: {', '.join(repr(c.name) for c in of_ids)}")
