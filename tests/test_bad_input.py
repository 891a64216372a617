"""What bad input gets: exit code 2 and one message that names the file, the column or row, and the mend."""

import json

import pandas as pd
import pytest
from conftest import ROOT, write_shop

from goods.cards.table import load_cards
from goods.competitions import kazanexpress2023
from goods.competitions.raw import tree_from_names
from goods.competitions.trees import read_tree_csv
from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare
from goods.submit.catalogue import read_catalogue


def change(path, edit):
    frame = pd.read_parquet(path)
    edit(frame).to_parquet(path, index=False)


def nth(frame, row, **values):
    for column, value in values.items():
        frame.loc[row, column] = value
    return frame


BAD_TRAIN = {
    "column 'text_fields' is missing": lambda f: f.rename(columns={"text_fields": "texts"}),
    "column 'category_id' is missing": lambda f: f.drop(columns="category_id"),
    "product_id 1000 occurs more than once": lambda f: nth(f, 1, product_id=1000),
    "category_id 999 is not in categories_tree.csv": lambda f: nth(f, 3, category_id=999),
    "row 2: 'category_id' is empty; give that row a whole number": lambda f: nth(
        f.astype({"category_id": float}), 2, category_id=None
    ),
    "product_id 5000 is in train.parquet and in test.parquet": lambda f: nth(f, 0, product_id=5000),
    "column 'text_fields' is int64, expected str": lambda f: f.assign(text_fields=1),
    "holds no rows": lambda f: f.iloc[:0],
    "single category": lambda f: f.assign(category_id=11),
}


@pytest.mark.parametrize("message", BAD_TRAIN)
def test_bad_train_file_is_refused_with_a_message(message, shop, ws, competition):
    before = ws.cards.read_bytes()
    change(shop / "train.parquet", BAD_TRAIN[message])
    with pytest.raises(GoodsError, match=message):
        prepare(ws, competition, shop)
    assert ws.cards.read_bytes() == before  # nothing half-written


def test_missing_and_truncated_files_are_named(shop):
    path = shop / "test.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(GoodsError, match=r"test\.parquet: not a readable parquet file"):
        kazanexpress2023.read(shop)
    path.unlink()
    with pytest.raises(GoodsError, match=r"test\.parquet: missing; put"):
        kazanexpress2023.read(shop)


def test_column_names_that_are_not_utf_8_are_refused(shop):
    path = shop / "test.parquet"
    path.write_bytes(path.read_bytes().replace(b"shop_title", b"\x90hop_title"))
    with pytest.raises(GoodsError, match=r"test\.parquet: not a readable parquet file"):
        kazanexpress2023.read(shop)


def test_names_of_columns_are_told_in_a_line_each(shop):
    for names in (["a\nb", "c\x1b[31m"], ["x" * 5_000], [f"c{i}" for i in range(5_000)]):
        pd.DataFrame({name: [1] for name in names}).to_parquet(shop / "test.parquet")
        for read in (kazanexpress2023.read, lambda data: read_catalogue(data / "test.parquet")):
            with pytest.raises(GoodsError) as error:
                read(shop)
            assert all(line.isprintable() and len(line) < 1_000 for line in error.value.lines)
    pd.DataFrame({"title": [{f"c{i}\n": 1 for i in range(500)}], "id": [1]}).to_parquet(shop / "test.parquet")
    with pytest.raises(GoodsError, match=r"column 'title' is '?struct") as error:
        read_catalogue(shop / "test.parquet")
    assert str(error.value).isprintable() and len(str(error.value)) < 1_000


def test_a_cycle_in_the_tree_is_named(tmp_path):
    path = tmp_path / "tree.csv"
    path.write_text("id,title,parent_id\n1,a,2\n2,b,1\n")
    with pytest.raises(GoodsError, match="cycle"):
        read_tree_csv(path)


def test_tree_from_names_equals_tree_from_csv_in_shape(shop):
    with_csv = kazanexpress2023.read(shop)
    (shop / "categories_tree.csv").unlink()
    without = kazanexpress2023.read(shop)
    assert {i: path.names for i, path in without.tree.items()} == {
        i: path.names for i, path in with_csv.tree.items() if i in without.tree
    }
    with pytest.raises(GoodsError, match="two different category_name"):
        tree_from_names(pd.Series([1, 1]), pd.Series(["r->a", "r->b"]), shop)


