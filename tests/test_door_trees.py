"""Category trees as shops write them: roots, numbers, separators and code pages."""

from __future__ import annotations

import pandas as pd
import pytest
from conftest import competition_config, write_shop
from hypothesis import given
from hypothesis import strategies as st
from shop import TREE

from goods.cards.labels import Labels
from goods.competitions import kazanexpress2023
from goods.competitions.raw import CategoryPath, tree_from_names
from goods.competitions.trees import read_tree_csv
from goods.core.artifacts import read_json
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.metrics.classification import hierarchical_f1
from goods.prepare.stage import prepare

ONE_ROOT = (
    "id,title,parent_id\n1,Все,{root}\n10,Дом,1\n20,Одежда,1\n11,Кружки,10\n12,Ложки,10\n21,Платья,20\n"
)
ROOTS = "id,title,parent_id\n10,Дом,{root}\n20,Одежда,{root}\n11,Кружки,10\n12,Ложки,10\n21,Платья,20\n"
LEAVES = {11: ("Дом", "Кружки"), 12: ("Дом", "Ложки"), 21: ("Одежда", "Платья")}


def tree_of(tmp_path, text: str | bytes) -> dict[int, CategoryPath]:
    path = tmp_path / "categories_tree.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_tree_csv(path)


def leaves(tree: dict[int, CategoryPath]) -> dict[int, tuple[str, ...]]:
    return {id_: path.names for id_, path in tree.items() if path.is_leaf}


@pytest.mark.parametrize("root", ["", "0", "1", "777", "nan", "None", "0.0"])
def test_below_a_single_root_the_paths_begin(root, tmp_path):
    assert leaves(tree_of(tmp_path, ONE_ROOT.format(root=root))) == LEAVES


@pytest.mark.parametrize("root", ["", "0", "777", "-1"])
def test_with_several_roots_the_roots_begin_the_paths(root, tmp_path, capsys):
    tree = tree_of(tmp_path, ROOTS.format(root=root))
    assert leaves(tree) == LEAVES
    assert tree[11].nodes == ("10", "11")
    of = "" if root in ("", "0") else f", of the parent {root}, which has no row"
    assert f"2 roots (10 'Дом'{of}; 20 'Одежда'{of}): paths begin" in capsys.readouterr().err


def test_of_many_roots_the_first_are_named(tmp_path, capsys):
    tree_of(tmp_path, "id,title,parent_id\n" + "".join(f"{i},вид {i},\n" for i in range(1, 1235)))
    told = "1,234 roots (1 'вид 1'; 2 'вид 2'; 3 'вид 3'; 4 'вид 4'; 5 'вид 5'; …): paths begin with them"
    assert told in capsys.readouterr().err


def test_roots_that_are_their_own_parents(tmp_path):
    text = ROOTS.replace("Дом,{root}", "Дом,10").replace("Одежда,{root}", "Одежда,20")
    assert leaves(tree_of(tmp_path, text)) == LEAVES


def hf1_of_one_mistake(tmp_path, text: str) -> float:
    """A mug told right, a spoon told as a mug, a dress told as a mug: of the tree in `text`."""
    tree = tree_of(tmp_path, text)
    labels = Labels(list(LEAVES), [tree[i].names for i in LEAVES], [tree[i].nodes for i in LEAVES])
    true, told = pd.Series([0, 1, 2]).to_numpy(), pd.Series([0, 0, 0]).to_numpy()
    return hierarchical_f1(true, told, labels)


@pytest.mark.parametrize("text", [ONE_ROOT, ROOTS])
def test_hierarchical_f1_counts_the_level_below_what_all_share(text, tmp_path):
    # common: 2 of the mug, 1 ("Дом") of the spoon, 0 of the dress; 2 nodes in each of 3 + 3 paths
    assert hf1_of_one_mistake(tmp_path, text.format(root="")) == pytest.approx(2 * 3 / 12)


def test_hierarchical_f1_of_names_counts_a_category_above_another():
    names = pd.Series(["Все->Дом", "Все->Дом->Кружки", "Все->Одежда"])
    tree = tree_from_names(pd.Series([10, 11, 20]), names, None)
    labels = Labels([10, 11, 20], [p.names for p in tree.values()], [p.nodes for p in tree.values()])
    # a mug told as "Дом" has 1 node in common, of 2 + 1
    assert hierarchical_f1(pd.Series([1]).to_numpy(), pd.Series([0]).to_numpy(), labels) == pytest.approx(
        2 / 3
    )


def test_a_name_of_the_root_alone_does_not_put_the_root_into_all_paths():
    tree = tree_from_names(pd.Series([1, 11]), pd.Series(["Все", "Все->Дом"]), None)
    assert [path.names for path in tree.values()] == [("Все",), ("Дом",)]


