"""Features and decoders of the stack are described in one place, which explanations, reports and pages read."""

from __future__ import annotations

import pytest
from conftest import ROOT

from goods.metrics.base import DECODERS
from goods.stack.features import BLEND_FEATURES, FEATURES
from goods.stack.glossary import DECODED, GLOSSARY, as_markdown, decoders_as_markdown, description


def test_every_feature_is_described_and_nothing_else():
    assert list(GLOSSARY) == [*FEATURES, *BLEND_FEATURES]


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        ("linear_log_odds", "log-odds that linear gives the category"),
        ("navec-2_rank", "rank of the category by navec-2, 0 is its first choice"),
        ("blend_rank", "rank of the category in the pool of all experiments, 0 is first"),
        ("level1_mass", "probability that the pool gives the category's node at depth 1"),
        ("given_shop", "log of the share of the train cards with the card's shop that are of the category"),
        ("number:price", "the card's number in the column price"),
        ("named_by_similar_titles", "whether the source similar titles made the category a candidate"),
        ("cards_first_word", "train cards with the card's first word (log of 1 + their number)"),
        ("cards_first_two", "train cards with the card's first two words (log of 1 + their number)"),
        ("given_any", "log of the share of all train cards that are of the category"),
        ("of_no_line", ""),
        ("linear", ""),
    ],
)
def test_a_column_is_described_by_the_line_it_comes_from(feature, said):
    assert description(feature) == said


def test_the_table_of_the_page_is_the_glossary():
    assert as_markdown() in (ROOT / "docs" / "howto.md").read_text(encoding="utf-8")


def test_every_decoder_is_described_and_the_table_of_the_page_is_those_words():
    assert tuple(DECODED) == DECODERS
    assert decoders_as_markdown() in (ROOT / "docs" / "stacking.md").read_text(encoding="utf-8")
