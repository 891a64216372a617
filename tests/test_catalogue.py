"""From a file of cards to groups of one product: scores, merging without chains, quality."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
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
        # a tree of mergers joins the members, each by pairs whose mean reaches the threshold, rounded as they are
        assert sum(s >= np.float32(threshold) for s in inside) >= size - 1
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


def test_quality_counts_pairs_of_known_cards() -> None:
    identity = np.array(["a", "a", "a", "b", "b", None], object)
    group = np.array([0, 0, 2, 2, 4, 4])
    found = quality(np.array([0, 2, 4]), np.array([1, 3, 5]), group, identity)
    assert found["pairs"] == {"precision": 0.5, "recall": 0.25, "f1": pytest.approx(1 / 3)}
    assert found["groups"] == {"precision": 0.5, "recall": 0.25, "f1": pytest.approx(1 / 3)}


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


def test_a_catalogue_without_cards_is_refused() -> None:
    with pytest.raises(GoodsError, match="there are none"):
        match(pd.DataFrame({"product_id": pd.Series([], dtype="int64"), "title": pd.Series([], dtype="str")}))
