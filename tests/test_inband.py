"""Sellers' words that a library would take for its own signs stay words."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import jinja2
import numpy as np
import pandas as pd
import pytest
from toy_models import scratch_config, toy_cards, toy_context

from goods.cards.labels import Labels
from goods.models.text.card_tokens import tokenize
from goods.models.text.fasttext import FastTextConfig
from goods.models.text.fasttext_model import FastTextModel
from goods.models.text.scratch_encoder import scratch_encoder
from goods.report import curves, figures, maps, page

FORMULA = r"Кофе $\frac{ до $5"  # an even number of $ would be one


@pytest.mark.parametrize(
    ("word", "loss"),
    [("__label__x", "softmax"), ("__LABEL__0", "hs"), ("__label__0", "softmax"), ("__label__", "hs")],
)
def test_a_seller_s_label_is_a_word_to_fasttext(tmp_path, word, loss):
    cards = toy_cards(60)
    cards["title"] = pd.Series([f"{word} {title} {word}" for title in cards.title], dtype="str")
    config = FastTextConfig(family="fasttext", loss=loss, dim=8, buckets=200, calibrate=False)
    model, plain = (FastTextModel(config, toy_context(tmp_path)) for _ in range(2))
    model.fit(cards, None)
    assert sorted(model.classes) == sorted(cards.target.unique())
    # as any other word that all cards have
    plain.fit(cards.assign(title=cards.title.str.replace(word, "товар")), None)
    assert (model.predict(cards).argmax(1) == cards.target).mean() > 0.9
    assert len(model.model.words) == len(plain.model.words)


@pytest.mark.parametrize("special", ["[SEP]", "[MASK]", "[CLS]", "[PAD]"])
def test_special_tokens_in_a_title_are_words_to_an_encoder(special):
    cards = toy_cards(20)
    config = scratch_config(fields=("title",))
    encoder = scratch_encoder([*cards.title, "маска mask sep cls pad [ ]"], config)
    cards["title"] = f"маска {special} чай"
    row = tokenize(encoder, cards.head(1), config).values.tolist()
    numbers = encoder.tokenizer.convert_tokens_to_ids(["[SEP]", "[MASK]", "[CLS]", "[PAD]"])
    assert row[0] == encoder.start and row[-1] == encoder.separator
    assert not set(row[1:-1]) & set(numbers)
    assert len(row) > 5


def categories(name: str) -> Labels:
    return Labels([1, 2], [("Дом", name), ("Дом", "_скрытое")], [("10", "1"), ("10", "2")])


def test_names_are_no_formulas_on_a_map(monkeypatch):
    points = np.random.default_rng(0).normal(size=(30, 2))
    umap = SimpleNamespace(UMAP=lambda **_: SimpleNamespace(fit_transform=lambda rows: points[: len(rows)]))
    monkeypatch.setitem(sys.modules, "umap", umap)
    drawn = []
    monkeypatch.setattr(maps, "png", lambda figure, dpi: drawn.append(figure) or figures.png(figure, dpi))
    maps.map_of(np.abs(points) + 1, np.arange(30) % 2, categories(FORMULA), FORMULA, seed=0)
    shown = [text.get_text() for text in drawn[0].axes[0].get_legend().get_texts()]
    assert [text.strip().replace(r"\$", "$") for text in shown] == [FORMULA, "_скрытое"]


def test_names_of_experiments_are_no_formulas_in_the_report():
    bins = {"reliability": [[0.1, 0.1, 5], [0.9, 0.8, 5]]}
    assert curves.reliability_plots({FORMULA: {"before": bins, "after": bins}})


def test_texts_are_no_templates(monkeypatch):
    pages = jinja2.Environment(
        loader=jinja2.DictLoader({"x.html.j2": "{{ title }}"}), autoescape=page.PAGES.autoescape
    )
    monkeypatch.setattr(page, "PAGES", pages)
    assert page.render("x", title="{{ 7 * 7 }} <b>{% x %}") == "{{ 7 * 7 }} &lt;b&gt;{% x %}"
