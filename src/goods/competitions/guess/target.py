"""Which column holds the classes, and where they lie in a tree."""

from __future__ import annotations

from goods.competitions.guess.columns import Column, Columns, decides, separator_of
from goods.competitions.guess.files import Sources
from goods.competitions.guess.guess import LIKELY, SURE, UNSURE, Guess

TOPS = {"0", "-1"}  # what some trees write for the parent of a node without one


def guess_target(
    made: Guess, sources: Sources, columns: dict[str, Columns], answers: Columns, key: str | None
) -> None:
    """Say `target` and `tree`, or what is lacking."""
    train = columns["train"]
    asked = [name for name in (columns.get("sample") or {}) if name in answers]
    if len(asked) > 1:
        made.say("target", asked, SURE, "those that the sample submission has")
        return
    if asked:
        made.say("target", asked[0], SURE, "the sample submission has it, test has not")
        guess_tree(made, sources, columns, answers, asked[0])
        return
    classes = [
        c for c in answers.values() if c.values > 1 and not c.unique and c.dates < 0.5 and not c.has_fractions
    ]
    plain = [c for c in classes if separator_of(c) is None] or classes
    # what decides all the others is the class, they are its path, its name or its levels
    finest = [c for c in plain if all(decides(c.cells, other.cells) for other in classes if other is not c)]
    several = [c for c in (finest or plain) if c.called("target")] or finest or plain
    best = max(several, key=lambda c: (c.called("id"), c.called("target"), c.values, c.depth), default=None)
    if best is None:
        both = [
            c.name
            for c in train.values()
            if c.called("target") and c.name != key and 1 < c.values < len(c.cells)
        ]
        made.lack("target", list(answers) or both or [name for name in train if name != key])
        return
    if len(several) > 1 and not finest and not best.called("target"):
        made.lack("target", [c.name for c in several])
        return
    only = len(classes) == 1
    why = (
        "the only column that test lacks"
        if only
        else f"test lacks it as {', '.join(c.name for c in classes if c is not best)}"
    )
    made.say("target", best.name, LIKELY if only or finest else UNSURE, why)
    guess_tree(made, sources, columns, answers, best.name)


def guess_tree(
    made: Guess, sources: Sources, columns: dict[str, Columns], answers: Columns, target: str
) -> None:
    classes = answers[target]
    paths = [c for c in answers.values() if separator_of(c) and c.is_text]
    fitting = [c for c in paths if len(c.cells) == len(classes.cells) and decides(classes.cells, c.cells)]
    if fitting:
        tree = {"column": fitting[0].name, "separator": separator_of(fitting[0])}
        made.say("tree", tree, LIKELY, "a path for each class")
        return
    if "tree" in columns and (found := tree_file(columns["tree"], classes)):
        name = sources.of["tree"].name
        made.say("tree", {"file": name} | found, LIKELY, "its ids are those of the classes")
        return
    levels = [
        c
        for c in answers.values()
        if c is not classes
        and 1 < c.values <= classes.values
        and c.is_text
        and len(c.cells) == len(classes.cells)
        and decides(classes.cells, c.cells)
    ]
    levels.sort(key=lambda c: (c.values, c.depth))
    if classes.is_text and not any(
        c.values == classes.values and not 0 <= c.depth < classes.depth for c in levels
    ):
        levels.append(classes)
    if len(levels) > 1:
        made.say("tree", {"columns": [c.name for c in levels]}, LIKELY, "each class lies in one of each")


def tree_file(tree: Columns, classes: Column) -> dict[str, str] | None:
    """Its columns of ids, of names and of parents; and that of keys, where parents are of another than the ids, as
    classes are names and parents numbers."""
    ids = ids_of_tree(tree, classes)
    parent = next((c for c in tree.values() if c.called("parent")), None)
    if ids is None or parent is None:
        return None
    above = set(parent.ids) - TOPS
    keys = [c for c in (ids, *tree.values()) if c.unique and c is not parent and above <= set(c.ids)]
    titles = [c for c in tree.values() if c not in (ids, parent, *keys)]
    title = max(titles, key=lambda c: (c.called("title"), c.is_text), default=ids)
    found = {"id": ids.name, "title": title.name, "parent": parent.name}
    return found | ({} if not keys or keys[0] is ids else {"key": keys[0].name})


def ids_of_tree(tree: Columns, classes: Column) -> Column | None:
    """The column that has all classes, each once."""
    wanted = set(classes.ids)
    return next((c for c in tree.values() if c.unique and wanted <= set(c.ids)), None)


def why_no_tree(made: Guess, tree: Columns, answers: Columns) -> str:
    """Why a file that looks like a tree is not the one of the section."""
    if made.section.get("tree"):
        return "the tree is told otherwise"
    target = made.section.get("target")
    if not isinstance(target, str):
        return "there are several targets" if target else "the target is not known"
    if ids_of_tree(tree, answers[target]) is None:
        return "the classes of the target are not among its ids"
    return "it lacks a column of parents"
