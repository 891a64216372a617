"""What models make of the same cards alike: made once where a context can keep it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from goods.core.hashing import content_hash
from goods.core.kept import Kept

T = TypeVar("T")


def made_once(
    kept: Kept | None, settings: Any, texts: Iterable[str], make: Callable[[], T], size: Callable[[T], int]
) -> T:
    """What `make` makes of `texts` under `settings`, whose first says what it is; `size` in bytes. No caller changes
    it."""
    if kept is None:
        return make()
    return kept.get(content_hash(settings, "\0".join(texts).encode()), make, size)
