"""Too little room on a disk is told before anything is trained, and what is there already is not needed again."""

from __future__ import annotations

import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, small_configs, write_shop
from measured_sizes import FASHION, PEREKRESTOK, WIDE, experiment
from test_shortages import small_disk  # noqa: F401  # a fixture

from goods.budget.disk import check_run, of_caches, of_experiment
from goods.budget.limits import Budget
from goods.core.errors import GoodsError
from goods.core.folders import check_room, disk_used
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.presets import Options

NAME = "kazanexpress2023"
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch):
    """Says how many bytes every disk has."""

    def set_(n: float) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, int(n)))

    return set_


def options_in(folder: Path, work: Path | None = None) -> Options:
    configs = small_configs(folder / "configs", NAME, ["linear", "fasttext"])
    return Options(configs, work or folder / "work", folder / "out", write_shop(folder / "shop", 96, 16))


@pytest.mark.parametrize("budget", [Budget(), Budget(seconds=3600.0), Budget(gigabytes=50.0)])
def test_a_run_with_too_little_room_trains_nothing(tmp_path, free, budget):
    options = replace(options_in(tmp_path), budget=budget)
    free(5e6)
    with pytest.raises(GoodsError) as caught:
        run_all(NAME, options)
    told, runs = str(caught.value), options.work / NAME / "runs"
    assert f"{options.work / NAME} and {options.out}: about " in told
    assert "4.8 MB are free; free some, or name another folder" in told
    assert not runs.exists() and not (options.out / NAME).exists()


def test_a_small_disk_is_refused_before_it_is_full(tmp_path, small_disk):  # noqa: F811
    options = options_in(tmp_path, small_disk)
    with pytest.raises(GoodsError, match=f"^{small_disk / NAME}: about .* are needed there"):
        run_all(NAME, options)
    assert not (small_disk / NAME / "runs").exists()


def test_the_raw_tables_say_whether_there_is_room_to_prepare_them(tmp_path, free):
    options = options_in(tmp_path)
    free(1e3)
    with pytest.raises(GoodsError, match="are needed there for the prepared cards"):
        run_all(NAME, options)
    assert not (options.work / NAME / "prepared").exists()


def test_a_run_that_has_enough_says_nothing_and_needs_nothing_again(tmp_path, free, capsys):
    options = options_in(tmp_path)
    run_all(NAME, options)
    assert "are needed there" not in capsys.readouterr().err
    free(8e6)
    run_all(NAME, options)
    assert "are needed there" not in capsys.readouterr().err


def test_training_one_experiment_asks_for_its_room(ws, run_script, free):
    free(1e6)
    config = ROOT / "configs" / NAME / "fasttext.yaml"
    code, _, err = run_script("train", config, "--work", ws.root)
    assert code == 2 and "error: " in err and "are needed there for what is still to be trained" in err
    assert not ws.run("fasttext").path.exists()


@pytest.mark.parametrize(
    ("needed", "said"), [(6e9, ""), (7e9, "warning: "), (14e9, "warning: "), (16e9, None)]
)
def test_what_may_be_too_little_is_a_warning(tmp_path, free, capsys, needed, said):
    free(1e10)
    if said is None:
        with pytest.raises(GoodsError, match=r"about 14\.9 GB are needed there for it, 9\.3 GB are free"):
            check_room({tmp_path: needed}, "it")
        return
    check_room({tmp_path: needed}, "it")
    told = capsys.readouterr().err
    assert told.startswith(said) and bool(told) == bool(said)


def test_folders_of_one_disk_share_its_room(tmp_path, free):
    free(1e10)
    check_room({tmp_path / "work": 6e9}, "it")
    with pytest.raises(GoodsError, match=r"work and .*out: about 14\.9 GB"):
        check_room({tmp_path / "work": 10e9, tmp_path / "out": 6e9}, "it")


SMALLER = replace(PEREKRESTOK, train=12_458, test=6_039)
MEGABYTES = [
    (WIDE, {"linear": 666}),
    (SMALLER, {"linear": 112, "fasttext": 295}),
    (FASHION, {"fasttext": 266}),
]


@pytest.mark.parametrize(("size", "measured"), MEGABYTES)
def test_estimates_are_within_a_factor_of_what_runs_took(size, measured):
    for name, megabytes in measured.items():
        guessed = of_experiment(experiment(name), size) / 1e6
        assert megabytes / 1.5 < guessed < megabytes * 1.5, (name, guessed)


def test_a_single_fold_is_fitted_on_half_of_the_rows():
    one, two = (of_experiment(experiment("linear"), replace(WIDE, folds=n, test=0)) for n in (1, 2))
    predicted = 2 * WIDE.train * (8 + 8 * 32)
    assert one - predicted == pytest.approx((two - predicted) / 2) and one - predicted > 50e6


def test_photos_are_cached_once_for_each_size_they_are_seen_in():
    size = replace(FASHION, photos=1.0)
    frozen, small = experiment("image-frozen"), experiment("image-small-cnn")
    one, both = of_caches([frozen], size), of_caches([frozen, small], size)
    rows = size.train + size.test
    assert one > rows * 3 * 128**2 and of_caches([frozen, frozen], size) == one
    another = small.model.size != frozen.model.size
    assert both - one == another * rows * 3 * small.model.size**2
    assert of_caches([frozen], replace(size, photos=0.0)) < one / 10


def test_what_is_there_is_taken_from_what_is_needed(tmp_path, free):
    ws = Workspace(tmp_path, NAME)
    config, needed = experiment("fasttext"), of_experiment(experiment("fasttext"), FASHION)
    free(needed / 2)
    with pytest.raises(GoodsError):
        check_run(ws, {"fasttext": config}, FASHION)
    ws.run("fasttext").path.mkdir(parents=True)
    (ws.run("fasttext").path / "model.bin").write_bytes(b"x" * int(0.8 * needed))
    assert disk_used(tmp_path) > 0.8 * needed
    check_run(ws, {"fasttext": config}, FASHION)
