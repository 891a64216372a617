"""Wildberries school (four attributes of a card, with photos) raw files.

reads: wb_school_train.parquet wb_school_test.parquet, optional wb_school_horizcv_images.zip
The targets stand among the characteristics of train cards, most of them missing; a card whose values contradict
each other counts as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from goods.cards.fields import unique_lines
from goods.cards.table import TEXT_FIELDS, Issues
from goods.cards.text import squeeze, strip_html
from goods.cards.unicode import plain
from goods.competitions.base import Competition
from goods.competitions.characteristics import parse_characteristics
from goods.competitions.raw import (
    Raw,
    answers_told,
    clip_text,
    integer_ids,
    read_table,
    require_disjoint,
    require_unique,
)
from goods.competitions.submission import Attributes
from goods.core.errors import GoodsError

FILES = {"train": "wb_school_train.parquet", "test": "wb_school_test.parquet"}
SCHOOL_COLUMNS = {"nm": "int", "characteristics": "any"}
SCHOOL_OPTIONAL = {"title": "str", "description": "str", "brand": "str"}
CONTRADICTION = "several"  # of a phrase that names classes that exclude each other
TITLE_WORDS = 10  # of the description, where there is no title

ALL_AGES, ADULTS, TEENS, CHILDREN, TODDLERS = (
    "для всех возрастов",
    "для взрослых",
    "для подростков",
    "для детей",
    "для малышей",
)
_AGE = re.compile(r"(до\s*)?(\d+)(?:\s*[-–—]\s*\d+)?[\s+-]*(?:х\s+)?(мес|м\b|month)?")
_AGES_SAID = (  # in words that count more than a number
    (r"без огран|нет огран|не огран|для всех|люб(?:ой|ого|ые)|все возраст|универсал", ALL_AGES),
    (r"рожден|малыш|младен|новорожд|грудн", TODDLERS),
)
_AGES_MEANT = (  # where there is no number
    (r"мес\b|месяц|годик", TODDLERS),
    (r"подрост", TEENS),
    (r"дет(?:и|ей|ям|ск)|реб[её]н|школ|девоч|мальчик", CHILDREN),
    (r"взросл|женщ|мужч", ADULTS),
)
BOYS, GIRLS, BOTH, WOMEN, MEN = "для мальчиков", "для девочек", "для детей", "для женщин", "для мужчин"
_SEXES = (
    (r"мальчик|\bboys?\b", BOYS),
    (r"девоч|\bgirls?\b", GIRLS),
    (r"дет(?:и|ей|ям|ск)|\bkids?\b|children", BOTH),
    (r"женск|женщин|девуш|\bwom[ae]n\b|female", WOMEN),
    (r"мужск|мужчин|юнош|\bm[ae]n\b|\bmale", MEN),
)
_SEASONS = (
    (r"лет[оан]|летн|summer", "лето"),
    (r"демисез|межсез|весн|весен|осен|spring|autumn", "демисезон"),
    (r"зим|winter", "зима"),
)
_ALL_YEAR = r"кругл\w* ?год|всесезон|мультисез|любой сез|на любой|все сезоны|4 сезона|all[- ]season"
_NOT_FRAGILE = r"\bне\b.{0,12}(?:хр|бь|бро|ломк)|нехр|неб[ьюи]|(?<!не)(?<!не )(?:прочн|над[её]ж)|^нет\b|^no\b"
_FRAGILE = r"хр[уп]+к|бь[юё]|бьющ|осторожн|не брос|непрочн|ненад|ломк|^да\b|^yes\b|fragile"


def groups(rules: tuple[tuple[str, str], ...], text: str) -> set[str]:
    """Every group that a phrase names."""
    return {group for pattern, group in rules if re.search(pattern, text)}


def sex_of(text: str) -> str | None:
    """Boys and girls together are children; a phrase for both men and women names nobody."""
    if re.search(r"унисекс|unisex", text):
        return CONTRADICTION
    found = groups(_SEXES, text)
    if found and found <= {BOYS, GIRLS, BOTH}:
        told_apart = found - {BOTH}
        return told_apart.pop() if len(told_apart) == 1 else BOTH
    return one_of(found)


def season_of(text: str) -> str | None:
    if re.search(_ALL_YEAR, text):
        return "круглогодичный"
    found = groups(_SEASONS, text)
    return "круглогодичный" if len(found) == len(_SEASONS) else one_of(found)


def fragility_of(text: str) -> str | None:
    if re.search(r"не брос", text):
        return "хрупкий"
    if re.search(_NOT_FRAGILE, text) and not re.search(r"непрочн|ненад", text):
        return "не хрупкий"
    return "хрупкий" if re.search(_FRAGILE, text) else None


def one_of(found: set[str]) -> str | None:
    """The only group; CONTRADICTION where there are several."""
    return found.pop() if len(found) == 1 else CONTRADICTION if found else None


def age_of(text: str) -> str | None:
    """An age phrase → its group by the youngest age it names: under 3 toddlers, 3–11 children, 12–17 teens, 18 adults.

    "до 12 лет" is for those below. "0+" says nothing of whom a thing is made for: None, as for a phrase that is not
    understood.
    """
    if re.fullmatch(r"0\s*\+?", text):
        return None
    if said := first_of(_AGES_SAID, text):
        return said
    bounded = re.search(r"\bот\b|\bс\b", text)
    ages = []
    for below, number, months in _AGE.findall(text):
        years = float(number) / (12 if months else 1)
        ages.append(years - 0.01 if below and not bounded else years)
    if ages:
        youngest = min(ages)
        return TODDLERS if youngest < 3 else CHILDREN if youngest < 12 else TEENS if youngest < 18 else ADULTS
    return first_of(_AGES_MEANT, text)


def first_of(rules: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((group for pattern, group in rules if re.search(pattern, text)), None)


class Attribute(NamedTuple):
    """A target: the characteristic it comes from, its classes in the order of the class index, phrase → class."""

    charc: str
    classes: tuple[str, ...]
    read: Callable[[str], str | None]


ATTRIBUTES = {
    "sex": Attribute(
        "Пол", ("для женщин", "для детей", "для мужчин", "для девочек", "для мальчиков"), sex_of
    ),
    "age_restrictions": Attribute(
        "Возрастные ограничения", (CHILDREN, TEENS, TODDLERS, ADULTS, ALL_AGES), age_of
    ),
    "season": Attribute("Сезон", ("круглогодичный", "лето", "демисезон", "зима"), season_of),
    "fragility": Attribute("Хрупкость", ("не хрупкий", "хрупкий"), fragility_of),
}
CHARCS = {attribute.charc.lower(): name for name, attribute in ATTRIBUTES.items()}


def normalise(name: str, values: list[str]) -> str | None:
    """The class of attribute `name` its raw values stand for; None where unknown or where they contradict.

    A value in which nothing is understood does not contradict the others; several values are read like one that names
    all of them.
    """
    phrases = [plain(squeeze(value)).lower() for value in values]
    found = {ATTRIBUTES[name].read(phrase) for phrase in phrases} - {None}
    if len(found) > 1 and name in ("sex", "season"):
        found = {ATTRIBUTES[name].read(", ".join(phrases))}
    group = found.pop() if len(found) == 1 else None
    return None if group == CONTRADICTION else group


def repaired(title: str, description: str) -> tuple[str, str]:
    """A missing title from the description's first words, a missing description from the title."""
    return title or " ".join(description.split()[:TITLE_WORDS]), description or title