def test_bad_rows_are_quarantined_and_keep_their_cards(tmp_path, competition):
    from goods.core.workspace import Workspace

    shop = write_shop(tmp_path / "s")
    good = json.loads(pd.read_parquet(shop / "train.parquet").text_fields[4])

    def spoil(frame):
        frame.loc[0, "text_fields"] = "{broken"
        frame.loc[1, "text_fields"] = None
        frame.loc[2, "text_fields"] = json.dumps({**good, "title": ""})
        frame.loc[3, "text_fields"] = json.dumps({**good, "description": "щ" * 30_000 + "\x00"})
        return frame

    change(shop / "train.parquet", spoil)
    ws = Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition, shop)
    cards, issues = load_cards(ws), pd.read_parquet(ws.issues)
    assert len(cards) == 280
    problems = issues.groupby("product_id").problem.agg(" ".join)
    assert "not JSON" in problems[1000]
    assert "text_fields is empty" in problems[1001]
    assert "empty title" in problems[1002]
    assert "longer than" in problems[1003]


COMMANDS = {
    "unknown competition 'ozan'": ("prepare", "ozan"),
    "no such data folder; put train.parquet": ("prepare", "kazanexpress2023", "--data", "missing-folder"),
    "no such config file": ("train", "configs/demo/linnear.yaml"),
    "unknown key 'model.structur'": (
        "train",
        ROOT / "configs/demo/linear.yaml",
        "--set",
        "model.structur=flat",
    ),
    "no such file or folder": ("train", ROOT / "configs/demo/linear.yaml", "--text-weights", "nowhere"),
    "has folds 0 to 4": ("train", ROOT / "configs/demo/linear.yaml", "--fold", "9"),
    "run scripts/prepare.py": ("train", ROOT / "configs/demo/linear.yaml"),
    "run scripts/prepare.py --work WORK demo first": ("stack", ROOT / "configs/demo/stack.yaml"),
    "no tune: block": ("tune", ROOT / "configs/kazanexpress2023/fasttext-raw.yaml"),
    r"no\nsuch\x1b[2J: no such data folder": ("prepare", "kazanexpress2023", "--data", "no\nsuch\x1b[2J"),
    r"no-\udcff: is not written in UTF-8; rename it": ("prepare", "kazanexpress2023", "--data", "no-\udcff"),
    "'defaults' is the folder of what all competitions share": (
        "new_competition",
        "defaults",
        "--data",
        ROOT,
    ),
    "--most 0: expected 1 or more": ("explain", "kazanexpress2023", "stack", "1", "--most", "0"),
    "--seed -1: expected 0 or more": ("make_demo", "nowhere", "--seed", "-1"),
    "linear.yaml: key 'name': '../../x' is to be the name of a folder": (
        "train",
        ROOT / "configs/kazanexpress2023/linear.yaml",
        "--set",
        "name=../../x",
    ),
}


@pytest.mark.parametrize("message", COMMANDS)
def test_scripts_end_with_exit_code_2_and_one_line(message, run_script, tmp_path):
    script, *args = COMMANDS[message]
    code, out, err = run_script(script, *args, "--work", tmp_path / "work")
    assert code == 2
    assert out == ""
    assert message.replace("WORK", str(tmp_path / "work")) in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "work" / "demo" / "runs").exists()


def test_run_all_reports_an_unknown_competition(run_script, tmp_path):
    code, _, err = run_script("run_all", "wildbery", "--work", tmp_path)
    assert code == 2
    assert "demo, flatcsv, kazanexpress2022, kazanexpress2023" in err


@pytest.mark.parametrize("name", ["../../x", "..", "", "a/b"])
def test_an_experiment_s_name_leads_nowhere_else(name, tmp_path):
    with pytest.raises(GoodsError, match="expected a name"):
        Workspace(tmp_path, "demo").run(name)
