import json
import re
import time
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goods.cards.fields import parse_name_value_characteristics, parse_text_fields
from goods.cards.flathtml import ENTITIES, flat_markup
from goods.cards.text import LETTER, occurrences, strip_html

SOURCES = Path(__file__).parents[1] / "src"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Вода &amp; соль</p><ul><li>раз</li><li>два</li></ul>", "Вода & соль раз два"),
        ("без разметки", "без разметки"),
        ("a < b и 3 > 2", "a < b и 3 > 2"),
        ("<script>alert(1)</script>текст<style>p{}</style>", "текст"),
        ("<!-- скрыто -->видно", "видно"),
        ("слово\x00ещё\u200b раз", "слово ещё раз"),
        ("<p>не закрыт <b>жирный", "не закрыт жирный"),
        ("", ""),
    ],
)
def test_html_becomes_visible_text(html, text):
    assert strip_html(html) == text


@given(st.text(max_size=300))
def test_any_text_is_stripped_without_error_and_squeezed(text):
    stripped = strip_html(text)
    assert stripped == " ".join(stripped.split())


@given(st.text(alphabet="<>/&;abp!-'\" =#x1", max_size=80))
def test_any_tag_soup_is_stripped_without_error(text):
    assert "\x00" not in strip_html(text)


def test_text_fields_join_all_four_attribute_fields_once():
    raw = json.dumps(
        {
            "title": "Кружка",
            "description": "<b>Белая</b>",
            "attributes": ["Объём: 300 мл"],
            "custom_characteristics": {"Узор": ["нет"]},
            "defined_characteristics": {"Цвет": ["белый", "синий"]},
            "filters": {"Цвет": ["белый", "синий"]},
        }
    )
    fields, problem = parse_text_fields(raw)
    assert problem is None
    assert fields == {
        "title": "Кружка",
        "description": "Белая",
        "attributes": "Объём: 300 мл; Узор: нет; Цвет: белый, синий",
    }


@pytest.mark.parametrize("raw", [None, "", "{", "[1]", "null", '"x"', float("nan"), "[" * 100_000])
def test_broken_text_fields_are_reported_and_empty(raw):
    fields, problem = parse_text_fields(raw)
    assert fields == {"title": "", "description": "", "attributes": ""}
    assert problem


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["title", "description", "attributes", "filters"]), json_values))
def test_any_json_object_parses_to_strings(data):
    fields, problem = parse_text_fields(json.dumps(data))
    assert problem is None
    assert all(isinstance(value, str) for value in fields.values())


def test_2022_characteristics():
    assert (
        parse_name_value_characteristics("Цвет: красный | синий / Размер: XL")
        == "Цвет: красный, синий; Размер: XL"
    )
    assert parse_name_value_characteristics(None) == ""
    assert parse_name_value_characteristics("без значения") == "без значения"


RUN = st.lists(
    st.sampled_from(
        [
            "a",
            "б ",
            " ",
            "\n",
            "\u00a0",
            "\u200b",
            "\x85",
            "&nbsp;",
            "&amp;",
            "&lt;b&gt;",
            "amp;",
            "<br>",
            "<br />",
        ]
    ),
    max_size=3,
).map("".join)


def within(names: list[str], content: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds(lambda name, inner: f"<{name}>{inner}</{name}>", st.sampled_from(names), content)


def several(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.one_of(*parts), max_size=3).map("".join)


PHRASES = several(RUN, within(["b", "strong", "i", "em", "u"], RUN))
ITEMS = st.lists(within(["li"], PHRASES), min_size=1, max_size=3).map("\n".join)
PLAIN_HTML = several(PHRASES, within(["p"], PHRASES), within(["ul", "ol"], ITEMS))
PIECES = several(
    RUN, st.sampled_from(["<p>", "</p>", "<li>", "<b>", "</b>", "</ul>", "<ul>", "<i>", "\x0b", "<x>"])
)


@given(st.one_of(PLAIN_HTML, PIECES))
def test_plain_html_is_read_as_the_parser_reads_it(html):
    with mock.patch("goods.cards.text.flat_markup", lambda text: None):
        parsed = strip_html(html)
    assert strip_html(html) == parsed


@pytest.mark.parametrize("name", ENTITIES)
def test_an_entity_is_the_sign_that_the_parser_makes_of_it(name):
    html = f"<p>a&{name};b</p>"
    with mock.patch("goods.cards.text.flat_markup", lambda text: None):
        parsed = strip_html(html)
    assert strip_html(html) == parsed != f"a&{name};b"


@given(PLAIN_HTML)
def test_plain_html_needs_no_parser(html):
    assert flat_markup(html) is not None


@pytest.mark.parametrize(
    "html",
    ["<p>a", "a</b>b", "<b><p>a</p></b>", "<p class='x'>a</p>", "<P>a</P>", "&euro;", "&amp", "<p>\x0ba</p>"],
)
def test_other_html_is_left_to_the_parser(html):
    assert flat_markup(html) is None


def test_huge_texts_of_open_tags_are_read_in_a_moment():
    for text in (
        "<p>" * 30_000,
        "<ul>" + "<li>a" * 15_000,
        "<b>a</b>" * 12_000 + "<",
        "&amp;" * 19_000 + "&",
    ):
        started = time.process_time()
        assert flat_markup(text) is None
        assert time.process_time() - started < 1


def test_signs_are_counted_as_unicode_has_them():
    texts = pd.Series(["Привет 12 ab", "", "é ½ 7"], dtype="str")
    assert occurrences(texts, LETTER).tolist() == [8, 0, 2]  # a fraction is no digit
    assert occurrences(texts[:0], LETTER).tolist() == []


def test_no_pattern_of_pandas_means_something_else_to_arrow():
    """`Series.str.count(r"\\w")` counts ASCII alone in some versions of pandas, so classes that Unicode decides are not
    asked of it; `findall` is Python's in all of them."""
    asked = re.compile(r"\.str\.(?:count|contains|replace|match|fullmatch|split)\([^)]*\\[wWdDsSbB]")
    assert asked.search('texts.str.count(r"[^\\W]")')
    found = [
        f"{path.name}: {line}" for path in SOURCES.rglob("*.py") for line in asked.findall(path.read_text())
    ]
    assert not found


def test_tags_within_tags_deeper_than_a_parser_goes_cost_no_text():
    for depth in (100, 255, 256, 5000):
        assert (
            strip_html(f"{'<div>' * depth}Белая &amp; синяя{'</div>' * depth} кружка")
            == "Белая & синяя кружка"
        )
