"""Why this answer: reasons for cards of a finished stack, or for a pair of products.

reads:  runs/<experiment>/, the predictions of what it builds on, prepared/, folds.parquet
"""

from __future__ import annotations

from goods.cards.table import load_cards
from goods.config.competition import CompetitionConfig
from goods.core.ids import same_kind
from goods.core.workspace import Workspace
from goods.problems.kinds import problem_of
from goods.report.card_explaining import explain_cards
from goods.report.pair_explaining import explain_pair
from goods.report.reasons import as_text


def explain(ws: Workspace, competition: CompetitionConfig, experiment: str, ids: list[str], most: int) -> str:
    """What is asked of by its product ids, as text with `most` reasons a candidate."""
    return EXPLAINERS[problem_of(ws).name](ws, competition, experiment, ids, most)


def _cards(ws: Workspace, competition: CompetitionConfig, experiment: str, ids: list[str], most: int) -> str:
    cards = load_cards(ws)
    explained = explain_cards(ws, competition, experiment, same_kind(ids, cards.product_id))
    titles = cards.set_index("product_id").title
    return "\n".join(as_text(id_, titles[id_], candidates, most) for id_, candidates in explained.items())


def _pair(ws: Workspace, competition: CompetitionConfig, experiment: str, ids: list[str], most: int) -> str:
    cards = load_cards(ws)
    products = same_kind(ids, cards.product_id)
    explained = explain_pair(ws, competition, experiment, products)
    titles = cards.set_index("product_id").title.reindex(products).fillna("")
    return as_text(" – ".join(map(str, ids)), " | ".join(titles), [explained], most)


EXPLAINERS = {"cards": _cards, "pairs": _pair}  # by problem
