"""Files of cards: tables as people have them, catalogues to match, memory that is given back between batches."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import zipfile
from types import SimpleNamespace

import pandas as pd
import pytest
from batches_of_cards import read_new_cards
from conftest import competition_config
from table_contests import config_of

from goods.cards.table import Issues
from goods.competitions.csv_files import AS_FOUND
from goods.competitions.guess.section import guess
from goods.competitions.loading import competition_of
from goods.competitions.table_cards import cards_of
from goods.competitions.table_files import Table
from goods.core.errors import GoodsError
from goods.core.trimming import trim_memory
from goods.core.workspace import Workspace
from goods.submit import raw_batches
from goods.submit.catalogue import match_file, read_catalogue
from goods.submit.prediction import check_out, predict_file


def test_a_folder_in_place_of_a_file_of_cards_is_called_one(tmp_path):
    with pytest.raises(GoodsError, match="a folder, expected a parquet or csv file of cards"):
        raw_batches.check_file(tmp_path)


def test_what_looks_like_numbers_dates_or_flags_in_csv_is_the_text_it_is(tmp_path):
    path, columns = tmp_path / "cards.csv", "id,title,short_description,name_value_characteristics\n"
    titles = ["0012", "2023-01-01", "true", "1e5", "NA"]
    config = competition_config(name="kazanexpress2022", reader="kazanexpress2022")
    for title in titles:
        path.write_text(f"{columns}9007199254740993,{title},{title},\n", encoding="utf-8")
        cards = read_new_cards(path, config, None, Issues())
        assert cards.product_id.tolist() == [9007199254740993]
        assert cards[["title", "description", "attributes"]].to_numpy().tolist() == [[title, title, ""]]


HEADER = "id,title,short_description,name_value_characteristics"


@pytest.mark.parametrize(
    ("encoding", "separator"),
    [
        ("utf-16", ","),
        ("utf-16-le", "\t"),
        ("utf-32", ","),
        ("cp1251", ";"),
        ("utf-8-sig", ","),
        ("utf-8", "|"),
    ],
)
def test_new_cards_of_a_format_without_a_section_are_read_as_a_table_is(tmp_path, encoding, separator):
    titles = [f"кружка большая красная, {i}" for i in range(30)]
    rows = [(str(i), f'"{title}"', "для чая и кофе", "") for i, title in enumerate(titles)]
    text = "\n".join(map(separator.join, [HEADER.split(","), *rows]))
    (tmp_path / "cards.csv").write_bytes(text.encode(encoding))
    config = competition_config(name="kazanexpress2022", reader="kazanexpress2022")
    cards = read_new_cards(tmp_path / "cards.csv", config, None, Issues())
    assert (cards.product_id.tolist(), cards.title.tolist()) == (list(range(30)), titles)


def test_an_open_quote_is_told_by_its_row_in_whichever_block_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("goods.competitions.csv_files.CSV_BLOCK", 1 << 16)
    rows = [f"{i},кружка {'x' * 50},для чая," for i in range(6000)]
    rows[5000], rows[5005] = '5000,"кружка,для чая,', '5005,экран 24",для чая,'
    (tmp_path / "cards.csv").write_text("\n".join([HEADER, *rows, ""]), encoding="utf-8")
    with pytest.raises(GoodsError, match=r"row 5000: 'title' holds .*; double the quotes within cells$"):
        list(raw_batches.raw_batches(tmp_path / "cards.csv", 10_000, tmp_path))


def test_match_reads_a_contest_s_own_file(shop, tmp_path):
    cards = read_catalogue(shop / "test.parquet")
    raw = pd.read_parquet(shop / "test.parquet")
    assert cards.product_id.tolist() == raw.product_id.tolist()
    assert cards.title.tolist() == [json.loads(text)["title"] for text in raw.text_fields]


def test_an_identity_of_bytes_that_are_no_text_is_one_all_the_same(tmp_path):
    path = tmp_path / "cards.parquet"
    kinds = [b"\xff\xfe", b"\xff\xfe", "ваза".encode(), None]
    pd.DataFrame({"product_id": range(4), "title": "ваза", "kind": kinds}).to_parquet(path)
    identity = read_catalogue(path, "kind").identity
    assert identity[0] == identity[1] and identity[2] == "ваза" and pd.isna(identity[3])


def test_cards_of_unknown_identity_are_not_the_same_product(tmp_path):
    titles = ["чайник altair rx4510 красный"] * 2 + [f"{a} {b}" for a in "абвгд" for b in ("книга", "ваза")]
    path = tmp_path / "cards.parquet"
    kinds = ["1", "1", "", "", " ", "", None, "", "", "2", "3", None]
    pd.DataFrame({"product_id": range(12), "title": titles, "kind": kinds}).to_parquet(path)
    report = match_file(path, tmp_path / "out", {"blocking": {"dimensions": 64, "threads": 1}}, "kind")
    assert report["quality"]["pairs"]["recall"] == 1.0


def test_memory_is_given_back_where_the_c_library_can(monkeypatch):
    asked: list[int] = []
    monkeypatch.setattr("ctypes.CDLL", lambda _: SimpleNamespace(malloc_trim=asked.append))
    trim_memory()
    assert asked == [0]


@pytest.mark.parametrize("library", [OSError("none"), None])
def test_where_the_c_library_cannot_give_memory_back_nothing_is_said(monkeypatch, capfd, library):
    def load(_):
        if library is not None:
            raise library
        return object()  # one that has no malloc_trim

    monkeypatch.setattr("ctypes.CDLL", load)
    trim_memory()
    assert capfd.readouterr() == ("", "")


def test_the_cards_themselves_are_not_written_over(tmp_path):
    cards = tmp_path / "cards.parquet"
    cards.write_bytes(b"cards")
    with pytest.raises(GoodsError, match="these are the cards themselves"):
        check_out(cards, cards)
    check_out(tmp_path / "labelled.parquet", cards)


@pytest.mark.parametrize("name", ["pairs.parquet", "groups.parquet"])
def test_matching_does_not_write_over_its_own_cards(tmp_path, name):
    cards = tmp_path / name
    pd.DataFrame({"id": [1, 2], "title": ["red cup", "blue hat"]}).to_parquet(cards)
    before = cards.read_bytes()
    with pytest.raises(GoodsError, match="these are the cards themselves; name another folder"):
        match_file(cards, tmp_path, {})
    assert cards.read_bytes() == before


@pytest.mark.parametrize("inside", ["folds.parquet", "prepared/cards.parquet", "sex/runs/linear/new.csv"])
def test_answers_are_not_written_among_the_files_of_the_runs(tmp_path, inside):
    ws = Workspace(tmp_path / "work", "shop/sex")
    link = tmp_path / "link"
    link.symlink_to(ws.root)
    for root in (ws.root, link):
        with pytest.raises(GoodsError, match=r"keeps its own files there; name a file elsewhere"):
            ws.check_outside(root / "shop" / inside)
    ws.check_outside(ws.root / "shop.parquet")


def test_answers_are_not_written_among_the_files_of_another_competition(tmp_path):
    (tmp_path / "elsewhere" / "prepared").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "other").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GoodsError, match=r"work/other keeps its own files there"):
        Workspace(tmp_path / "work", "shop").check_outside(tmp_path / "work" / "other" / "new.csv")


def test_labels_of_new_cards_are_not_written_among_the_files_of_the_runs(tmp_path):
    ws, cards = Workspace(tmp_path, "shop"), tmp_path / "new.parquet"
    with pytest.raises(GoodsError, match="keeps its own files there"):
        predict_file(ws, competition_config(), "linear", cards, None, ws.cards)


def test_match_reads_the_columns_of_a_table_competition(tmp_path):
    section = {
        "files": {"train": "train.csv", "test": "test.csv"},
        "id": "sku",
        "title": ["maker", "what"],
        "target": "kind",
        "format": {"separator": ";"},
    }
    path = tmp_path / "cards.tsv"
    path.write_text(
        "sku;maker;what;same\n8;Altair;чайник;1\n5;Deneb;ваза;2\n6;Deneb;ваза;2\n", encoding="utf-8"
    )
    cards = read_catalogue(path, "same", config_of(section))
    assert cards.product_id.tolist() == [8, 5, 6]
    assert cards.title.tolist() == ["Altair чайник", "Deneb ваза", "Deneb ваза"]
    assert cards.identity.tolist() == ["1", "2", "2"]
    path.write_text("sku;maker;what\nA8;Altair;чайник\n", encoding="utf-8")
    assert read_catalogue(path, None, config_of(section)).product_id.tolist() == ["A8"]


def zip_of(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, "id,title\n1,a\n")
    return made.getvalue()


def parquet_of_a_card() -> bytes:
    return pd.DataFrame({"id": [1], "title": ["кружка"]}).to_parquet()


@pytest.mark.parametrize(
    ("content", "told"),
    [  # contents hold the time, so that names are given
        (
            parquet_of_a_card(),
            "a parquet file, not the text that its name says; rename it to end in .parquet",
        ),
        (gzip.compress(b"id,title\n1,a\n"), "packed by gzip, which its name does not say; unpack it"),
        (zip_of("cards.csv"), "a zip archive, not a table; unpack it"),
        (zip_of("[Content_Types].xml", "xl/workbook.xml"), "a spreadsheet, which is not read; save each"),
        (zip_of("mimetype", "content.xml"), "a spreadsheet, which is not read; save each"),
        (zip_of("xl/workbook.xml")[:50], "a zip archive, not a table; unpack it"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a picture (png), not a table; name the file of the cards"),
        (b"GIF89a\x01\x00\x01\x00\x80", "a picture (gif), not a table; name the file of the cards"),
        (b"%PDF-1.4\n%\xe2\xe3\n4 0 obj stream\nx\x9c\x03\x00", "a pdf document, not a table; name the file"),
        (b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\n", "a pdf document, not a table; name the file"),
        (b"{\\rtf1\\ansi id,title\\par}", "a text document (rtf), not a table; name the file"),
        (b"\r\n<!doctype html>\n<html><body>404</body></html>", "a web page, not a table; download the file"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "a pointer of git-lfs in place of the",
        ),
        (b"ARROW1\x00\x00", "an arrow (feather) file, which is not read; write it as parquet"),
        (bz2.compress(b"id,title\n1,a\n"), "packed by bzip2, which is not read; unpack it"),
    ],
    ids=[
        "parquet",
        "gzip",
        "zip",
        "xlsx",
        "ods",
        "cut",
        "png",
        "gif",
        "pdf",
        "plain pdf",
        "rtf",
        "html",
        "lfs",
        "arrow",
        "bzip2",
    ],
)
def test_a_file_that_is_called_csv_and_is_none_is_told_what_it_is(tmp_path, content, told):
    path = tmp_path / "cards.csv"
    path.write_bytes(content)
    section = {
        "files": {"train": "cards.csv", "test": "cards.csv"},
        "id": "id",
        "title": "title",
        "target": "y",
    }
    for read in (
        lambda: read_catalogue(path),
        lambda: read_new_cards(path, competition_config(), None, Issues()),
        lambda: read_new_cards(path, config_of(section), None, Issues()),
        lambda: competition_of(config_of(section)).read(tmp_path),
    ):
        with pytest.raises(GoodsError, match=re.escape(f"{path}: {told}")):
            read()


def test_cells_of_json_that_are_of_several_kinds_are_read_as_those_of_the_competition_s_own_cards(tmp_path):
    section = {
        "files": {"train": "a.jsonl", "test": "b.jsonl"},
        "id": "id",
        "title": "name",
        "target": "kind",
    }
    config = config_of(section | {"numbers": ["price"], "attributes": "more"})
    names = ["id", "name", "price", "more"]
    rows = [
        [1, "чай", "2,5", {"a": 1}],
        ["x2", 5, 7, "a: 1; b"],
        ["3", True, None, 4],
        [4.0, None, 10**30, []],
    ]
    path, contest = tmp_path / "new.jsonl", competition_of(config)
    lines = (json.dumps(dict(zip(names, row, strict=True))) for row in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    given = raw_batches.raw_batches(path, 9, tmp_path, contest.tables)
    (found,) = (contest.read_new(file, Issues()) for _, file in given)
    own = cards_of(Table((path,), AS_FOUND).frame(names), path, "test", config.table, Issues())
    pd.testing.assert_frame_equal(found, own)
    assert found.product_id.tolist() == ["1", "x2", "3", "4"]
    assert found.title.tolist() == ["чай", "5", "true", ""]


def test_halves_of_signs_in_json_are_replaced_wherever_they_stand(tmp_path):
    row = {"id": "a\ud83d", "name\ud83d": "чай \ud83d", "kind": "b\ud83d", "more": {"k\ud83d": ["\ud83d"]}}
    others = [{"id": f"a{i}", "name\ud83d": f"чай {i}", "kind": "bc"[i % 2], "more": None} for i in range(4)]
    for name, rows in (("train", [row, *others]), ("test", [{"id": "t\ud83d", "name\ud83d": "чай"}])):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    table = Table((tmp_path / "train.jsonl",), AS_FOUND)
    assert table.names == ["id", "name\ufffd", "kind", "more"]
    assert table.frame(table.names).iloc[0].tolist() == [
        "a\ufffd",
        "чай \ufffd",
        "b\ufffd",
        '{"k\ufffd": ["\ufffd"]}',
    ]
    found = guess(tmp_path).section
    assert (found["id"], found["title"], found["target"]) == ("id", "name\ufffd", "kind")
    raw = competition_of(config_of(found)).read(tmp_path)
    assert (
        raw.cards.product_id[[0, 5]].tolist() == ["a\ufffd", "t\ufffd"]
        and raw.cards.category_id[0] == "b\ufffd"
    )


@pytest.mark.parametrize("begin", ["PAR1", "GIF8", "ARROW1", "%PDF-", "BZh91AY&SY"])
def test_a_text_that_begins_with_the_letters_of_another_kind_of_file_is_read(tmp_path, begin):
    path = tmp_path / "cards.csv"
    path.write_text(f"{begin}_id,title\n1,кружка\n", encoding="utf-8")
    assert Table((path,), AS_FOUND).names == [f"{begin}_id", "title"]
