"""Files of cards that are matched: what is read of them, where groups go, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_catalogue import SMALL, TITLES, cards_file

from goods.core.errors import GoodsError
from goods.submit.catalogue import match_file, read_catalogue

SKUS = ["B-17", "A-17", "007", "7", "z", "Ж-2", "A-9", "10001.0", "x y"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_ids_that_are_texts_come_back_as_they_are_written(tmp_path: Path, run_script, kind: str) -> None:
    path, frame = tmp_path / f"cards.{kind}", pd.DataFrame({"id": SKUS, "title": TITLES})
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    code, _, err = run_script("match", path, "--out", tmp_path / "out", "--neighbours", 3)
    assert code == 0
    told = [line.partition(" match: ")[2] or line.removeprefix("match: ") for line in err.splitlines()]
    assert told[0] == "9 cards, which of them to compare" and told[1].startswith("scores of ")
    groups = pd.read_parquet(tmp_path / "out" / "groups.parquet")
    assert groups.product_id.tolist() == SKUS
    assert groups.group.tolist() == ["A-17", "A-17", "007", "7", "7", "Ж-2", "A-9", "10001.0", "x y"]
    pairs = pd.read_parquet(tmp_path / "out" / "pairs.parquet")
    assert pairs[["product_id1", "product_id2"]].to_numpy().tolist() == [["7", "z"], ["A-17", "B-17"]]


@pytest.mark.parametrize(
    ("ids", "read"),
    [
        (["12", "13"], [12, 13]),
        (["12.0", "13.0"], [12, 13]),
        (["1,234", "999"], [1234, 999]),
        ([12.0, 13.0], [12, 13]),
        (["007", "13"], ["007", "13"]),
    ],
)
def test_ids_that_are_whole_numbers_are_read_as_such_whatever_their_type(tmp_path: Path, ids, read) -> None:
    pd.DataFrame({"id": ids, "title": ["a", "b"]}).to_parquet(tmp_path / "cards.parquet")
    assert read_catalogue(tmp_path / "cards.parquet").product_id.tolist() == read


def test_a_csv_file_is_matched_as_a_parquet_file_is(tmp_path: Path, run_script) -> None:
    path = cards_file(tmp_path / "cards.parquet", kind=[1, 1, 2, 3, 3, 4, None, None, 5])
    pd.read_parquet(path).to_csv(tmp_path / "cards.csv", index=False)
    for name in ("cards.parquet", "cards.csv"):
        code, _, err = run_script("match", tmp_path / name, "--truth", "kind", "--out", tmp_path / name[-3:])
        assert code == 0 and "are expected to be right, as measured" in err
    for name in ("pairs.parquet", "groups.parquet"):
        assert (tmp_path / "csv" / name).read_bytes() == (tmp_path / "uet" / name).read_bytes()
    (tmp_path / "cards.csv").write_text("product_id,title\n7,a\n7,b\n")
    code, _, err = run_script("match", tmp_path / "cards.csv")
    assert code == 2 and err == f"error: {tmp_path / 'cards.csv'}: product_id 7 occurs more than once, " + (
        "in 2 rows (0, 1); drop the duplicate rows\n"
    )


@pytest.mark.parametrize("id_", ["product_id", "variantid", "nm", "id"])
def test_known_names_of_columns_are_accepted(tmp_path: Path, id_: str) -> None:
    pd.DataFrame({id_: [3, 4], "name": ["a", None]}).to_parquet(tmp_path / "cards.parquet")
    cards = read_catalogue(tmp_path / "cards.parquet")
    assert cards.product_id.tolist() == [3, 4] and cards.title.tolist() == ["a", ""]


def test_bad_input_ends_with_code_2_and_one_message(tmp_path: Path, run_script) -> None:
    good = cards_file(tmp_path / "good.parquet")
    twice = tmp_path / "twice.parquet"
    pd.DataFrame({"nm": [7, 7], "title": ["a", "b"]}).to_parquet(twice)
    nameless = tmp_path / "nameless.parquet"
    pd.DataFrame({"id": [7, 8], "text": ["a", "b"]}).to_parquet(nameless)
    gap = tmp_path / "gap.parquet"
    pd.DataFrame({"id": [7, None], "title": ["a", "b"]}).to_parquet(gap)
    mangled = tmp_path / "mangled.parquet"
    letters = pa.array([b"a", b"\xff\xfe"], pa.binary())
    letters = pa.Array.from_buffers(pa.string(), 2, letters.buffers())
    pq.write_table(pa.table({"id": [7, 8], "title": letters}), mangled)
    several = tmp_path / "several.parquet"
    pq.write_table(
        pa.Table.from_arrays([pa.array([7])] + [pa.array(["a"])] * 2, ["id", "title", "title"]), several
    )
    text = tmp_path / "text.parquet"
    text.write_text("not a parquet file")
    for arguments, message in [
        ([tmp_path / "none.parquet"], "no such file"),
        ([tmp_path], "a folder, expected a parquet or csv file of cards"),
        ([text], "not a readable parquet file"),
        ([twice], "nm 7 occurs more than once"),
        ([nameless], "column 'title' is missing"),
        ([gap], "row 1: 'id' is empty; give that card an id"),
        ([good, "--truth", "product"], "column 'product' is missing"),
        ([good, "--truth", "product_id"], "column 'product_id' has no value that two cards share"),
        ([good, "--threshold", "1.5"], "--threshold 1.5: expected 1 or less"),
        ([good, "--max-group", "1"], "--max-group 1: expected 2 or more"),
        ([mangled], "column 'title' is damaged"),
        ([several], "there are several columns 'title'; keep one"),
        ([good, "--neighbours", "-1"], "--neighbours -1: expected 0 or more"),
        (
            [good, "--experiment", "matcher"],
            "run scripts/run_all.sh ozon for all of a preset, or for it alone",
        ),
    ]:
        code, out, err = run_script("match", *arguments, "--out", tmp_path / "out")
        assert (code, out) == (2, "") and message in err and "Traceback" not in err
        assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_file_of_neither_ids_nor_titles_is_told_of_both(tmp_path: Path, run_script) -> None:
    path = tmp_path / "own.csv"
    path.write_text("Артикул;Название\nB7;кружка\nB8;нож\n", encoding="cp1251")
    code, _, err = run_script("match", path)
    assert code == 2
    told = [
        f"error: {path}: column '{name}' is missing (it has Артикул, Название)"
        for name in ("product_id", "title")
    ]
    assert [line.partition(";")[0] for line in err.splitlines()] == told


def test_a_folder_that_cannot_be_is_refused_before_the_work(tmp_path: Path, run_script, monkeypatch) -> None:
    monkeypatch.setattr("goods.submit.catalogue.match", lambda *_: pytest.fail("matched all the same"))
    good = cards_file(tmp_path / "good.parquet")
    for out, named in ((good, f"--out {good}"), (good / "below", f"{good / 'below'}")):
        code, _, err = run_script("match", good, "--out", out)
        assert code == 2 and err.startswith(f"error: {named}: ") and len(err.strip().splitlines()) == 1


def test_a_second_run_does_not_write_the_groups_that_another_is_writing(tmp_path: Path) -> None:
    path, out = cards_file(tmp_path / "cards.parquet"), tmp_path / "out"

    def scorer(cards: pd.DataFrame, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        with pytest.raises(GoodsError, match=f"^--out {out}: another run is writing it; wait for its end"):
            match_file(path, out, SMALL)
        return np.zeros(len(left), np.float32)

    match_file(path, out, SMALL, None, scorer)
    assert {path.name for path in tmp_path.iterdir()} == {"cards.parquet", "out"}


@pytest.mark.parametrize("inside", ["shop/prepared", "shop", "shop/runs/mine"])
def test_groups_are_not_written_among_the_files_of_a_competition(tmp_path: Path, run_script, inside) -> None:
    good = cards_file(tmp_path / "good.parquet")
    (tmp_path / "work" / "shop" / "prepared").mkdir(parents=True)
    code, _, err = run_script("match", good, "--work", tmp_path / "work", "--out", tmp_path / "work" / inside)
    assert code == 2 and "shop keeps its own files there; name a folder elsewhere" in err


@pytest.mark.parametrize("name", ["x.csv", "X.Parquet"])
def test_a_folder_of_groups_is_not_called_as_a_table_is(tmp_path: Path, run_script, name: str) -> None:
    good, out = cards_file(tmp_path / "good.parquet"), tmp_path / name
    code, _, err = run_script("match", good, "--out", out)
    assert (code, out.exists()) == (2, False)
    assert err.startswith(
        f"error: --out {out}: a folder is made, of pairs.parquet and groups.parquet; name it "
    )
    out.mkdir()
    assert run_script("match", good, "--out", out)[0] == 0


def test_help_says_what_is_left_without_neighbours(run_script) -> None:
    told = " ".join(run_script("match", "--help")[1].split())
    assert "default: 12; 0: none, only cards that share words or codes are compared" in told


def test_attributes_may_be_lists(tmp_path: Path) -> None:
    cards_file(tmp_path / "cards.parquet", ["a", "b", "c"], attributes=[["Цвет: белый", "ZX-9"], None, []])
    read = read_catalogue(tmp_path / "cards.parquet").attributes
    assert read.tolist() == ["Цвет: белый; ZX-9", "", ""]
