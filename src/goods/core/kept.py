"""What is made once and used again in one process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

MOST_BYTES = 1 << 30


class Kept:
    """Values by the hash of what they are made of; those not asked for longest go when they are over `most` bytes."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most, self.bytes = most, 0
        self.values: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def get(self, key: str, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """The value of `key`, made where it is not there; a caller may not change it."""
        if key not in self.values:
            value = make()
            self.values[key] = (value, size(value))
            self.bytes += self.values[key][1]
        self.values.move_to_end(key)
        while self.bytes > self.most and len(self.values) > 1:
            _, (_, freed) = self.values.popitem(last=False)
            self.bytes -= freed
        return self.values[key][0]

    def clear(self) -> None:
        """Let go of everything."""
        self.values.clear()
        self.bytes = 0
