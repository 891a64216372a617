"""What a finished experiment says of two products typed in by hand: the same one, or not, and why.

reads: runs/<experiment>/ and those of the experiments it builds on
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from goods.cards.rawtext import normalise
from goods.cards.table import Issues
from goods.cards.text import MAX_CHARS, strip_html
from goods.config.competition import CompetitionConfig
from goods.core.workspace import Workspace
from goods.matching.attributes import told_attributes
from goods.matching.products import Products
from goods.models.pairs.pairs_model import PairsModel
from goods.report.reasons import Explained, mean_reasons
from goods.submit.batches import Asked, of_one_training
from goods.submit.pairs import check_finished, predict_pairs
from goods.submit.predictor import saved_config
from goods.train.finished import load_run_models


class PairAnswers:
    """Asked of one pair at a time. Features that place a pair among all candidates see this one alone."""

    def __init__(self, ws: Workspace, competition: CompetitionConfig, experiment: str) -> None:
        check_finished(ws, experiment)
        self.ws, self.competition, self.experiment = ws, competition, experiment

    def answer(self, names: tuple[str, str], attributes: tuple[str, str]) -> Explained:
        """`attributes`: a "name: value" on each line."""
        cards = pd.DataFrame(
            {
                "product_id": [0, 1],
                "title": [strip_html(name)[:MAX_CHARS] for name in names],
                "attributes": [" ".join(text.split())[:MAX_CHARS] for text in attributes],
                "characteristics": [
                    json.dumps(told_attributes(text.splitlines()), ensure_ascii=False) for text in attributes
                ],
            }
        )
        normalise(cards, Issues())
        pairs = pd.DataFrame(
            {"product_id": [0], "variantid1": [0], "variantid2": [1], "target": np.array([-1], np.int32)}
        )
        products = Products.of(cards, pairs)
        with of_one_training(Asked(self.ws, self.competition, self.experiment, None)) as check:
            said = predict_pairs(self.ws, self.competition, self.experiment, products, pairs)
            reasons = self.reasons(products, pairs)
            check()
        return Explained("the same product", float(said.proba_of(1)[0]), *reasons)

    def reasons(self, products: Products, pairs: pd.DataFrame) -> tuple[float, list]:
        config = saved_config(self.ws, self.experiment)
        scores = {
            name: predict_pairs(self.ws, self.competition, name, products, pairs)
            for name in config.model.scored_by
        }
        models = load_run_models(self.ws, self.competition, config, None, products, scores)
        parts = [model.contributions(pairs) for model in models if isinstance(model, PairsModel)]
        return mean_reasons(parts) if parts else (0.0, [])
