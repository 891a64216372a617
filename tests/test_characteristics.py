import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goods.cards.literals import MAX_CHARS
from goods.competitions.characteristics import parse_characteristics
from goods.competitions.wildberries import ATTRIBUTES, normalise, repaired

NAMES = st.text(st.characters(categories=("L", "Nd")), min_size=1, max_size=12)
VALUES = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\\"), max_size=20)
ITEMS = st.dictionaries(NAMES, st.lists(VALUES, max_size=3), max_size=4)


def characteristics(items):
    return [{"charcName": name, "charcValues": values, "required": True} for name, values in items.items()]


def expected(items):
    squeezed = {name: [" ".join(value.split()) for value in values] for name, values in items.items()}
    return {name: list(dict.fromkeys(v for v in values if v)) for name, values in squeezed.items()}


def in_bytes_literal(items):
    """As in the contest's files: the outer quote is never closed."""
    inner = repr(json.dumps(characteristics(items)).encode())[2:-1]
    return ("['b\\'" + inner.replace("'", "\\'") + "\\']").encode()


def printed_array(items):
    rows = [
        {"charcName": name, "charcValues": np.array(values, dtype=object), "value": None}
        for name, values in items.items()
    ]
    return str(np.array(rows, dtype=object)).encode()


@pytest.mark.parametrize("serialise", [in_bytes_literal, printed_array])
@given(items=ITEMS)
def test_both_serialisations_come_back_whole(serialise, items):
    assert parse_characteristics(serialise(items)) == (expected(items), None)


@given(items=ITEMS)
def test_other_escapings_of_the_same(items):
    listed = characteristics(items)
    text = json.dumps(listed, ensure_ascii=False)
    for raw in (
        listed,
        np.array(listed, dtype=object),
        text,
        text.encode(),
        repr(text.encode()),
        [repr(text.encode())],
    ):
        assert parse_characteristics(raw) == (expected(items), None)


@pytest.mark.parametrize("serialise", [in_bytes_literal, printed_array])
@given(items=ITEMS, data=st.data())
def test_malformed_ones_give_a_problem_or_values_and_never_an_exception(serialise, items, data):
    raw = bytearray(serialise(items))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        if data.draw(st.booleans()):
            raw[at:at] = data.draw(
                st.sampled_from([b"'", b'"', b"\\", b"[", b"]", b"{", b"}", b"(", b",", b"\xff", b"a"])
            )
        else:
            del raw[at : at + data.draw(st.integers(1, 30))]
    found, problem = parse_characteristics(bytes(raw))
    assert all(isinstance(value, str) for values in found.values() for value in values)
    assert problem is None or problem.isprintable()


@given(st.one_of(st.text(), st.binary(), st.integers(), st.floats(), st.lists(st.text())))
def test_anything_at_all_is_survived(raw):
    found, _ = parse_characteristics(raw)
    assert isinstance(found, dict)


def test_a_value_that_would_run_as_code_is_only_text(tmp_path):
    target = tmp_path / "written"
    call = f"__import__('pathlib').Path({str(target)!r}).touch()"
    for raw in (call, f"[{call}]", f"[{{'charcName': 'x', 'charcValues': {call}}}]", f"array([{call}])"):
        assert parse_characteristics(raw)[0].get("x", []) == []
    assert not target.exists()


def test_scalars_lists_and_repeats():
    raw = [
        {"charcName": "Вес", "charcValues": None, "value": 1.5},
        {"charcName": "Высота", "value": 12.0},
        {"charcName": "Цвет", "charcValues": "синий"},
        {"charcName": "Цвет", "charcValues": ["синий", "белый"]},
        {"charcValues": ["без имени"]},
    ]
    found, problem = parse_characteristics(raw)
    assert found == {"Вес": ["1.5"], "Высота": ["12"], "Цвет": ["синий", "белый"]}
    assert problem == "1 of 5 characteristics without a name"


@pytest.mark.parametrize(
    "raw",
    ["[" * 50_000, "{'a':" * 20_000, "'" * 100_000, "x" * (MAX_CHARS + 1), "[[[[[[" * 9, "\\" * 100_000],
)
def test_deep_and_long_ones_end_soon(raw):
    found, problem = parse_characteristics(raw)
    assert found == {} and problem


