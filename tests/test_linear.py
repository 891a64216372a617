"""TF-IDF of fields, and what becomes of its errors and damaged files."""

from __future__ import annotations

import pandas as pd
import pytest
from test_neural import toy_cards, toy_context

from goods.core.errors import GoodsError
from goods.models.text.field_vectorizer import FieldVectorizer
from goods.models.text.linear import FieldFeatures, LinearConfig
from goods.models.text.linear_model import LinearModel


def test_a_field_without_terms_has_no_columns_and_other_errors_surface():
    config = FieldFeatures(words=(1, 1), chars=(3, 3))
    vectorizer = FieldVectorizer(config, char_min_df=2)
    assert vectorizer.fit_transform(pd.Series(["", ""])).shape == (2, 0)
    vectorizer = FieldVectorizer(config, char_min_df=2)
    assert vectorizer.fit_transform(pd.Series(["молоко", "чай"])).shape == (2, 2)  # no common 3-grams
    assert [part.analyzer for part in vectorizer.parts] == ["word"]
    with pytest.raises(ValueError, match="lower boundary larger than the upper"):
        FieldVectorizer(FieldFeatures(words=(2, 1)), char_min_df=2).fit_transform(pd.Series(["молоко чай"]))


def test_damaged_weights_are_one_message(tmp_path):
    config = LinearConfig(family="linear", fields={"title": FieldFeatures()})
    model = LinearModel(config, toy_context(tmp_path))
    model.fit(toy_cards(40), None)
    model.save(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(GoodsError, match="train this fold again"):
        LinearModel(config, toy_context(tmp_path)).load(tmp_path)
