"""How a CSV file is written is found out of it, whatever stands in its cells."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goods.competitions.dialect import dialect_of
from goods.competitions.table_files import Table
from goods.config.table import TextFormat
from goods.core.errors import GoodsError

NOTHING_SAID = TextFormat.model_validate({})
ROW = st.tuples(*[st.text(st.characters(codec="cp1251", exclude_categories=["Cc"]), max_size=20)] * 3)
ANY_ROW = st.tuples(*[st.text(st.sampled_from("aя,;|\t\"' \n0"), max_size=8)] * 3)


def written(path: Path, rows: list[tuple[str, ...]], separator: str, encoding: str) -> Path:
    packed = path.suffix == ".gz"
    with (
        gzip.open(path, "wt", encoding=encoding, newline="")
        if packed
        else path.open("w", encoding=encoding, newline="") as file
    ):
        csv.writer(file, delimiter=separator).writerows([("name", "text", "label"), *rows])
    return path


def read(path: Path, format_: TextFormat = NOTHING_SAID) -> list[tuple[str, ...]]:
    frame = Table((path,), format_).frame(["name", "text", "label"]).fillna("")
    return list(frame.itertuples(index=False, name=None))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ANY_ROW, min_size=5, max_size=12))
def test_cells_come_back_whatever_signs_are_in_them(tmp_path, separator, rows):
    path = written(tmp_path / "a.csv", rows, separator, "utf-8")
    assert dialect_of(path, NOTHING_SAID).separator == separator
    assert read(path) == rows


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=5, max_size=12))
def test_encodings_that_are_said_are_read(tmp_path, rows):
    for encoding in ("cp1251", "utf-16", "utf-8-sig"):
        path = written(tmp_path / f"{encoding}.csv", rows, ";", encoding)
        assert read(path, NOTHING_SAID.model_copy(update={"encoding": encoding})) == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251", "koi8_r", "cp866"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz"])
def test_encodings_are_found_out(tmp_path, encoding, name):
    texts = ["кружка керамическая подарочная", "платье летнее; хлопок", "нож кухонный сталь"]
    rows = [(f"товар {i}", texts[i % 3], str(i % 3)) for i in range(60)]
    assert read(written(tmp_path / name, rows, ";", encoding)) == rows


def test_french_letters_are_no_cyrillic_ones(tmp_path):
    texts = ["étui à lunettes pour été", "où acheter un café glacé", "vêtement de forêt très léger"]
    rows = [(f"produit n° {i}", texts[i % 3], "élevé") for i in range(60)]
    assert read(written(tmp_path / "a.csv", rows, ",", "cp1252")) == rows


def test_letters_far_behind_the_beginning_count(tmp_path, monkeypatch):
    monkeypatch.setattr("goods.competitions.dialect.SAMPLE", 1000)
    rows = [("plain words", "nothing else", "1")] * 400 + [("кружка керамическая", "подарок маме", "2")] * 40
    assert read(written(tmp_path / "a.csv", rows, ",", "cp1251")) == rows


def test_quotes_that_begin_words_only_are_no_quotes(tmp_path):
    lines = ["name\ttext\tlabel", *['"Nokia" phone\t5" screen\t1'] * 9]
    (tmp_path / "a.tsv").write_text("\n".join(lines), encoding="utf-8")
    assert read(tmp_path / "a.tsv") == [('"Nokia" phone', '5" screen', "1")] * 9


def test_a_row_of_another_length_is_told_with_how_the_file_was_read(tmp_path):
    (tmp_path / "a.csv").write_text("name;text;label\n" + "a;b;c\n" * 9 + "a;b\n", encoding="utf-8")
    with pytest.raises(GoodsError, match=r"Expected 3 columns, got 2.*read as utf-8, columns divided by ';'"):
        read(tmp_path / "a.csv")
