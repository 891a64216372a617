"""From a file of cards to groups of one product: scores, merging without chains, files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goods.core.errors import GoodsError
from goods.demo.offers import offers
from goods.matching.blocking import BlockingConfig, block
from goods.matching.catalogue import MatchConfig, match
from goods.matching.expected import Expected, share_of_matches, shift_between
from goods.matching.handmade import HandmadeScorer
from goods.matching.merging import merge
from goods.matching.quality import quality
from goods.submit.catalogue import as_lines, match_file, read_catalogue

TITLES = [
    "Чайник Altair RX-4510 1,7 л красный",
    "чайник altair rx4510 1.7л красный",
    "Чайник Altair RX-4520 1,7 л красный",
    "Смартфон Deneb Vista 64 ГБ синий",
    "смартфон deneb vista 64гб синий",
    "Смартфон Deneb Vista 128 ГБ синий",
    "",
    None,
    "книга о путешествиях",
]
SMALL = {"blocking": {"dimensions": 64, "threads": 1}}


def cards_file(path: Path, titles: list[str | None] = TITLES, **columns) -> Path:
    ids = np.arange(len(titles))[::-1] * 10 + 100
    pd.DataFrame({"product_id": ids, "title": titles, **columns}).to_parquet(path, index=False)
    return path


def grouped(pairs: list[tuple[int, int, float]], n: int, threshold: float = 0.5, most: int = 50) -> list[int]:
    left, right = (np.array([p[i] for p in pairs], np.int32) for i in (0, 1))
    score = np.array([p[2] for p in pairs], np.float32)
    return merge(left, right, score, threshold, most, np.ones(n, np.int64))[0].tolist()


def test_good_pairs_are_merged_and_the_rest_stay_alone() -> None:
    assert grouped([(0, 1, 0.9), (2, 4, 0.6), (1, 3, 0.4)], 5) == [0, 0, 2, 3, 2]
    assert grouped([], 3) == [0, 1, 2]
    assert grouped([(0, 1, 0.5)], 2, threshold=0.5) == [0, 0]


@pytest.mark.parametrize("threshold", [0.1, 0.2, 0.7, 0.9])
def test_a_pair_at_the_threshold_is_good_whichever_way_its_score_is_rounded(threshold: float) -> None:
    """0.7 and 0.9 of 32 bits are less than of 64, 0.1 and 0.2 more."""
    pairs = [(0, 1, threshold), (2, 3, threshold), (2, 4, threshold), (3, 4, threshold)]
    assert grouped(pairs, 5, threshold) == [0, 0, 2, 2, 2]


def test_a_chain_whose_ends_disagree_is_not_merged() -> None:
    assert grouped([(0, 1, 0.9), (1, 2, 0.8), (0, 2, 0.05)], 3) == [0, 0, 2]
    assert grouped([(0, 1, 0.9), (1, 2, 0.8), (0, 2, 0.3)], 3) == [0, 0, 0]  # mean 0.55


def test_one_strong_link_between_groups_does_not_outweigh_several_weak_ones() -> None:
    pairs = [(0, 1, 0.95), (2, 3, 0.95), (0, 2, 0.9), (0, 3, 0.2), (1, 2, 0.2), (1, 3, 0.2)]
    assert grouped(pairs, 4) == [0, 0, 2, 2]
    assert grouped([*pairs[:3], (0, 3, 0.6), (1, 2, 0.6), (1, 3, 0.4)], 4) == [0, 0, 0, 0]


def test_no_group_outgrows_its_cap() -> None:
    pairs = [(i, j, 0.9) for i in range(9) for j in range(i + 1, 9)]
    assert np.bincount(grouped(pairs, 9, most=4)).max() == 4
    assert grouped(pairs, 9) == [0] * 9


def test_the_cap_counts_by_weight_and_says_what_it_kept_apart() -> None:
    left, right = (np.array(ends, np.int32) for ends in zip((0, 1), (1, 2), (2, 3), strict=True))
    score = np.array([0.9, 0.8, 0.7], np.float32)
    group, refused = merge(left, right, score, 0.5, 2, np.ones(4, np.int64))
    assert group.tolist() == [0, 0, 2, 2] and refused == 1
    group, refused = merge(left, right, score, 0.5, 2, np.array([1, 0, 1, 0]))
    assert group.tolist() == [0, 0, 0, 0] and refused == 0


@pytest.mark.parametrize("copies", [20, 60, 300])
def test_cards_told_alike_are_one_group_however_many(tmp_path: Path, copies: int) -> None:
    made = offers(400, seed=4)
    titles = ["iPhone 11 64 ГБ"] * copies + [title for title in made.name if title]
    cards = pd.DataFrame({"product_id": np.arange(len(titles)), "title": titles})
    _, groups, report = match(cards, MatchConfig.model_validate(SMALL))
    assert groups.group[:copies].nunique() == 1
    assert groups["size"][0] == copies and not (groups.group[copies:] == groups.group[0]).any()
    assert report["kept_apart_by_max_group"] == 0


def test_what_max_group_keeps_apart_is_told(tmp_path: Path, run_script) -> None:
    titles = [f"чайник altair rx-4510 {word}" for word in ("новый", "белый", "синий", "серый", "алый")]
    pd.DataFrame({"product_id": range(5), "title": titles}).to_parquet(tmp_path / "cards.parquet")
    options = ["--threshold", 0.01, "--max-group", 2]
    code, _, err = run_script("match", tmp_path / "cards.parquet", *options)
    assert code == 0 and "outgrown 2 cards" in err and "--max-group" in err
    code, _, err = run_script("match", tmp_path / "cards.parquet", "--threshold", 0.01)
    assert code == 0 and "outgrown" not in err


@settings(max_examples=150, deadline=None)
@given(st.data(), st.integers(1, 12), st.floats(0.1, 0.9), st.integers(2, 6))
def test_groups_are_a_partition_within_the_connected_good_pairs(
    data: st.DataObject, n: int, threshold: float, most: int
) -> None:
    every = [(i, j) for i in range(n) for j in range(i + 1, n)]
    chosen = [pair for pair in every if data.draw(st.booleans())]
    pairs = [(i, j, float(np.float32(data.draw(st.floats(0, 1, width=32))))) for i, j in chosen]
    groups = grouped(pairs, n, threshold, most)
    for number, size in enumerate(np.bincount(groups, minlength=n)):
        members = [row for row in range(n) if groups[row] == number]
        assert len(members) == size <= most
        assert not members or min(members) == number
        inside = [s for i, j, s in pairs if i in members and j in members]
        # a tree of mergers joins the members, each by pairs whose mean reaches the threshold
        assert sum(s >= threshold for s in inside) >= size - 1
        assert size < 2 or np.mean(inside) >= threshold - 1e-6
    doubled = sorted(pairs, key=lambda pair: -pair[1])
    assert grouped(doubled, n, threshold, most) == groups  # whatever the order of the pairs


def test_the_handmade_score_falls_where_codes_amounts_or_numbers_disagree() -> None:
    titles = [
        "чайник altair rx-4510 1.7 л",
        "чайник altair rx 4510 1,7л",
        "чайник altair rx-4520 1.7 л",
        "чайник altair rx-4510 2 л",
        "чайник altair rx-4510 1700 мл",
        "кеды deneb 41",
        "кеды deneb 42",
        "чайник altair rx-4510 220 в",
    ]
    cards = pd.DataFrame({"product_id": np.arange(8), "title": titles})
    vectors = block(cards, BlockingConfig(dimensions=64, threads=1)).vectors
    scorer = HandmadeScorer(cards, vectors)
    left, right = np.array([0, 0, 0, 0, 5, 0]), np.array([1, 2, 3, 4, 6, 7])
    score = scorer(cards, left, right)
    assert score.dtype == np.float32 and ((score > 0) & (score < 1)).all()
    assert score[0] > 0.8 > 0.5 > max(score[1], score[2], score[4])
    agree, apart = scorer.agreement(left, right)["amounts"]
    assert agree.tolist() == [True, True, False, True, False, False]
    assert apart.tolist() == [False, False, True, False, False, False]
    agree, apart = scorer.agreement(left, right)["codes"]
    assert agree.tolist() == [True, False, True, True, False, True]
    assert apart.tolist() == [False, True, False, False, False, False]


def test_every_card_is_in_one_group_and_empty_titles_are_alone(tmp_path: Path, capsys) -> None:
    report = match_file(cards_file(tmp_path / "cards.parquet"), tmp_path / "out", SMALL)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "groups.parquet",
        "pairs.parquet",
        "report.json",
    ]
    groups = pd.read_parquet(tmp_path / "out" / "groups.parquet")
    assert {n: str(t) for n, t in groups.dtypes.items()} == {
        "product_id": "int64",
        "group": "int64",
        "size": "int32",
    }
    assert groups.product_id.tolist() == [180, 170, 160, 150, 140, 130, 120, 110, 100]
    assert groups.group.tolist() == [170, 170, 160, 140, 140, 130, 120, 110, 100]
    assert groups["size"].tolist() == [2, 2, 1, 2, 2, 1, 1, 1, 1]
    pairs = pd.read_parquet(tmp_path / "out" / "pairs.parquet")
    assert list(pairs) == ["product_id1", "product_id2", "score"]
    assert pairs[["product_id1", "product_id2"]].to_numpy().tolist() == [[140, 150], [170, 180]]
    assert str(pairs.score.dtype) == "float32" and (pairs.score >= 0.5).all()
    assert report == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert (report["empty_titles"], report["groups"], report["cards_in_groups"]) == (2, 2, 4)
    assert "warning: 2 cards have no title" in capsys.readouterr().err


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


def test_a_scorer_and_a_threshold_decide_what_is_a_match(tmp_path: Path) -> None:
    cards = read_catalogue(cards_file(tmp_path / "cards.parquet"))
    seen: list[int] = []

    def scorer(given_cards: pd.DataFrame, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        seen.append(len(left))
        return np.where((left == 0) & (right == 2), 0.7, 0.1).astype(np.float32)

    pairs, groups, report = match(cards, MatchConfig.model_validate(SMALL), scorer)
    assert seen == [report["blocking"]["pairs"]]
    assert pairs[["product_id1", "product_id2"]].to_numpy().tolist() == [[160, 180]]
    assert groups["size"].tolist() == [2, 1, 2, 1, 1, 1, 1, 1, 1]
    assert match(cards, MatchConfig.model_validate({**SMALL, "threshold": 0.8}), scorer)[0].empty


def test_planted_duplicates_are_found_far_above_chance() -> None:
    made = offers(1500, seed=2)
    cards = pd.DataFrame({"product_id": made.variantid, "title": made.name, "identity": made["product"]})
    pairs, groups, report = match(cards, MatchConfig.model_validate({**SMALL, "threshold": 0.5}))
    assert report["blocking"]["recall"]["total"] > 0.95
    identity = made.set_index("variantid")["product"]
    hit = identity[pairs.product_id1].to_numpy() == identity[pairs.product_id2].to_numpy()
    scored = report["quality"]["pairs"]
    assert scored["precision"] == pytest.approx(hit.mean())
    assert scored["recall"] == pytest.approx(hit.sum() / report["blocking"]["recall"]["true_pairs"])
    assert scored["f1"] > 0.5 and report["quality"]["groups"]["f1"] > 0.35
    sizes = groups.groupby("group").product_id.agg(["size", "min"])
    assert (groups["size"] == groups.group.map(sizes["size"])).all() and (sizes["min"] == sizes.index).all()


@pytest.mark.parametrize("attributes", [False, True])
def test_as_many_pairs_are_right_by_themselves_as_are_expected_to_be(attributes: bool) -> None:
    made = offers(1500, seed=2)
    cards = pd.DataFrame({"product_id": made.variantid, "title": made.name, "identity": made["product"]})
    if attributes:
        cards["attributes"] = [as_lines(text) for text in made.characteristic_attributes_mapping]
    _, _, report = match(cards, MatchConfig.model_validate(SMALL))
    precision = report["quality"]["pairs"]["precision"]
    assert precision > 0.55 and report["expected_precision"] == pytest.approx(precision, abs=0.12)
    assert "generated offers" in report["expected_by"]


def test_cards_of_different_brands_or_attributes_are_not_joined(tmp_path: Path) -> None:
    titles = ["чайник электрический стальной 1.7 л"] * 4 + ["книга", "ваза", "стол"]
    told = [
        "Бренд: Altair",
        "Бренд: Deneb",
        "Бренд: Altair; Мощность: 2 кВт",
        "Бренд: Altair; Мощность: 1 кВт",
    ]
    path = cards_file(tmp_path / "cards.parquet", titles, attributes=[*told, None, None, None])
    match_file(path, tmp_path / "out", SMALL)
    pairs = pd.read_parquet(tmp_path / "out" / "pairs.parquet")
    assert pairs[["product_id1", "product_id2"]].to_numpy().tolist() == [[130, 160], [140, 160]]


def test_the_share_of_matches_is_found_by_scores_that_were_calibrated_on_another() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(200_000) < 0.05
    seen = rng.normal(np.where(labels, 1.0, -1.0), 1.0)  # log-odds of a normal at 1 against one at -1: 2 x
    score = 1 / (1 + np.exp(-(2 * seen + np.log(0.3 / 0.7))))
    share = share_of_matches(score, 0.3)
    assert share == pytest.approx(0.05, abs=0.005)
    expected = Expected(shift_between(0.3, share), "")
    good = score >= expected.even
    assert expected.right(score[good]).mean() == pytest.approx(labels[good].mean(), abs=0.04)
    assert score[good].mean() > labels[good].mean() + 0.1  # as they are, scores are far too sure


def test_where_no_pair_is_likely_the_highest_score_is_told(tmp_path: Path, capsys) -> None:
    path = cards_file(tmp_path / "cards.parquet")
    sure = Expected(-20.0, "as was made up")
    report = match_file(
        path, tmp_path / "out", {}, None, lambda cards, left, right: left * 0 + 0.9, lambda _: sure
    )
    assert report["matching_pairs"] == 0 and report["expected_precision"] is None
    assert (
        "match: no candidate scores 1 or more (as was made up); the highest score is 0.9, --threshold takes pairs "
        "from a score of your own\n"
    ) in capsys.readouterr().err
    match_file(path, tmp_path / "out", {"threshold": 0.5}, None, lambda cards, left, right: left * 0 + 0.9)
    assert "no candidate" not in capsys.readouterr().err


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


def test_quality_counts_pairs_of_known_cards() -> None:
    identity = np.array(["a", "a", "a", "b", "b", None], object)
    group = np.array([0, 0, 2, 2, 4, 4])
    found = quality(np.array([0, 2, 4]), np.array([1, 3, 5]), group, identity)
    assert found["pairs"] == {"precision": 0.5, "recall": 0.25, "f1": pytest.approx(1 / 3)}
    assert found["groups"] == {"precision": 0.5, "recall": 0.25, "f1": pytest.approx(1 / 3)}


@pytest.mark.parametrize("id_", ["product_id", "variantid", "nm", "id"])
def test_known_names_of_columns_are_accepted(tmp_path: Path, id_: str) -> None:
    pd.DataFrame({id_: [3, 4], "name": ["a", None]}).to_parquet(tmp_path / "cards.parquet")
    cards = read_catalogue(tmp_path / "cards.parquet")
    assert cards.product_id.tolist() == [3, 4] and cards.title.tolist() == ["a", ""]


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    path = cards_file(tmp_path / "cards.parquet")
    for name in ("one", "two"):
        match_file(path, tmp_path / name, SMALL)
    for name in ("pairs.parquet", "groups.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_the_script_writes_beside_the_file_and_reports_on_the_truth(tmp_path: Path, run_script) -> None:
    path = cards_file(tmp_path / "cards.parquet", kind=[1, 1, 2, 3, 3, 4, None, None, 5])
    code, out, err = run_script("match", path, "--truth", "kind", "--neighbours", 3)
    assert code == 0 and Path(out.strip()) == tmp_path / "matched-cards"
    assert "2 pairs, 2 groups" in err
    report = json.loads((tmp_path / "matched-cards" / "report.json").read_text(encoding="utf-8"))
    assert report["quality"]["groups"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert report["blocking"]["recall"]["total"] == 1.0


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


def test_a_folder_that_cannot_be_is_refused_before_the_work(tmp_path: Path, run_script, monkeypatch) -> None:
    monkeypatch.setattr("goods.submit.catalogue.match", lambda *_: pytest.fail("matched all the same"))
    good = cards_file(tmp_path / "good.parquet")
    for out, named in ((good, f"--out {good}"), (good / "below", f"{good / 'below'}")):
        code, _, err = run_script("match", good, "--out", out)
        assert code == 2 and err.startswith(f"error: {named}: ") and len(err.strip().splitlines()) == 1


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


def test_a_catalogue_without_cards_is_refused() -> None:
    with pytest.raises(GoodsError, match="there are none"):
        match(pd.DataFrame({"product_id": pd.Series([], dtype="int64"), "title": pd.Series([], dtype="str")}))