def cards_of(frame: pd.DataFrame, path: Path, split: str, issues: Issues) -> pd.DataFrame:
    """Raw rows → card rows, one `target_<name>` text column per attribute (null where unknown), of test cards too."""
    cards = pd.DataFrame({"product_id": integer_ids(frame, "nm", path)})
    require_unique(cards.product_id, "nm", path)
    cards["split"] = split
    texts = {
        field: [strip_html(v) if isinstance(v, str) else "" for v in frame[field].tolist()]
        for field in ("title", "description")
    }
    for i, (title, description) in enumerate(zip(texts["title"], texts["description"], strict=True)):
        if not title or not description:
            missing = "title" if not title else "description"
            problem = f"empty {missing}" if title or description else "no title and no description"
            issues.add(cards.product_id[i], missing, problem, "taken from the other field")
            texts["title"][i], texts["description"][i] = repaired(title, description)
    attributes: list[str] = []
    targets: dict[str, list[str | None]] = {name: [] for name in ATTRIBUTES}
    for product_id, raw in zip(cards.product_id, frame.characteristics.tolist(), strict=True):
        found, unread = parse_characteristics(raw)
        if unread and found:
            issues.add(product_id, "characteristics", unread, "predicted from the other characteristics")
        elif unread:
            issues.add_unreadable(
                product_id, "characteristics", unread, "predicted from the other fields", raw
            )
        mine: dict[str, list[str]] = {}
        lines = []
        for charc, values in found.items():
            target = CHARCS.get(plain(squeeze(charc)).lower())
            if target is None:
                lines.append(f"{squeeze(charc)}: {', '.join(values)}" if values else squeeze(charc))
            else:
                mine.setdefault(target, []).extend(values)
        attributes.append(unique_lines(lines))
        for name, classes in targets.items():
            classes.append(normalise(name, mine.get(name, [])))
    texts["attributes"] = attributes
    texts["shop"] = [squeeze(v) if isinstance(v, str) else "" for v in frame.brand.tolist()]
    for field, column in texts.items():
        cards[field] = pd.Series(column, dtype="str", index=cards.index)
    cards["sale"] = False
    for name in ATTRIBUTES:
        cards[f"target_{name}"] = pd.Series(targets[name], dtype=object, index=cards.index)
    clip_text(cards, TEXT_FIELDS, issues)
    return cards


def read_school(data: Path) -> Raw:
    """Both files of the school's format. Raises GoodsError naming the file and the mend."""
    if not data.is_dir():
        raise GoodsError(
            f"{data}: no such data folder; put {FILES['train']}, {FILES['test']} and "
            "wb_school_horizcv_images.zip there, or name their folder with --data DIR"
        )
    issues = Issues()
    parts = {
        split: cards_of(read_table(data / name, SCHOOL_COLUMNS, SCHOOL_OPTIONAL), data / name, split, issues)
        for split, name in FILES.items()
    }
    require_disjoint(
        parts["train"].product_id, parts["test"].product_id, "nm", *(data / name for name in FILES.values())
    )
    targets = {name: attribute.classes for name, attribute in ATTRIBUTES.items()}
    test, warnings = parts["test"], list[str]()
    for name, attribute in ATTRIBUTES.items():
        warnings += answers_told(test[f"target_{name}"].tolist(), attribute.charc, data / FILES["test"])
        test[f"target_{name}"] = None
    return Raw(pd.concat(parts.values(), ignore_index=True), {}, issues, targets, warnings)


def read_new(path: Path, issues: Issues) -> pd.DataFrame:
    return cards_of(read_table(path, SCHOOL_COLUMNS, SCHOOL_OPTIONAL), path, "test", issues)


COMPETITION = Competition(read_school, Attributes("nm"), read_new=read_new)
