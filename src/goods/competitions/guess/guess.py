"""What was guessed of an unknown contest, how sure, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from goods.config.refusals import shown
from goods.core.log import say

WIDEST = 10_000  # signs of a value that are told
SURE, LIKELY, UNSURE = "sure", "likely", "a guess"


@dataclass
class Guess:
    """`section`: the guessed keys of `table`; `notes`: key → (how sure, why); `missing`: the one key that has to be
    filled in, and what it may be. `rows`: train cards."""

    section: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, tuple[str, str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    missing: tuple[str, list[str]] | None = None
    cyrillic: bool = False
    photos: bool = False
    rows: int = 0

    def say(self, key: str, value: Any, sure: str, why: str) -> None:
        if value not in (None, [], {}):
            self.section[key] = value
            self.notes[key] = (sure, why)

    def lack(self, key: str, choices: list[str]) -> None:
        """The first key that cannot be guessed is asked for."""
        self.missing = self.missing or (key, choices)
        self.section[key] = None
        self.notes[key] = (UNSURE, f"to fill in: one of {', '.join(map(repr, choices))}")

    def tell(self) -> None:
        for key, (sure, why) in self.notes.items():
            say(f"{key}: {shown(self.section.get(key, 'none'), WIDEST)} ({sure}: {why})")
        for warning in self.warnings:
            say(f"warning: {warning}")
