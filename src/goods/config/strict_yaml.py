"""YAML texts → plain values: a key stands once, nothing is guessed, what is huge or has no end is refused."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from goods.core.errors import GoodsError

TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"
MOST_VALUES = 100_000
TOO_MANY = f"more than {MOST_VALUES:,} values, its aliases (*name) written out; write fewer"
OTHER_BASE = re.compile(r"[-+]?(0[0-7_]+|\d.*:.*)")


class StrictLoader(yaml.SafeLoader):
    """YAML that says what it looks like. A key stands once: of two the last would win, and the first be lost without a
    word."""

    def __init__(self, stream: str | bytes) -> None:
        super().__init__(stream)
        self.flat: set[int] = set()  # mappings that have been given the keys of those they merge
        self.held = 0  # values that these have

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if id(node) in self.flat:
            return
        self.flat.add(id(node))
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != MERGE]
        times = Counter(key for key in keys if isinstance(key, Hashable))  # others are refused as keys
        twice = next((key for key, n in times.items() if n > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {twice!r} stands twice", node.start_mark
            )
        parts = [part for key, value in node.value if key.tag == MERGE for part in parts_of(value)]
        for part in parts:
            self.flatten_mapping(part)
        self.held += len(node.value) + sum(len(part.value) for part in parts)
        if self.held > MOST_VALUES:  # before they are copied: of mappings that are merged again and again
            raise yaml.constructor.ConstructorError(None, None, TOO_MANY, node.start_mark)
        super().flatten_mapping(node)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Says where a value is not of the kind that its tag names: !!bool x would be a KeyError."""
        try:
            return super().construct_object(node, deep)
        except (LookupError, AttributeError):
            told = f"{node.value!r} is no {node.tag.removeprefix(TAG)}"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark) from None

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """Refuses half a surrogate pair: nothing that holds one could be written."""
        text = super().construct_scalar(node)
        str(text).encode()
        return text

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """Refuses what YAML 1.1 takes for a number to base 8 or 60: 042 would be 34, and 1:30 be 90; and a number of so
        many digits that Python does not write it."""
        text = str(self.construct_scalar(node))
        if OTHER_BASE.fullmatch(text):
            told = f"{text} is a number to base 8 or 60; write it in quotes or to base 10"
            raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)
        whole = node.tag.endswith(":int")
        number = self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)
        str(number)
        return number

    def construct_other(self, node: yaml.Node) -> Any:
        """Refuses what is neither a mapping nor a list nor one value: a set has no order, and bytes are no text."""
        told = f"{node.tag.removeprefix(TAG)} is no kind of setting; write a list, a mapping or a text"
        raise yaml.constructor.ConstructorError(None, None, told, node.start_mark)


def parts_of(merged: yaml.Node) -> list[yaml.MappingNode]:
    """The mappings that a mapping merges by one key."""
    found = merged.value if isinstance(merged, yaml.SequenceNode) else [merged]
    return [part for part in found if isinstance(part, yaml.MappingNode)]


for _kind in ("int", "float"):
    StrictLoader.add_constructor(f"{TAG}{_kind}", StrictLoader.construct_number)
for _kind in ("set", "binary", "omap", "pairs"):
    StrictLoader.add_constructor(f"{TAG}{_kind}", StrictLoader.construct_other)


def read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise GoodsError(f"{path}: no such config file; name one that is in {path.parent}")
    data = parsed_yaml(path.read_bytes(), str(path))
    if not isinstance(data, dict):
        raise GoodsError(f"{path}: expected a mapping of keys at the top level")
    return data


def parsed_yaml(text: str | bytes, where: str) -> Any:
    """What a YAML text holds, the caller's own; GoodsError that begins with `where`."""
    try:
        found = _parsed(text)
        check_size(found, where, {})
        return copy.deepcopy(found)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        # ValueError: the 99th of a month, OverflowError: a sign beyond Unicode
        raise GoodsError(f"{where}: not readable as YAML ({' '.join(str(error).split())}); mend it") from None


@lru_cache(256)
def _parsed(text: str | bytes) -> Any:
    """A run asks for the same few configs again and again, and the parser takes 10 ms and more for each."""
    return yaml.load(text, StrictLoader)


def check_size(value: Any, where: str, sizes: dict[int, int]) -> int:
    """Values that a part of a YAML text holds, each as often as an alias names it; `sizes` are those of the parts that
    were looked at, 0 while they are. GoodsError where there are too many, or a part is that which it is part of."""
    if not isinstance(value, dict | list):
        return 1
    if sizes.get(id(value)) == 0:
        raise GoodsError(f"{where}: an alias (*name) names what it stands in; write out what is meant")
    if id(value) not in sizes:
        sizes[id(value)] = 0
        parts = value.values() if isinstance(value, dict) else value
        sizes[id(value)] = 1 + sum(check_size(part, where, sizes) for part in parts)
        if sizes[id(value)] > MOST_VALUES:
            raise GoodsError(f"{where}: {TOO_MANY}")
    return sizes[id(value)]
