"""goods: raw files of an e-commerce product contest in, a winning submission out.

From Python, as from the command line: `goods.run`, `goods.leaderboard`, `goods.predict` (goods/api.py).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from goods.api import Result, leaderboard, predict, run
    from goods.core.errors import GoodsError

__version__ = "0.1.0"
__all__ = ["GoodsError", "Result", "leaderboard", "predict", "run"]


def __getattr__(name: str) -> Any:
    """What is used is imported, by its name: scripts and their --help import this package and nothing more."""
    if name not in __all__:
        raise AttributeError(f"module 'goods' has no attribute {name!r}")
    return getattr(import_module("goods.core.errors" if name == "GoodsError" else "goods.api"), name)
