"""A file of cards → which of them are one product.

reads:  a parquet or csv file: product_id (or variantid, nm, id), title (or name), attributes if there; or one in the
        test format of a contest
writes: pairs.parquet (product_id1 < product_id2, score float32, sorted) · groups.parquet (product_id, group: the
        smallest product_id of the group, size int32; every card once, in the file's order) · report.json
Ids are int64 where all are whole numbers, else texts as they are written.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from goods.cards.rawtext import normalise
from goods.cards.table import Issues
from goods.cards.text import MAX_CHARS, strip_html
from goods.competitions.arrow import columns_of, told
from goods.competitions.csv_files import AS_FOUND
from goods.competitions.loading import competition_of, new_card_readers
from goods.competitions.raw import read_table, require_unique
from goods.competitions.table_cards import attributes_of
from goods.competitions.table_files import Table
from goods.competitions.table_values import WHOLE_SPELLED, are_whole_cells, ids_of
from goods.config.competition import CompetitionConfig
from goods.config.refusals import refusals, shown
from goods.core.artifacts import write_json, write_parquet
from goods.core.errors import GoodsError, SeveralErrors, together
from goods.core.folders import check_apart
from goods.core.locks import sole_writer
from goods.core.log import say
from goods.core.wording import count
from goods.matching.catalogue import MatchConfig, match
from goods.matching.expected import Expecting
from goods.matching.handmade import Scorer
from goods.submit.new_cards import reader_of
from goods.submit.raw_batches import whole_file
from goods.submit.table_writers import WRITERS

IDS = ("product_id", "variantid", "nm", "id")
TITLES = ("title", "name")
ATTRIBUTES = ("attributes", "characteristic_attributes_mapping")
PAIRS, GROUPS = "pairs.parquet", "groups.parquet"  # of what was matched


def read_catalogue(
    path: Path, truth: str | None = None, competition: CompetitionConfig | None = None
) -> pd.DataFrame:
    """product_id int64 or, where any is no whole number, str; title str ("" where null), attributes str if there, and
    `truth` as the column `identity`.

    Of a `competition` whose cards are classified, the columns are those that its cards have.
    """
    contest = None if competition is None else competition_of(competition)
    if competition is None or contest is None or contest.problem != "cards":
        with whole_file(path) as file:
            cards = read_named(file)
            return (
                cards
                if truth is None
                else with_identity(cards, read_table(file, {truth: "any"})[truth], path)
            )
    with whole_file(path, contest.tables) as file:
        cards = of_new(reader_of(competition), file)
    if truth is None:
        return cards
    table = Table((path,), AS_FOUND if competition.table is None else competition.table.format)
    if truth not in table.names:
        raise GoodsError(
            f"{path}: column {truth!r} is missing (it has {told(table.names)}); name another by --truth"
        )
    return with_identity(cards, table.without_empty_rows(table.frame([truth]))[truth], path)


def read_named(file: Path) -> pd.DataFrame:
    """Cards of a file with the usual names of columns, or in the test format of a contest."""
    names = columns_of(file)
    if not set(TITLES) & set(names) and (read := read_by_contest(file)) is not None:
        return read
    chosen: list[str] = []
    with together() as apart:
        for known in (IDS, TITLES):
            with apart():
                chosen.append(_one_of(file, names, known))
    id_, title = chosen
    extra = next((column for column in ATTRIBUTES if column in names), None)
    table = read_table(file, {id_: "any", title: "str"}, {extra: "any"} if extra else None)
    ids = ids_of(table[id_], are_whole_cells(table[id_].dropna(), WHOLE_SPELLED), id_, file)
    require_unique(ids, id_, file)
    cards = pd.DataFrame(
        {
            "product_id": ids,
            "title": [strip_html(text)[:MAX_CHARS] if isinstance(text, str) else "" for text in table[title]],
        }
    )
    if extra:
        cards["attributes"] = pd.Series([as_lines(value) for value in table[extra]], dtype="str")
    normalise(cards, Issues())
    return cards


def with_identity(cards: pd.DataFrame, column: pd.Series, path: Path) -> pd.DataFrame:
    """The cards of `path` with its `column` of known identities as `identity`: null where it is null or an empty
    text."""
    told = column.map(identity_text).astype("str").str.strip()
    identity = told.where(column.notna() & (told != ""))
    if not identity.dropna().duplicated().any():
        raise GoodsError(
            f"{path}: column {column.name!r} has no value that two cards share, so nothing is there to be found; name "
            "another by --truth, or leave it out"
        )
    return cards.assign(identity=identity)


def identity_text(value: Any) -> str:
    """What can be compared: lists and the like cannot."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def read_by_contest(path: Path) -> pd.DataFrame | None:
    """product_id, title and attributes of a file in the test format of a contest; None where it is of none."""
    for read in new_card_readers():
        try:
            return of_new(read, path)
        except GoodsError:
            continue
    return None


