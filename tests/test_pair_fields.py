"""Fields, codes and words of two names side by side: worked values, and what holds of any text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goods.matching.alignment import Alignment
from goods.matching.codes import Codes, codes, nearest
from goods.matching.fields import MOST, Fields, compared, padded
from goods.matching.measures import UNITS, amounts, measures
from goods.matching.names import normal, words
from goods.matching.sets import Sets
from goods.matching.variants import AUDIENCES, COLOURS, EDITIONS, reader, versions, years

ANY_TEXT = st.text(alphabet=st.sampled_from('abx4 7.,-/"″гб№ёII\n2017v'), max_size=40) | st.text(max_size=40)


def pair(one: str, other: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    return np.array([0]), np.array([1]), [normal(one), normal(other)]


def fields(one: str, other: str) -> dict[str, float]:
    left, right, names = pair(one, other)
    return {name: float(v[0]) for name, v in Fields(names).features(left, right).items()}


def code(one: str, other: str, models: tuple[list[str], list[str]] = ([], [])) -> dict[str, float]:
    left, right, names = pair(one, other)
    return {name: float(v[0]) for name, v in Codes(names, models).features(left, right).items()}


def alignment(one: str, other: str) -> dict[str, float]:
    left, right, names = pair(one, other)
    made = Alignment(names, Sets.of([words(name) for name in names]))
    return {name: float(v[0]) for name, v in made.features(left, right).items()}


def test_numbers_that_measure_nothing_are_no_amounts():
    for name in ("2 in 1", "3 в 1", "case 5 w/ strap", "sata 6gb/s", "oil 5w-40", 'air max 2016" "nike'):
        assert amounts(name) == [], name


def test_a_comma_before_three_digits_parts_thousands_unless_nothing_stands_before_it():
    assert amounts("10,000 mah") == ["charge 10000"]
    assert amounts("0,400 кг") == ["mass 400000"]
    assert amounts("1,5 л") == ["volume 1500"]


@pytest.mark.parametrize("name", ["pack of 3", "3-pack", "3 pcs", "x3", "3er-pack", "набор из 3", "3 x 8gb"])
def test_packs_are_told_in_many_ways(name):
    assert "pieces 3" in amounts(name)


def test_units_of_a_dimension_are_comparable():
    told = ["6 ft", '72"'], ["1.5tb", "1500 gb"], ["16 oz", "1 lb"], ["50 cl", "0.5 l"], ["2 ghz", "2000mhz"]
    for one, other in told:
        found = fields(one, other)
        (name,) = (name for name in found if name.endswith("_agreement"))
        assert found[name] == 1, (one, other)


@settings(deadline=None)
@given(st.sampled_from(sorted(UNITS)), st.integers(1, 99), st.sampled_from(["", " ", "-"]))
def test_every_unit_is_read_however_it_is_joined(unit, number, gap):
    dimension, size = UNITS[unit]
    assert (dimension, pytest.approx(number * size)) in measures(f"thing {number}{gap}{unit} more")


@given(ANY_TEXT)
def test_any_text_is_read(text):
    name = normal(text)
    for dimension, value in measures(name):
        assert np.isfinite(value) and value >= 0 and dimension in {d for d, _ in UNITS.values()}
    assert all(1980 <= year <= 2049 for year in years(name))
    assert all(0 <= version < 100 for version in versions(name))


# years, versions, words


def test_years_and_versions_are_read():
    assert years("office 2007 2016-17 model12015 1,2017") == [2007]
    assert versions("quicken v2 2.0 mark iii 3rd gen part ii 5.5 x 4") == [2, 2, 3, 3, 2]
    assert versions("usb 3.1.2 12.5cm ci") == []


@pytest.mark.parametrize("meanings", [COLOURS, EDITIONS, AUDIENCES])
def test_a_word_means_one_thing_and_is_spelt_as_names_are(meanings):
    spelt = [word for spellings in meanings.values() for word in spellings.split()]
    assert len(spelt) == len(set(spelt))
    assert all(len(reader(meanings)(normal(word))) == 1 for word in spelt)


def test_a_field_agrees_differs_or_is_on_one_side_alone():
    assert fields("Nike Air 42 blanco", "nike air WHITE")["colour_agreement"] == 1
    assert fields("shoe red", "shoe blue")["colour_agreement"] == -1
    assert fields("shoe red", "shoe")["colour_agreement"] == 0
    assert "colour_agreement" not in fields("shoe", "boot")
    assert fields("ram 16gb ssd 1tb", "8gb 1tb")["bytes_agreement"] == 0.5
    assert fields("works 9 upgrade", "works 9 full")["edition_agreement"] == -1
    assert fields("works 2007", "works 2008")["year_agreement"] == -1


def test_numbers_differ_by_the_larger_and_rounding_is_no_difference():
    found = fields("hdd 500gb", "hdd 1tb")
    assert (found["bytes_agreement"], found["bytes_difference"]) == (-1, 0.5)
    assert fields('tv 46"', "tv 45.9 inch")["inches_agreement"] == 1
    assert (found["fields_agree"], found["fields_differ"], found["fields_alone"]) == (0, 1, 0)


VALUES = st.lists(st.floats(0, 1e6, width=32), max_size=MOST + 2)


@given(VALUES, VALUES)
def test_agreement_does_not_depend_on_the_order_and_stays_in_its_range(one, other):
    a, b = padded({0: one}, 1), padded({0: other}, 1)
    agreement, difference = compared(a, b, 0.02)
    np.testing.assert_array_equal([agreement, difference], compared(b, a, 0.02))
    if one and other:
        assert agreement[0] == -1 or 0 < agreement[0] <= 1
        assert 0 <= difference[0] <= 1
    else:
        assert np.isnan(difference[0]) and (agreement[0] == 0 if one or other else np.isnan(agreement[0]))


def test_codes_are_compared_by_letters_and_found_in_the_other_text():
    assert code("Sony DSC-W120/B", "sony dscw120b")["code_edits"] == 0
    assert code("Sony DSCW120B", "sony DSCW120P")["code_edits"] == 1
    variant = code("SNGL-4480BLK", "SNGL-4480WHT")
    assert variant["code_beginning"] == pytest.approx(8 / 11) and variant["code_held"] == 0
    assert code("DCS-855L", "DCS-855L/P")["code_held"] == 1
    assert code("canon dscw120", "canon dsc w120 case")["codes_found_max"] == 1
    assert np.isnan(code("canon dscw120", "canon")["code_likeness"])


def test_a_stated_model_number_is_a_code_whatever_it_looks_like():
    assert code("printer", "hp printer 415", (["415"], []))["codes_found_max"] == 1
    assert code("printer", "hp printer", (["Deluxe"], []))["codes_found_max"] != 1


def test_a_number_with_a_unit_is_no_code_and_one_with_other_letters_is():
    assert codes("1600mhz 500gb 550d 90yv09x5") == ["550d", "90yv09x5"]


@given(ANY_TEXT, ANY_TEXT)
def test_codes_of_any_texts_are_compared_both_ways(one, other):
    found, turned = code(one, other), code(other, one)
    assert list(map(str, found.values())) == list(map(str, turned.values()))


@given(st.lists(st.from_regex(r"[a-z0-9]{4,9}", fullmatch=True), min_size=1, max_size=4))
def test_equal_codes_are_nearest(own):
    assert nearest(own, own[::-1]) == (1, 0, 1, 1)


def test_words_go_with_their_like_and_what_is_left_tells_how_much():
    typo = alignment("panasonic headphones black", "panasonik headphones red")
    assert typo["unmatched_digits_max"] == 0 and typo["aligned_min"] > 0.3
    other = alignment("canon eos 550d", "canon eos 600d")
    assert (other["unmatched_digits_min"], other["unmatched_digits_max"]) == (1, 1)
    joined = alignment("sandisk microsdhc", "sandisk micro sdhc")
    assert joined["unmatched_told_max"] == 0
    assert alignment("canon eos", "canon eos") == pytest.approx(
        {"soft_tfidf": 1, "aligned_min": 1, "aligned_max": 1}
        | dict.fromkeys(
            (f"unmatched_{name}_{side}" for name in ("told", "rarest", "digits") for side in ("min", "max")),
            0,
        )
    )
    assert all(np.isnan(list(alignment("canon", "").values())))


@settings(max_examples=60)
@given(ANY_TEXT, ANY_TEXT)
def test_alignment_of_any_names_is_the_same_both_ways_and_in_its_range(one, other):
    found, turned = alignment(one, other), alignment(other, one)
    np.testing.assert_allclose(list(found.values()), list(turned.values()), rtol=1e-4, atol=1e-5)
    if not np.isnan(found["soft_tfidf"]):
        assert -1e-5 <= found["aligned_min"] <= found["aligned_max"] <= 1 + 1e-5
        assert found["unmatched_rarest_max"] <= found["unmatched_told_max"] + 1e-4
