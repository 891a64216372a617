"""What a repeated run says of cards that are prepared already."""

from __future__ import annotations

import pandas as pd
from conftest import competition_config, write_shop

from goods.core.workspace import Workspace
from goods.prepare.stage import TOLD, prepare

COMPETITION = competition_config()


def test_a_repeated_run_counts_what_was_odd_and_says_where_it_is_told(tmp_path, capsys):
    shop, ws = (
        write_shop(tmp_path / "shop", n_train=60, n_test=20),
        Workspace(tmp_path / "work", COMPETITION.name),
    )
    table = pd.read_parquet(shop / "train.parquet").sort_values("category_id")
    table["product_id"] = range(len(table))
    table.loc[table.index[:2], "text_fields"] = "{"
    table.to_parquet(shop / "train.parquet", index=False)
    prepare(ws, COMPETITION, shop)
    told = capsys.readouterr().err
    warned = sum(line.startswith("warning:") for line in told.splitlines())
    assert warned and (ws.path / TOLD).read_text() == told
    prepare(ws, COMPETITION, shop)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"prepare: unchanged, {ws.cards} kept; {warned} warning")
    problems = len(pd.read_parquet(ws.issues))
    assert problems > 1 and f" and {problems} input problems of then: " in line and line.endswith(TOLD)


def test_a_repeated_run_says_nothing_more_where_nothing_was_odd(tmp_path, capsys):
    shop, ws = (
        write_shop(tmp_path / "shop", n_train=60, n_test=20),
        Workspace(tmp_path / "work", COMPETITION.name),
    )
    prepare(ws, COMPETITION, shop)
    assert "warning:" not in capsys.readouterr().err
    prepare(ws, COMPETITION, shop)
    assert capsys.readouterr().err.splitlines() == [f"prepare: unchanged, {ws.cards} kept"]
