"""Kinds of products of the demo, read from its vocabulary, and the classes that are made of them."""

from __future__ import annotations

from dataclasses import dataclass

from goods.demo.words import AXES, CATALOGUE


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of product; `words` are (singular name, gender), `generic` fit its whole group."""

    department: str
    group: str
    title: str
    family: str
    silhouette: str
    words: tuple[tuple[str, str], ...]
    generic: tuple[str, ...]

    def axes(self) -> list[list[tuple[str, ...]]]:
        """Modifier axes, each a list of interchangeable wordings."""
        parts = [axis.split(",") for axis in AXES[self.family].split(";")]
        return [[tuple(entry.strip().split("|")) for entry in axis] for axis in parts]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A class: a kind, or its `variant`-th modification (0 with no modifiers where the kind is whole)."""

    category_id: int
    path: tuple[str, ...]
    kind: int
    variant: int
    modifiers: tuple[tuple[str, ...], ...]


def inflect(form: str, gender: str) -> str:
    """A modifier's wording agreeing with `gender`: m, f, n or p (plural)."""
    if not form.startswith("~"):
        return form
    stem, stressed = form[1:].rstrip("!"), form.endswith("!")
    if stem.endswith("ь"):
        return stem[:-1] + {"m": "ий", "f": "яя", "n": "ее", "p": "ие"}[gender]
    hissing, velar = stem[-1] in "жшщ", stem[-1] in "кгхжшщ"
    masculine = "ой" if stressed else "ий" if velar else "ый"
    return (
        stem
        + {"m": masculine, "f": "ая", "n": "ее" if hissing else "ое", "p": "ие" if velar else "ые"}[gender]
    )


def read_kinds() -> list[Kind]:
    """The kinds of CATALOGUE in its order."""
    kinds: list[Kind] = []
    head: list[str] = []
    for line in CATALOGUE.strip().splitlines():
        if " > " in line:
            head = line.split(" > ")
            continue
        title, silhouette, words = line.split(": ")
        pairs = tuple((word[:-2], word[-1]) for word in words.split("|"))
        department, group, family, generic = head
        kinds.append(Kind(department, group, title, family, silhouette, pairs, tuple(generic.split("|"))))
    return kinds
