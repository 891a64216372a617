"""What a finished experiment says of one card typed in by hand: categories, reasons, the train cards most like it.

reads: runs/<experiment>/ and those of the experiments it builds on, prepared/
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.cards.rawtext import normalise
from goods.cards.table import COLUMNS, Issues, load_cards, select
from goods.cards.text import MAX_CHARS, strip_html
from goods.config.competition import CompetitionConfig
from goods.core.kept import Kept
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.models.text.field_vectorizer import FieldVectorizer
from goods.models.text.linear import FieldFeatures
from goods.report.card_explaining import explain_table
from goods.report.reasons import Explained
from goods.stack.level import tabulate
from goods.submit.batches import Asked, of_one_training
from goods.submit.empty import EmptyCards, are_empty
from goods.submit.predictor import Predictor

if TYPE_CHECKING:
    from PIL import Image

PHOTO = "asked.png"  # whole, whatever its size
SHOWN, NEAREST = 10, 6  # categories, train cards
LEAST = 0.0005  # of a node that is shown: what would be written as 0.0% is none
KEPT = 1 << 26
ALL_TERMS = 1 << 31


@dataclass(frozen=True)
class CardAnswer:
    """categories: (path, probability), likeliest first · reasons: of the first categories, where the experiment is a
    stack · nearest: title, category and likeness of train cards"""

    categories: list[tuple[tuple[str, ...], float]]
    reasons: list[Explained]
    nearest: pd.DataFrame


class CardAnswers:
    """Asked of one card at a time; models stay in memory."""

    def __init__(self, ws: Workspace, competition: CompetitionConfig, experiment: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="goods-app-")
        photos = Path(self.folder.name)
        with of_one_training(Asked(ws, competition, experiment, photos)) as check:
            self.labels, self.train = Labels.load(ws), select(load_cards(ws), "train")
            self.empty = EmptyCards.of(ws)
            self.predictor = Predictor(ws, competition, experiment, photos, Kept(KEPT), stay=True)
            check()
        self.words = FieldVectorizer(
            FieldFeatures(weight=1.0, words=(1, 2), max_features=ALL_TERMS), char_min_df=1
        )
        self.titles = self.words.fit_transform(self.train.title)

    def answer(self, texts: dict[str, str], photo: Image.Image | None = None) -> CardAnswer:
        """`texts` by field: title, description, attributes, shop; what is missing is empty. Of a card of
        which nothing is told, the shares of the classes."""
        card = self.card(texts, photo)
        said, reasons = self.judged(card)
        if (empty := are_empty(card)).any():
            said, reasons = self.empty.answered(empty, said), []
        found = zip(said.classes[0, :SHOWN].tolist(), said.proba[0, :SHOWN].tolist(), strict=True)
        categories = [(self.labels.paths[c], p) for c, p in found]
        return CardAnswer(categories, reasons, self.nearest(card.title[0]))

    def card(self, texts: dict[str, str], photo: Image.Image | None) -> pd.DataFrame:
        """A card table of one row, as a reader would give it."""
        row: dict[str, Any] = dict.fromkeys(self.train.columns)
        row |= {
            "product_id": self.train.product_id.max() if len(self.train) else 0,
            "split": "test",
            "sale": False,
        }
        for name in COLUMNS:
            if name in ("title", "description", "attributes", "shop"):
                row[name] = strip_html(texts.get(name, ""))[:MAX_CHARS]
        card = pd.DataFrame([row]).astype({"product_id": self.train.product_id.dtype})
        normalise(card, Issues())
        if photo is not None:
            photo.convert("RGB").save(Path(self.folder.name) / PHOTO)
        return card.assign(image=pd.Series([None if photo is None else PHOTO], dtype="str"), target=-1)

    def judged(self, card: pd.DataFrame) -> tuple[Predictions, list[Explained]]:
        def step() -> None:
            pass

        stack = self.predictor.stack
        if stack is None:
            return self.predictor.predict(card, step), []
        base = [one.predict(card, step) for one in self.predictor.base]
        table, features = tabulate(stack.maker, stack.model, card, None, base)
        winner = stack.report["winner"]
        reasons = explain_table(stack.maker, stack.model, stack.folds, winner, table, features, most=3)
        return stack.predict(card, base), reasons[0]

    def nearest(self, title: str) -> pd.DataFrame:
        likeness = (self.titles @ self.words.transform(pd.Series([title])).T).toarray()[:, 0]
        rows = np.argsort(-likeness, kind="stable")[:NEAREST]
        rows = rows[likeness[rows] > 0]
        return pd.DataFrame(
            {
                "title": self.train.title.to_numpy()[rows],
                "category": [" → ".join(self.labels.paths[c]) for c in self.train.target.to_numpy()[rows]],
                "likeness": likeness[rows].astype(float).round(3),  # a float32 would be shown in full
            }
        )


def as_tree(categories: list[tuple[tuple[str, ...], float]]) -> str:
    """Markdown: the categories as a tree, each node with the sum of what is below it, without those of next to none.

    It begins with an empty line: gradio takes off of all lines but the first what they are indented by alike."""
    mass: dict[tuple[str, ...], float] = {}
    for path, proba in categories:
        for depth in range(1, len(path) + 1):
            mass[path[:depth]] = mass.get(path[:depth], 0.0) + proba

    def below(node: tuple[str, ...]) -> list[str]:
        here = len(node)
        children = [p for p in mass if len(p) == here + 1 and p[:here] == node and mass[p] >= LEAST]
        lines = []
        for child in sorted(children, key=lambda path: -mass[path]):
            lines.append(f"{'    ' * len(node)}- {escaped(child[-1])} **{mass[child]:.1%}**")
            lines += below(child)
        return lines

    return "\n".join(["", *below(())])


def escaped(text: str) -> str:
    """As Markdown shows it: no markup, no HTML."""
    for sign in "\\`*_{}[]<>#|$":
        text = text.replace(sign, f"\\{sign}")
    return text
