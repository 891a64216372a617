"""Readers: raw files of a contest → `Raw`, or `RawPairs` where products are matched; columns of its submission file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from goods.competitions.kazanexpress import (
    SUBMISSION_COLUMNS_2022,
    SUBMISSION_COLUMNS_2023,
    read_2022,
    read_2023,
)
from goods.competitions.ozon import RawPairs, read_ozon
from goods.competitions.raw import Raw
from goods.competitions.wildberries import read_school

READERS: dict[str, Callable[[Path], Raw | RawPairs]] = {
    "kazanexpress2023": read_2023,
    "kazanexpress2022": read_2022,
    "wildberries": read_school,
    "ozon": read_ozon,
    "demo": read_2023,
}
SUBMISSION_COLUMNS = {
    "kazanexpress2023": SUBMISSION_COLUMNS_2023,
    "kazanexpress2022": SUBMISSION_COLUMNS_2022,
    "demo": SUBMISSION_COLUMNS_2023,
}