def test_what_newer_numpy_prints_and_values_beside_empty_lists():
    raw = "[{'charcName': 'a', 'charcValues': array([], shape=(0,), dtype=object), 'value': .5}]"
    assert parse_characteristics(raw) == ({"a": ["0.5"]}, None)
    assert parse_characteristics([{"charcName": "b", "charcValues": [float("nan"), "x"]}]) == (
        {"b": ["x"]},
        None,
    )
    found, problem = parse_characteristics("[\"b'\ud800\\n'\"]")
    assert found == {} and problem


@pytest.mark.parametrize(
    "empty", [None, float("nan"), "", b"", "[]", b"[]", "None", np.array([], dtype=object)]
)
def test_nothing_is_no_problem(empty):
    assert parse_characteristics(empty) == ({}, None)


@pytest.mark.parametrize(
    ("name", "values", "group"),
    [
        ("sex", ["Мужской"], "для мужчин"),
        ("sex", ["Женский"], "для женщин"),
        ("sex", ["women"], "для женщин"),
        ("sex", ["Детский"], "для детей"),
        ("sex", ["Девочки"], "для девочек"),
        ("sex", ["boy"], "для мальчиков"),
        ("sex", ["Мужской", "Женский"], None),
        ("sex", ["Унисекс"], None),
        ("sex", ["Унисекс", "Женский"], None),
        ("sex", ["мужской, женский"], None),
        ("sex", ["для девочек и мальчиков"], "для детей"),
        ("sex", ["Мальчики", "Девочки"], "для детей"),
        ("sex", ["девушки"], "для женщин"),
        ("sex", [], None),
        ("age_restrictions", ["18+"], "для взрослых"),
        ("age_restrictions", ["для взрослых 18+"], "для взрослых"),
        ("age_restrictions", ["от 6 лет"], "для детей"),
        ("age_restrictions", ["5-12 лет"], "для детей"),
        ("age_restrictions", ["12+"], "для подростков"),
        ("age_restrictions", ["с рождения"], "для малышей"),
        ("age_restrictions", ["6-12 мес"], "для малышей"),
        ("age_restrictions", ["от 18 мес."], "для малышей"),
        ("age_restrictions", ["от 3-х лет"], "для детей"),
        ("age_restrictions", ["до 3 лет"], "для малышей"),
        ("age_restrictions", ["до 12 лет"], "для детей"),
        ("age_restrictions", ["от 3 до 6 лет"], "для детей"),
        ("age_restrictions", ["6+ мес"], "для малышей"),
        ("age_restrictions", ["36 месяцев"], "для детей"),
        ("age_restrictions", ["12 м"], "для малышей"),
        ("age_restrictions", ["16+"], "для подростков"),
        ("age_restrictions", ["старше 18"], "для взрослых"),
        ("age_restrictions", ["от 0 месяцев"], "для малышей"),
        ("age_restrictions", ["без ограничений"], "для всех возрастов"),
        ("age_restrictions", ["0+"], None),
        ("age_restrictions", ["18+", "от 6 лет"], None),
        ("age_restrictions", ["см. упаковку"], None),
        ("season", ["круглогодичный"], "круглогодичный"),
        ("season", ["Лето"], "лето"),
        ("season", ["весна", "осень"], "демисезон"),
        ("season", ["зима", "лето"], None),
        ("season", ["зима/лето"], None),
        ("season", ["лето, зима, весна, осень"], "круглогодичный"),
        ("season", ["лето", "зима", "демисезон"], "круглогодичный"),
        ("season", ["мультисезон"], "круглогодичный"),
        ("fragility", ["не хрупкий"], "не хрупкий"),
        ("fragility", ["нехрупкое"], "не хрупкий"),
        ("fragility", ["хрупкое"], "хрупкий"),
        ("fragility", ["не бьющийся"], "не хрупкий"),
        ("fragility", ["не является хрупким"], "не хрупкий"),
        ("fragility", ["непрочный"], "хрупкий"),
        ("fragility", ["прочный"], "не хрупкий"),
        ("fragility", ["не бросать"], "хрупкий"),
        ("fragility", ["да"], "хрупкий"),
        ("fragility", ["нет"], "не хрупкий"),
        ("fragility", ["хрупкий", "не хрупкий"], None),
        ("fragility", ["?"], None),
    ],
)
def test_attributes_are_normalised(name, values, group):
    assert normalise(name, values) == group
    assert group is None or group in ATTRIBUTES[name].classes


def test_title_and_description_stand_in_for_each_other():
    assert repaired("", "один два " * 8) == (("один два " * 5).strip(), "один два " * 8)
    assert repaired("кружка", "") == ("кружка", "кружка")
