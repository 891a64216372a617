"""Cards as a reader found them → prepared/: photos looked up, classes numbered.

writes: prepared/ cards.parquet raw_text.parquet labels.json issues.parquet door.json source.json DONE; where several
        attributes are asked for, cards.parquet has a class index of each (target_<name>, -1 unknown) in place of
        labels, and each attribute has a prepared/ of its own
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.rawtext import normalise
from goods.cards.table import COLUMNS, PHOTO, UNLABELLED, beside_text, validate
from goods.cards.unicode import plain
from goods.competitions.raw import CategoryPath, Raw
from goods.config.competition import CompetitionConfig
from goods.core.artifacts import write_json, write_parquet
from goods.core.done import begin, mark_done
from goods.core.errors import GoodsError
from goods.core.ids import Id, plain_id
from goods.core.log import say
from goods.core.meant import meant
from goods.core.wording import count
from goods.core.workspace import Workspace
from goods.metrics.evaluation import metric_of
from goods.prepare.door import describe, lines
from goods.prepare.repeats import warnings_of_classes, warnings_of_photos
from goods.prepare.sources import Sources, ids_of
from goods.prepare.unreadable import check_unreadable


def write_cards(ws: Workspace, config: CompetitionConfig, raw: Raw, sources: Sources) -> None:
    check_unreadable(raw.issues, raw.cards, config)
    key = sources.key()  # of the photos' content before they are read
    images = usable_images(raw, sources)
    record = sources.record(images)
    cards = raw.cards
    raw_text = normalise(cards, raw.issues)
    cards["image"] = (
        cards.product_id.map(images).astype("str").where(cards.product_id.isin(list(images)), None)
    )
    check_targets(config, raw)
    classes = known_classes(config, raw)
    door = describe(cards, classes, raw.issues, config.group_near_duplicates)
    photos = sources.bytes_of(images)
    door["warnings"] += [
        *raw.warnings,
        *warnings_of_photos(cards, photos),
        *warnings_of_classes(cards, classes, photos),
    ]

    def write(space: Workspace, table: pd.DataFrame, labels: Labels | None) -> None:
        begin(space.prepared, key)
        write_parquet(space.cards, table)
        write_parquet(space.raw_text, raw_text.table())
        if PHOTO in cards:
            write_parquet(space.photo_names, cards[["product_id", PHOTO]])
        if labels is not None:
            labels.save(space)
        write_parquet(space.issues, raw.issues.table())
        write_json(space.door, door)
        write_json(space.source, record)
        mark_done(space.prepared, key)

    if config.targets:
        what = "; ".join(write_targets(ws, config, raw, cards, write))
    else:
        labels = make_labels(raw, sources.data)
        check_metric(config, labels)
        index_of = {id_: i for i, id_ in enumerate(labels.ids)}
        cards["target"] = cards.category_id.map(index_of).fillna(-1).astype("int32")
        table = cards[[*COLUMNS, *beside_text(cards)]]
        validate(table, labels.n_classes)
        write(ws, table, labels)
        unseen = labels.n_classes - table.target[table.target >= 0].nunique()
        what = f"{count(labels.n_classes, 'category', 'categories')} ({unseen} without a train card)"
    sizes = cards.split.value_counts()
    more = f", {count(int(sizes[UNLABELLED]), 'unlabelled card')}" if UNLABELLED in sizes else ""
    say(
        f"prepare: {sizes['train']} train and {count(int(sizes['test']), 'test card')}{more}, {what}, "
        f"{count(len(images), 'photo')}, {count(len(raw.issues.rows), 'input problem')} noted in {ws.issues}"
    )
    say(f"prepare: {raw_text}")
    for line in lines(door):
        say(line)


def known_classes(config: CompetitionConfig, raw: Raw) -> dict[str, pd.Series]:
    """The train cards' classes by target, indexed by id; by the competition's name where it has a single one."""
    train = raw.cards[raw.cards.split == "train"].set_index("product_id")
    if not config.targets:
        return {config.name: train.category_id}
    return {name: train[f"target_{name}"].dropna() for name in config.targets}


def check_metric(config: CompetitionConfig, labels: Labels) -> None:
    """GoodsError, before anything is written, where the metric is not defined for so many classes."""
    if not metric_of(config.metric).defined(labels):
        raise GoodsError(
            f"competition {config.name}: metric {config.metric} is not defined for {labels.n_classes} classes; "
            "name another in competition.yaml"
        )


def check_targets(config: CompetitionConfig, raw: Raw) -> None:
    """GoodsError unless the competition asks for attributes where its reader tells of some, and for those alone."""
    there = f"there are {', '.join(raw.targets)}" if raw.targets else "its reader tells of a single category"
    if unknown := set(config.targets) - set(raw.targets):
        raise GoodsError(
            f"competition {config.name}: no attribute {min(unknown)!r}, {there}; mend targets in "
            f"competition.yaml{meant(min(unknown), raw.targets)}"
        )
    if raw.targets and not config.targets:
        raise GoodsError(
            f"competition {config.name}: {there}; name those to predict as targets in competition.yaml"
        )


def write_targets(
    ws: Workspace,
    config: CompetitionConfig,
    raw: Raw,
    cards: pd.DataFrame,
    write: Callable[[Workspace, pd.DataFrame, Labels | None], None],
) -> list[str]:
    """The cards of all attributes together, and for each attribute its known train cards and all test cards."""
    tables, described, beside = {}, [], beside_text(cards)
    for name in config.targets:
        index_of = {class_: i for i, class_ in enumerate(raw.targets[name])}
        cards[f"target_{name}"] = cards[f"target_{name}"].map(index_of).fillna(-1).astype("int32")
    check_learnable({name: cards[f"target_{name}"] for name in config.targets})
    for name in config.targets:
        classes, column = raw.targets[name], cards[f"target_{name}"]
        asked = (cards.split == "test") | (column >= 0)
        view = cards[asked].assign(target=column)[[*COLUMNS, *beside]].reset_index(drop=True)
        validate(view, len(classes))
        labels = Labels(
            list(classes),
            [(str(c),) for c in classes],
            [(str(i),) for i in range(len(classes))],
            raw.kinds.get(name),
        )
        check_metric(config, labels)
        tables[name] = view, labels
        described.append(f"{name} known of {(view.target >= 0).sum()}")
    cards["target"] = np.int32(-1)
    write(ws, cards[[*COLUMNS, *beside, *(f"target_{name}" for name in config.targets)]], None)
    for name, (view, labels) in tables.items():
        write(ws.target(name), view, labels)
    return described


def check_learnable(targets: dict[str, pd.Series]) -> None:
    """GoodsError naming the attributes of whose classes, -1 where unknown, the train cards know less than two."""
    known = {name: column[column >= 0].nunique() for name, column in targets.items()}
    few = {name: count(n, "class", "classes") for name, n in known.items() if n < 2}
    if len(few) == 1:
        ((name, classes),) = few.items()
        raise GoodsError(
            f"attribute {name}: its known train cards are of {classes}, two are needed; leave it out of targets in "
            "competition.yaml"
        )
    if few:
        told = ", ".join(f"{name} (of {classes})" for name, classes in few.items())
        raise GoodsError(
            f"attributes {told}: their known train cards are to be of two classes and more; leave these out of targets "
            "in competition.yaml"
        )


def make_labels(raw: Raw, data: Path) -> Labels:
    """Classes are the categories of the train cards, then the tree's leaves without one, each in the order of ids.
    GoodsError, which names the folder of `data`, where there are too few.

    A leaf without train cards can be told only by its name, but test cards may lie in it.
    """
    ids = sorted(map(plain_id, raw.cards.category_id[raw.cards.split == "train"].unique()))
    if len(ids) < 2:
        told = ", ".join(map(str, ids)) or "none"
        raise GoodsError(
            f"{data}: its train cards are of a single category: there is nothing to learn of {told}; give cards of two "
            "or more"
        )
    ids += sorted({id_ for id_, path in raw.tree.items() if path.is_leaf} - set(ids))
    tree = raw.tree or {i: CategoryPath((str(i),), (str(i),), is_leaf=True) for i in ids}
    names, nodes = [tuple(map(plain, tree[i].names)) for i in ids], [tree[i].nodes for i in ids]
    return Labels(ids, names, nodes, raw.kinds.get("target"))


def usable_images(raw: Raw, sources: Sources) -> dict[Id, str]:
    """product_id → image reference of every photo that decodes; the others go to the issues."""
    from goods.cards.photos import usable

    found = sources.photos
    good = usable(sources.data, found, ids_of(raw.cards), raw.issues, "predicted without a photo")
    say(f"prepare: {found.summary(len(good), len(raw.cards))}")
    return good