def of_new(read: Callable[[Path, Issues], pd.DataFrame], path: Path) -> pd.DataFrame:
    cards = read(path, Issues())[["product_id", "title", "attributes"]]
    normalise(cards, Issues())
    return cards


def as_lines(value: Any) -> str:
    """Attributes as "name: value; name: value"; a text that cannot be read as such stays as it is."""
    told, problem = attributes_of(value)
    return str(value) if problem else told


def _one_of(path: Path, names: list[str], known: tuple[str, ...]) -> str:
    for column in known:
        if column in names:
            return column
    raise GoodsError(
        f"{path}: column {known[0]!r} is missing (it has {told(names)}); "
        f"rename a column to it or to {' or '.join(map(repr, known[1:]))}"
    )


def check_named(out: Path) -> None:
    """GoodsError where the folder to be made is called as a table is."""
    if out.suffix.lower() in WRITERS and not out.is_dir():
        raise GoodsError(
            f"--out {out}: a folder is made, of {PAIRS} and {GROUPS}; name it without {out.suffix}, such as "
            f"{out.with_suffix('')}"
        )


def match_file(
    path: Path,
    out: Path,
    settings: dict[str, Any],
    truth: str | None = None,
    scorer: Scorer | None = None,
    expecting: Expecting | None = None,
    competition: CompetitionConfig | None = None,
) -> dict[str, Any]:
    """Match the cards of `path` into the folder `out`; `settings` are keys of MatchConfig, `scorer` and `expecting` as
    `match` takes them, `competition` as `read_catalogue` does. Returns the report."""
    try:
        config = MatchConfig.model_validate(settings)
    except ValidationError as error:
        found = refusals(error, settings)
        lines = (f"--{one.key[-1].replace('_', '-')} {shown(one.value)}: {one.why}" for one in found)
        raise SeveralErrors(*lines) from None
    for table in (PAIRS, GROUPS):
        check_apart(out / table, path, "folder")
    cards = read_catalogue(path, truth, competition)
    with sole_writer(out):
        out.mkdir(parents=True, exist_ok=True)  # before the work: where it cannot be, nothing need be matched
        pairs, groups, report = match(cards, config, scorer, expecting)
        write_parquet(out / PAIRS, pairs)
        write_parquet(out / GROUPS, groups)
        write_json(out / "report.json", report)
    merged = f"{count(report['groups'], 'group')} of two or more among {count(len(groups), 'card')}"
    say(f"match: {count(len(pairs), 'pair')}, {merged}")
    if (right := report["expected_precision"]) is not None:
        least = f"of a score of {report['threshold']:.2f} or more"
        say(f"match: {right:.0%} of the pairs, {least}, are expected to be right, {report['expected_by']}")
    if not len(pairs) and (highest := report["highest_score"]) is not None:
        by = f" ({report['expected_by']})" if config.threshold is None and report["expected_by"] else ""
        say(
            f"match: no candidate scores {report['threshold']:.6g} or more{by}; the highest score is {highest:.6g}, "
            "--threshold takes pairs from a score of your own"
        )
    if nameless := report["empty_titles"]:
        having = count(nameless, "card has", "cards have")
        say(
            f"warning: {having} no title, by which most pairs are found; look whether the right column is read"
        )
    if refused := report["kept_apart_by_max_group"]:
        say(
            f"match: {refused} times two groups that belong together would have outgrown {config.max_group} cards and "
            "were kept apart; raise --threshold if groups look too large, --max-group if they are right"
        )
    return report
