"""Generated offers: known identity, hard near-misses, the contest's files, the same bytes every time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import average_precision_score

from goods.core.errors import GoodsError
from goods.demo.offers import answers, deal, generate, offers

FILES = ["test_data.parquet", "test_pairs_wo_target.parquet", "train_data.parquet", "train_pairs.parquet"]


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "ozon"
    generate(folder, rows=1500, seed=7)
    return folder


def table(contest: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(contest / f"{name}.parquet")


def all_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_offers_are_unique_cards_of_products_with_one_to_five_offers() -> None:
    cards = offers(5000, seed=1)
    assert len(cards) == 5000 and cards.variantid.is_unique
    assert {str(cards[c].dtype) for c in ("variantid", "product")} == {"int64"}
    sizes = cards["product"].value_counts()
    assert set(sizes) == {1, 2, 3, 4, 5}
    assert cards.name.nunique() > 4950 and (cards.name.str.strip() != "").all()
    assert 0.15 < cards.color_parsed.isna().mean() < 0.35
    assert 0.04 < cards.characteristic_attributes_mapping.isna().mean() < 0.12
    known = cards.characteristic_attributes_mapping.dropna().map(json.loads)
    assert all(isinstance(values, list) for mapping in known for values in mapping.values())


def test_level_3_categories_differ_in_size_and_hold_whole_products() -> None:
    cards = offers(5000, seed=1)
    levels = cards.categories.map(json.loads)
    assert all(list(level) == ["1", "2", "3", "4"] for level in levels)
    sizes = levels.map(lambda level: level["3"]).value_counts()
    assert len(sizes) >= 4 and sizes.iloc[0] > 10 * sizes.iloc[-1]
    assert (cards.groupby("product").categories.nunique() == 1).all()


def test_offers_depend_on_the_seed_alone() -> None:
    pd.testing.assert_frame_equal(offers(800, seed=3), offers(800, seed=3))
    assert offers(800, seed=3).name.tolist() != offers(800, seed=4).name.tolist()


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        generate(tmp_path / name, rows=120, seed=seed)
    first = all_bytes(tmp_path / "one")
    assert sorted(first) == FILES
    assert first == all_bytes(tmp_path / "two")
    assert all(first[name] != all_bytes(tmp_path / "other")[name] for name in FILES)


def test_files_have_the_contest_columns_and_sizes(contest: Path) -> None:
    train, test = table(contest, "train_pairs"), table(contest, "test_pairs_wo_target")
    assert list(train) == ["variantid1", "variantid2", "target"]
    assert list(test) == ["variantid1", "variantid2"]
    assert (len(train), len(test)) == (1500, 300)
    for split, pairs in (("train", train), ("test", test)):
        data = table(contest, f"{split}_data")
        used = set(pairs.variantid1) | set(pairs.variantid2)
        assert data.variantid.is_unique and set(data.variantid) == used
        ends = np.sort(pairs[["variantid1", "variantid2"]].to_numpy(), axis=1)
        assert (ends[:, 0] < ends[:, 1]).all() and len(np.unique(ends, axis=0)) == len(pairs)
        assert list(data) == [
            "variantid",
            "name",
            "categories",
            "color_parsed",
            "pic_embeddings_resnet_v1",
            "main_pic_embeddings_resnet_v1",
            "name_bert_64",
            "characteristic_attributes_mapping",
        ]


def test_vectors_have_the_contest_widths_and_gaps(contest: Path) -> None:
    data = table(contest, "train_data")
    main = data.main_pic_embeddings_resnet_v1
    assert 0.02 < main.isna().mean() < 0.12
    assert {(len(v), len(v[0])) for v in main.dropna()} == {(1, 128)}
    more = data.pic_embeddings_resnet_v1.dropna()
    assert {len(v) for v in more} == {1, 2, 3} and {len(v[0]) for v in more} == {128}
    assert 0 < data.name_bert_64.isna().mean() < 0.08
    assert {len(v) for v in data.name_bert_64.dropna()} == {64}


def test_no_product_is_in_train_and_test() -> None:
    train, test = (own for _, own, *_ in deal(1500, seed=7))
    assert not set(train["product"]) & set(test["product"])
    assert not set(train.variantid) & set(test.variantid)


def test_labels_are_the_identities_but_for_a_little_noise(contest: Path) -> None:
    pairs, truth = table(contest, "train_pairs"), answers(1500, seed=7, split="train")
    ids = ["variantid1", "variantid2"]
    pd.testing.assert_frame_equal(pairs[ids], truth[ids])
    assert 0.25 < pairs.target.mean() < 0.35
    assert 0.002 < (pairs.target != truth.target).mean() < 0.025
    pd.testing.assert_frame_equal(table(contest, "test_pairs_wo_target"), answers(1500, seed=7)[ids])
    _, own, *_ = next(deal(1500, seed=7))
    product = own.set_index("variantid")["product"]
    same = product[truth.variantid1].to_numpy() == product[truth.variantid2].to_numpy()
    assert (same == (truth.target == 1)).all()


def test_titles_alone_tell_matches_from_near_misses_only_in_part(contest: Path) -> None:
    pairs, data = table(contest, "train_pairs"), table(contest, "train_data")
    rows = pd.Index(data.variantid)
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4)).fit_transform(data.name)
    left, right = rows.get_indexer(pairs.variantid1), rows.get_indexer(pairs.variantid2)
    cosine = np.asarray(vectors[left].multiply(vectors[right]).sum(1)).ravel()
    assert pairs.target.mean() + 0.1 < average_precision_score(pairs.target, cosine) < 0.75


def test_an_old_contest_is_replaced_but_a_strange_folder_is_not(tmp_path: Path) -> None:
    generate(tmp_path / "ozon", rows=100)
    generate(tmp_path / "ozon", rows=60)
    assert len(pd.read_parquet(tmp_path / "ozon" / "train_pairs.parquet")) == 60
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(GoodsError, match="not a matching demo"):
        generate(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_real_contest_is_not_replaced(tmp_path: Path) -> None:
    generate(tmp_path / "ozon", rows=60)
    for path in (tmp_path / "ozon").iterdir():  # as anybody else would write it
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    with pytest.raises(GoodsError, match="not a matching demo"):
        generate(tmp_path / "ozon", rows=80)
    assert len(pd.read_parquet(tmp_path / "ozon" / "train_pairs.parquet")) == 60


def test_impossible_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GoodsError, match="at least 50"):
        generate(tmp_path / "ozon", rows=10)
    with pytest.raises(GoodsError, match="at least 1"):
        offers(0, seed=1)
    assert not (tmp_path / "ozon").exists()


def test_make_demo_writes_either_format(tmp_path: Path, run_script) -> None:
    code, out, _ = run_script("make_demo", tmp_path / "ozon", "--format", "ozon", "--rows", 80)
    assert code == 0 and out.strip() == str(tmp_path / "ozon")
    assert sorted(path.name for path in (tmp_path / "ozon").iterdir()) == FILES
    code, _, _ = run_script("make_demo", tmp_path / "shop", "--rows", 100, "--classes", 60, "--no-images")
    assert code == 0 and (tmp_path / "shop" / "categories_tree.csv").is_file()
    code, _, err = run_script("make_demo", tmp_path / "few", "--format", "ozon", "--rows", 3)
    assert code == 2 and "at least 50" in err


@pytest.mark.parametrize(
    "option",
    [("--shape", "wide"), ("--classes", 9), ("--photos", 5), ("--no-images",), ("--unlabelled", 7)],
)
def test_what_only_a_shop_has_is_refused_for_offers(tmp_path: Path, run_script, option: tuple) -> None:
    code, out, err = run_script("make_demo", tmp_path / "ozon", "--format", "ozon", *option)
    assert (code, out) == (2, "") and not (tmp_path / "ozon").exists()
    assert (
        err
        == f"error: {option[0]}: not of --format ozon, whose offers have no tree and no photos; leave it out\n"
    )


def test_a_shop_may_have_few_classes_and_help_says_so(tmp_path: Path, run_script) -> None:
    code, _, err = run_script("make_demo", tmp_path / "shop", "--rows", 20, "--classes", 2, "--no-images")
    assert code == 0, err
    assert pd.read_parquet(tmp_path / "shop" / "train.parquet").category_id.nunique() == 2
    _, out, _ = run_script("make_demo", "--help")
    assert "60 or more" not in out and "80" in out
