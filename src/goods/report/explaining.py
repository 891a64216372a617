"""Why this answer: reasons for cards of a finished stack, or for a pair of products.

reads:  runs/<experiment>/, the predictions of what it builds on, prepared/, folds.parquet
"""

from __future__ import annotations

import pandas as pd

from goods.cards.labels import Labels
from goods.cards.table import load_cards
from goods.config.competition import CompetitionConfig
from goods.core.errors import GoodsError
from goods.core.ids import Id, same_kind
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.matching.glossary import described
from goods.problems.kinds import problem_of
from goods.report.card_explaining import explain_cards
from goods.report.pair_explaining import explain_pair
from goods.report.reasons import as_text
from goods.stack.glossary import description
from goods.submit.batches import Asked, of_one_training

TRUE, SUBMITTED, SPLIT = "true class", "submitted class", "split"
SAME = {0: "not the same product", 1: "the same product"}
OUT_OF_FOLD = f"{SUBMITTED}, were it a test card"
GLOSSARY_LINE = "what the reasons are: docs/howto.md, Glossary of reasons"


def explain(ws: Workspace, competition: CompetitionConfig, experiment: str, ids: list[str], most: int) -> str:
    """What is asked of by its product ids, as text with `most` reasons a candidate."""
    if competition.targets:
        named = ", ".join(f"{competition.name}/{target}" for target in competition.targets)
        raise GoodsError(f"competition {competition.name} has several targets; name one of {named}")
    with of_one_training(Asked(ws, competition, experiment, None)) as check:
        told = EXPLAINERS[problem_of(ws).name](ws, competition, experiment, ids, most)
        check()
    return told


def _cards(ws: Workspace, competition: CompetitionConfig, experiment: str, ids: list[str], most: int) -> str:
    cards = load_cards(ws)
    explained = explain_cards(ws, competition, experiment, same_kind(ids, cards.product_id))
    asked = cards.set_index("product_id").loc[list(explained)]
    answers = answers_of(ws, experiment, asked)
    told = [
        as_text(id_, asked.title[id_], candidates, most, answers[id_], description)
        for id_, candidates in explained.items()
    ]
    return "\n".join([*told, GLOSSARY_LINE])


def answers_of(ws: Workspace, experiment: str, asked: pd.DataFrame) -> dict[Id, dict[str, str]]:
    """Of each of the cards, by product_id, what is true and what the finished experiment answers."""
    labels, run = Labels.load(ws), ws.run(experiment)
    answers: dict[Id, dict[str, str]] = {}
    for split, group in asked.groupby("split"):
        known = split == "train"
        said = Predictions.load(run.oof if known else run.test).aligned(group.index.to_numpy())
        for id_, target, chosen in zip(group.index.tolist(), group.target, said.classes[:, 0], strict=True):
            answer = " → ".join(labels.paths[chosen])
            true = " → ".join(labels.paths[target]) if known else ""
            answers[id_] = {TRUE: true, OUT_OF_FOLD: answer} if known else {SUBMITTED: answer}
    return answers


def _pair(ws: Workspace, competition: CompetitionConfig, experiment: str, ids: list[str], most: int) -> str:
    cards = load_cards(ws)
    products = same_kind(ids, cards.product_id)
    pair, explained = explain_pair(ws, competition, experiment, products)
    answers = {SPLIT: pair.split} | ({TRUE: SAME[pair.target]} if pair.split == "train" else {})
    titles = cards.set_index("product_id").title.reindex(products).fillna("")
    return as_text(" – ".join(map(str, products)), " | ".join(titles), [explained], most, answers, described)


EXPLAINERS = {"cards": _cards, "pairs": _pair}  # by problem
