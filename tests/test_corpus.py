"""Bad inputs end in cards with every id kept, or in one message; parsers take whatever there is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from corpus.cases import KINDS, run_case
from hypothesis import given, settings
from hypothesis import strategies as st

from goods.cards.fields import parse_name_value_characteristics, parse_text_fields
from goods.cards.literals import Malformed, paired, read_cell, unescape
from goods.cards.photo_names import (
    is_hidden,
    looks_like_photo,
    rank_of_folder,
    rank_of_zip,
    readings,
    split_of,
)
from goods.cards.text import squeeze, strip_html
from goods.competitions.characteristics import parse_characteristics
from goods.competitions.ozon_products import colours_of
from goods.competitions.wildberries import ATTRIBUTES, normalise
from goods.core.numbers import flag, whole_number

QUICK, SEED = 160, 1


def outcomes(tmp_path: Path, first: int, cases: int, seed: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for case in range(first, first + cases):
        folder = tmp_path / str(case)
        folder.mkdir()
        try:
            kind, outcome = run_case(seed, case, folder)
        except Exception as error:
            error.add_note(f"case {case} of seed {seed}")
            raise
        found[f"{kind} {'read' if outcome.refusal is None else 'refused'}"] += 1
    return found


def test_bad_inputs_are_read_with_every_id_or_refused_in_one_line(tmp_path):
    found = outcomes(tmp_path, 0, QUICK, SEED)
    assert set(found) == {f"{kind} {end}" for kind in KINDS for end in ("read", "refused")}
    assert found.total() == QUICK


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("part", range(10))
def test_ten_thousand_bad_inputs(part, tmp_path):
    assert outcomes(tmp_path, part * 1_000, 1_000, seed=0).total() == 1_000


SIGNS = st.sampled_from(
    [*"[](){}'\"\\,:=bu xXuU0d1e.-+/|\n", "None", "nan", "true", "array", "dtype", "9" * 400, "щ"]
)
NEAR = st.lists(SIGNS, max_size=40).map("".join)  # to what they read
TEXTS = st.text(max_size=60) | NEAR | st.text(st.characters(), max_size=20)  # lone surrogates too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=5)
            | st.sampled_from(
                [
                    "name",
                    "value",
                    "values",
                    "charcName",
                    "charcValues",
                    "title",
                    "attributes",
                    "filters",
                    "key",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
CELLS = TEXTS | st.binary(max_size=60) | JSON | JSON.map(str) | JSON.map(repr).map(repr)


@given(TEXTS | st.binary(max_size=60) | JSON.map(str))
@settings(max_examples=300, deadline=None)
def test_a_literal_is_read_or_malformed(raw):
    try:
        read_cell(raw)
    except Malformed as error:
        assert str(error)


@given(st.sampled_from(["", "b", "B", "u"]), st.sampled_from("'\""), NEAR)
def test_an_escaped_text_is_a_text(prefix, quote, body):
    body = body.replace(quote, "").rstrip("\\")
    unescape(f"{prefix}{quote}{body}{quote}")
    paired(body).encode()


@given(CELLS)
@settings(max_examples=300, deadline=None)
def test_a_cell_of_any_contest_is_texts_and_a_problem(cell):
    fields, problem = parse_text_fields(cell)
    assert set(fields) == {"title", "description", "attributes"} and (problem is None or problem)
    found, problem = parse_characteristics(cell)
    assert problem is None or problem
    told = [*fields.values(), parse_name_value_characteristics(cell), *colours_of(cell), *found]
    told += [value for values in found.values() for value in values]
    assert all(isinstance(text, str) for text in told)
    for name in ATTRIBUTES:
        assert normalise(name, told) in (None, *ATTRIBUTES[name].classes)


@given(TEXTS)
def test_a_number_or_a_flag_is_one_or_told_why_not(text):
    for reading, kinds in ((whole_number, int), (flag, bool)):
        try:
            value = reading(text)
        except ValueError as error:
            assert type(error) is ValueError and str(error)
        else:
            assert value is None or isinstance(value, kinds)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_written_number_is_that_number(number):
    for text in (str(number), f" {number} ", f"{number:,}", f"{number:_}".replace("_", " ")):
        assert whole_number(text) == number


@given(
    st.lists(
        TEXTS | st.sampled_from(["images", "train", "test.zip", "1001", "1001_2.jpg", "a.zip"]), max_size=4
    )
)
def test_a_name_is_a_photo_of_a_known_card_or_none(parts):
    path = "/".join(parts)
    for reading in readings(path, {1, 1001, 2}):
        assert reading.product_id in {1, 1001, 2}
    assert split_of(path) in ("train", "test", None)
    assert isinstance(looks_like_photo(path), bool) and isinstance(is_hidden(path), bool)
    assert rank_of_folder(path) >= 0 and rank_of_zip(path) >= 0


@given(TEXTS)
def test_a_stripped_text_is_squeezed(text):
    assert squeeze(strip_html(text)) == strip_html(text)
