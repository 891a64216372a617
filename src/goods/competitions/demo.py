"""The demo: a made-up shop in the format of KazanExpress 2023, which makes its raw files itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from goods.competitions import kazanexpress2023
from goods.config.competition import CompetitionConfig
from goods.core.log import say


def generate(folder: Path, config: CompetitionConfig) -> None:
    from goods.demo.generator import generate as make  # draws photos: only who makes them pays

    say(
        f"prepare: generating the demo competition, {config.demo_rows} cards in {config.demo_classes} categories"
    )
    make(folder, rows=config.demo_rows, classes=config.demo_classes, seed=config.seed)


COMPETITION = replace(kazanexpress2023.COMPETITION, generate=generate)
