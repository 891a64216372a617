"""Which problem a workspace is of: asked here, once."""

from __future__ import annotations

import pandas as pd

from goods.cards.table import check_prepared
from goods.core.artifacts import read_json
from goods.core.workspace import Workspace
from goods.problems.base import Problem
from goods.problems.cards import CardsProblem
from goods.problems.pairs import PairsProblem

PROBLEMS: dict[str, Problem] = {problem.name: problem for problem in (CardsProblem(), PairsProblem())}


def problem_of(ws: Workspace) -> Problem:
    """The problem that was prepared."""
    check_prepared(ws)
    return PROBLEMS[read_json(ws.source)["problem"]]


def load_rows(ws: Workspace) -> pd.DataFrame:
    """What is classified in a competition: its cards, or pairs of them."""
    return problem_of(ws).rows(ws)
