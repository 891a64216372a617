"""What goes wrong in code of any author says in which experiment, fold or feature."""

from __future__ import annotations

import errno
import sys
import traceback
from pathlib import Path
from threading import Event, Thread

import pytest
from conftest import ROOT
from worker_jobs import fails

from goods.config.loading import load_experiment
from goods.core.errors import GoodsError, noted_in, noted_place, within
from goods.core.execution import Resources, run_jobs
from goods.models.text.linear_model import LinearModel
from goods.stack.features import FEATURES, features_of
from goods.train.stage import train
from goods.tune.stage import tune

LINEAR = ROOT / "configs" / "kazanexpress2023" / "linear.yaml"


def told(caught: pytest.ExceptionInfo) -> str:
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("method", ["fit", "predict", "save"])
def test_an_error_in_a_family_names_experiment_and_fold(ws, competition, monkeypatch, method):
    def broken(*_):
        raise KeyError("width")

    monkeypatch.setattr(LinearModel, method, broken)
    with pytest.raises(KeyError) as caught:
        train(ws, competition, load_experiment(LINEAR), folds=[1])
    assert told(caught).endswith("KeyError: 'width'\nin experiment linear, fold 1\n")
    if method != "save":
        with pytest.raises(KeyError) as caught:
            tune(ws, competition, load_experiment(LINEAR, ["tune.trials=1"]))
        assert told(caught).endswith("\nin experiment linear, trial 0, fold 0\n")


def test_what_a_worker_process_says_of_where_it_failed_arrives(monkeypatch):
    monkeypatch.setattr("goods.core.execution.at_once", lambda *_: 2)
    with pytest.raises(ZeroDivisionError) as caught:
        run_jobs(fails, [(7,), (7,)], Resources("cpu", 1), "two")
    assert told(caught).endswith("ZeroDivisionError\nin job 7\n")


def test_an_error_in_a_feature_names_it():
    def broken(_):
        raise IndexError

    with pytest.raises(IndexError) as caught:
        features_of(None, {"mine": broken})
    assert told(caught).endswith("\nin feature mine of the stack\n")
    assert "mine" not in FEATURES


@pytest.mark.parametrize("code", [7, None])
def test_code_that_ends_the_program_is_told_where(ws, competition, monkeypatch, code):
    monkeypatch.setattr(LinearModel, "fit", lambda *_: sys.exit(code))
    with pytest.raises(RuntimeError) as caught:
        train(ws, competition, load_experiment(LINEAR), folds=[1])
    assert told(caught).endswith(
        f"RuntimeError: sys.exit({code}) was called; raise an error in its place\nin experiment linear, fold 1\n"
    )


def test_what_a_user_is_told_anyway_is_left_as_it_is():
    with pytest.raises(GoodsError) as caught, within("experiment linear"):
        raise GoodsError("lower model.lr")
    assert not hasattr(caught.value, "__notes__")


@pytest.mark.parametrize("where", ["fold 0", "reader of data\udcff/x", "column \ud800"])
@pytest.mark.parametrize("file", ["place", "gone/place"])
def test_what_is_done_does_not_fail_for_want_of_the_note_of_where_that_is(tmp_path, file, where):
    with noted_in(tmp_path / file), within(where), within(f"{where}, trial 1"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_holds_no_place_and_fails_nothing(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refused)
    with noted_in(tmp_path / "place"), within("fold 0"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_place_is_read_as_it_is_shown_and_one_that_is_gone_or_empty_is_none(tmp_path):
    with noted_in(tmp_path / "place"), within("reader of data\udcff/x"):
        assert noted_place(tmp_path / "place") == "reader of data\\udcff/x"
    assert noted_place(tmp_path / "place") == ""


def test_the_place_of_a_thread_is_not_that_of_the_job_beside_it(tmp_path):
    begun, over = Event(), Event()

    def beside() -> None:
        with within("a thread beside"):
            begun.set()
            over.wait(10)

    thread, file = Thread(target=beside), tmp_path / "place"
    with noted_in(file):
        thread.start()
        begun.wait(10)
        with within("fold 0"):
            over.set()
            thread.join()
            assert file.read_text() == "fold 0"
            with within("a part of it"):
                pass
            assert file.read_text() == "fold 0"
