"""What lies where a contest's file should: a pipe, a device, a folder, a tree without end."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from conftest import competition_config, write_shop
from shop import TREE

from goods.core.errors import GoodsError
from goods.core.workspace import Workspace
from goods.prepare.stage import prepare


def refusal(tmp_path, shop) -> str:
    with pytest.raises(GoodsError) as found:
        prepare(Workspace(tmp_path / "work", "kazanexpress2023"), competition_config(), shop)
    return str(found.value)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", ["train.parquet", "test.parquet"])
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path, shop, name, make):
    (shop / name).unlink()
    make(shop / name)
    assert refusal(tmp_path, shop).startswith(f"{shop / name}: a pipe or a device, not a file")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.mkdir()])
def test_a_tree_that_is_no_file_is_not_passed_over(tmp_path, shop, make):
    tree = shop / "categories_tree.csv"
    tree.unlink()
    make(tree)
    told = refusal(tmp_path, shop)
    assert told.startswith(f"{tree}: ") and "not a file" in told


def test_a_tree_of_thousands_of_levels_is_told_at_once(tmp_path, shop):
    chain = "".join(f"{1000 + i},x{i},{999 + i if i else 1}\n" for i in range(20_000))
    (shop / "categories_tree.csv").write_text(TREE + chain, encoding="utf-8")
    assert "has more than 100 others above it" in refusal(tmp_path, shop)


def test_so_is_such_a_name(tmp_path):
    shop = write_shop(tmp_path / "named")
    (shop / "categories_tree.csv").unlink()
    train = pd.read_parquet(shop / "train.parquet")
    train["category_name"] += "->x" * 200
    train.to_parquet(shop / "train.parquet", index=False)
    assert "has more than 100 levels; mend it" in refusal(tmp_path, shop)
