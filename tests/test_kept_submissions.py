"""Which run the submission that is there is of."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from goods.competitions.submission import CsvFormat
from goods.submit import stage
from goods.submit.copies import KEY, is_of_another, keep


def test_a_submission_is_of_the_run_whose_key_its_kept_copy_has(tmp_path):
    result = tmp_path / "result.parquet"
    assert not is_of_another(result, "a")  # there is none
    result.write_bytes(b"one")
    assert not is_of_another(result, "a")  # nobody knows
    keep(result, {KEY: "a\n"})
    assert not is_of_another(result, "a") and is_of_another(result, "b")
    result.write_bytes(b"two")
    keep(result, {KEY: "b\n"})
    assert is_of_another(result, "a") and not is_of_another(result, "b")


@pytest.fixture
def submitted(tmp_path, monkeypatch):
    """Submits a table of a contest that takes a CSV file or none; the names of what lies there then, and is kept."""
    (tmp_path / "config.yaml").write_text("")
    space = SimpleNamespace(run=lambda _: SimpleNamespace(config=tmp_path / "config.yaml"))
    monkeypatch.setattr(stage, "entry_of", lambda *_: {"key": "a", "metric": "accuracy", "score": 0.5})
    monkeypatch.setattr(stage, "dump", lambda _: "")
    monkeypatch.setattr(stage, "append_leaderboard", lambda *_: None)
    monkeypatch.setattr(stage, "problems_of", lambda *_: [])
    monkeypatch.setattr(stage, "parts", lambda *_: [(space, None)])

    def submit(answer: int | str, csv: CsvFormat | None) -> list[set[str]]:
        contest = SimpleNamespace(submission=SimpleNamespace(csv=csv))
        monkeypatch.setattr(stage, "competition_of", lambda _: contest)
        monkeypatch.setattr(stage, "result_table", lambda *_: pd.DataFrame({"id": [1], "class": [answer]}))
        path = stage.write_submission(
            None, SimpleNamespace(name="shop", targets=[]), "stack", tmp_path, "", None
        )
        day = max(path.parent.glob("*-*-*-*/"), key=lambda folder: folder.stat().st_mtime_ns)
        return [{file.name for file in folder.glob("result.*")} for folder in (path.parent, day)]

    return submit


def test_no_csv_file_of_an_earlier_submission_stays_beside_one_that_has_none(submitted):
    assert submitted(7, CsvFormat()) == [{"result.parquet", "result.csv"}] * 2
    assert submitted(8, None) == [{"result.parquet"}] * 2


def test_the_csv_file_is_in_the_encoding_that_the_contest_s_are_in(submitted, tmp_path):
    submitted("чай", CsvFormat(";", encoding="cp1251"))
    assert (tmp_path / "shop" / "result.csv").read_bytes() == "id;class\n1;чай\n".encode("cp1251")
