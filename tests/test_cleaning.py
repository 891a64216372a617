import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from goods.cards.cleaning import STOP_WORDS, UNITS, TextCleaner


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Рамка 10х15 см, 21 x 30 x 5", "рамка"),
        ("Молоко 2,5% 900 мл в бутылке", "молоко бутылке"),
        ("Не для детей и взрослых", "не для детей взрослых"),
        ("кабель 2м USB 3.0 и 5шт", "кабель usb"),
        ("а" * 40 + " слово", "слово"),
        ("", ""),
    ],
)
def test_sizes_units_numbers_and_stop_words_go(text, cleaned):
    assert TextCleaner().clean(text) == cleaned


@given(st.text(max_size=200), st.integers(1, 10))
def test_what_is_clean_stays_as_it_is(text, most):
    cleaner = TextCleaner(max_words=most)
    once = cleaner.clean(text)
    words = once.split()
    assert len(words) <= most
    assert not set(words) & (STOP_WORDS | UNITS)
    assert cleaner.clean(once) == once


def test_it_is_a_scikit_learn_transformer():
    texts = pd.Series(["Платье 42 размер", None, "кружка 300 мл"], index=[5, 7, 9])
    cleaned = TextCleaner(60).fit(texts).transform(texts)
    assert cleaned.to_dict() == {5: "платье размер", 7: "", 9: "кружка"}
    assert clone(TextCleaner(60)).get_params() == {"max_words": 60, "max_word_length": 25}
    found = make_pipeline(TextCleaner(), TfidfVectorizer()).fit(["чай 5 г", "нож 10х2"])
    assert found[-1].get_feature_names_out().tolist() == ["нож", "чай"]