PLAIN = "id,title,parent_id\n1,Все,\n10000,Дом и сад,1\n10001,Кружки,10000\n10002,Ложки,10000\n"
DRESSES = {
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "cp1251": PLAIN.encode("cp1251"),
    "utf-8 with a mark": PLAIN.encode("utf-8-sig"),
    "utf-16": PLAIN.encode("utf-16"),
    "tabs in cp1251": PLAIN.replace(",", "\t").encode("cp1251"),
    "semicolons in cp1251": PLAIN.replace(",", ";").encode("cp1251"),
    "carriage returns": PLAIN.replace("\n", "\r\n"),
    "ids through a float": PLAIN.replace(",10000", ",10000.0").replace("1,Все", "1.0,Все"),
    "blanks between thousands": PLAIN.replace("10000", "10 000").replace("10001", "10\u00a0001"),
    "commas between thousands": PLAIN.replace("10000", '"10,000"').replace("10001", '"10,001"'),
    "quotes": PLAIN.replace("10000", '"10000"'),
    "blanks around": PLAIN.replace("10000", " 10000 ").replace("id,", "ID ,"),
    "more columns": PLAIN.replace("\n", ",x\n").replace("parent_id,x", "parent_id,note"),
    "another order": "parent_id;id;title\n;1;Все\n1;10000;Дом и сад\n10000;10001;Кружки\n10000;10002;Ложки\n",
    "empty lines": PLAIN + "\n\n",
    "trailing separators": PLAIN.replace("\n10", ",\n10"),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_a_tree_in_other_dress_is_read_as_the_plain_one(dress, tmp_path):
    assert tree_of(tmp_path, DRESSES[dress]) == tree_of(tmp_path, PLAIN)


@pytest.mark.parametrize("name", ["NA", "None", "null", "nan", "N/A"])
def test_a_name_that_looks_like_nothing_is_kept(name, tmp_path):
    assert tree_of(tmp_path, ONE_ROOT.format(root=0).replace("Кружки", name))[11].names == ("Дом", name)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a1,Ножи,10", "row 6: 'id' 'a1' is a string, expected int; number them if they are texts"),
        ("10001.5,Ножи,10", "row 6: 'id' '10001.5' is not a whole number; mend that row"),
        ("inf,Ножи,10", "row 6: 'id' 'inf' is not a whole number; mend that row"),
        (",Ножи,10", "row 6: 'id' is empty; number that category"),
        ("13,Ножи,1.5", "row 6: 'parent_id' '1.5' is not a whole number; mend that row"),
        ("13,Ножи,inf", "row 6: 'parent_id' 'inf' is not a whole number; mend that row"),
        ("13,Ножи,Дом", "row 6: 'parent_id' 'Дом' is a string, expected int"),
        ("1e17,Ножи,10", "row 6: 'id' '1e17' went through a float"),
        ("11,Ножи,10", "id 11 occurs more than once"),
        ("13,Ножи", "row 6 has 2 fields, the header 3"),
        ("13,Ножи, вилки,10", "row 6 has 4 fields, the header 3; put a title that has a ',' in it in quotes"),
    ],
)
def test_what_no_tree_can_have_is_refused_with_row_and_mend(line, told, tmp_path):
    with pytest.raises(GoodsError) as error:
        tree_of(tmp_path, ONE_ROOT.format(root=0) + line + "\n")
    assert told in str(error.value)


@pytest.mark.parametrize("text", ["", "\n", b"\xff\xfe\x00\xd8", b"\x00\x01\x02\x81", "id,title\n1,a\n"])
def test_what_is_no_tree_is_refused(text, tmp_path):
    with pytest.raises(GoodsError, match=r"categories_tree\.csv: "):
        tree_of(tmp_path, text)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(b"id,title,parent_id\n" + data)
    try:
        read_tree_csv(path)
    except GoodsError:
        return


def test_a_category_with_cards_that_is_no_leaf_is_a_class_and_told(tmp_path, capsys):
    shop = write_shop(tmp_path / "shop")
    (shop / "categories_tree.csv").write_text(TREE + "111,Вечерние,11\n", encoding="utf-8")
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition_config(), shop)
    assert 11 in [row["id"] for row in read_json(ws.labels)["classes"]]
    told = capsys.readouterr().err
    cards = kazanexpress2023.read(shop).cards
    issues = pd.read_parquet(ws.issues)
    noted = issues.product_id[issues.problem == "no leaf of the tree"]
    assert sorted(noted) == sorted(cards.product_id[cards.category_id == 11])
    assert f"{len(noted)} train cards lie in 1 category that is no leaf of the tree, such as 11" in told
