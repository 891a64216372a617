"""Odd surroundings: limits of containers, folders of any name, GPUs that cannot be used, full disks."""

from __future__ import annotations

import errno
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import ROOT, competition_config, small_configs, write_shop

from goods import cli
from goods.config.loading import load_experiment
from goods.core import cgroups, execution
from goods.core.workspace import Workspace
from goods.pipeline import run_all
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.presets import Options
from goods.tune.stage import tune


def group(monkeypatch, tmp_path: Path, own: str, **files: str) -> None:
    """Control groups as a container sees them; in names "__" stands for a folder."""
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        path = tmp_path / "groups" / name.replace("__", "/").replace("-", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(cgroups, "OWN", tmp_path / "own")
    monkeypatch.setattr(cgroups, "ROOT", tmp_path / "groups")
    monkeypatch.setattr(
        cgroups, "cpu_limit", cgroups.cpu_limit.__wrapped__
    )  # nothing is kept of the true ones


GIGABYTE = 2**30
LIMITED = {
    "version 2": (
        "0::/\n",
        {
            "cpu-max": "50000 100000\n",
            "cpu-stat": "usage_usec 3500000\nuser_usec 9\n",
            "memory-max": "{m}\n",
            "memory-current": "{u}\n",
        },
    ),
    "version 2, the parent's": (
        "0::/jobs/one\n",
        {
            "jobs__cpu-max": "50000 100000\n",
            "jobs__cpu-stat": "usage_usec 3500000\n",
            "jobs__one__cpu-max": "max 100000\n",
            "jobs__one__cpu-stat": "usage_usec 7\n",
            "jobs__memory-max": "{m}\n",
            "jobs__memory-current": "{u}\n",
            "jobs__one__memory-max": "max\n",
            "jobs__one__memory-current": "5\n",
        },
    ),
    "version 1": (
        "4:memory:/docker/12ab\n3:cpu,cpuacct:/docker/12ab\n0::/\n",
        {
            "cpu,cpuacct__cpu-cfs_quota_us": "50000\n",
            "cpu,cpuacct__cpu-cfs_period_us": "100000\n",
            "cpu,cpuacct__cpuacct-usage": "3500000000\n",
            "memory__memory-limit_in_bytes": "{m}\n",
            "memory__memory-usage_in_bytes": "{u}\n",
        },
    ),
}


@pytest.mark.parametrize("kind", LIMITED)
def test_limits_of_a_container_are_seen(monkeypatch, tmp_path, kind):
    own, files = LIMITED[kind]
    files = {name: text.format(m=4 * GIGABYTE, u=2 * GIGABYTE) for name, text in files.items()}
    group(monkeypatch, tmp_path, own, **files)
    monkeypatch.setattr(execution.psutil, "virtual_memory", lambda: SimpleNamespace(available=90 * GIGABYTE))
    assert cgroups.cpu_limit() == 0.5 and cgroups.cpu_taken() == 3.5
    assert execution.free_memory() == 2 * GIGABYTE
    monkeypatch.setattr(execution, "cores", lambda: 8)
    assert execution.at_once(5, execution.Resources("cpu", 1)) == 1


def test_files_that_the_kernel_would_drop_are_not_counted_as_taken(monkeypatch, tmp_path):
    group(
        monkeypatch,
        tmp_path,
        "0::/\n",
        **{"memory-max": "100", "memory-current": "90", "memory-stat": "anon 10\ninactive_file 70\n"},
    )
    assert cgroups.free_memory() == 80


@pytest.mark.parametrize("own", ["", "0::/\n", "0::/gone\n1:cpu:/\n2:memory:/\n"])
def test_without_limits_all_that_is_there_may_be_used(monkeypatch, tmp_path, own):
    group(monkeypatch, tmp_path, own, **{"cpu-max": "max 100000\n", "memory-max": "max\n"})
    assert cgroups.cpu_limit() is None and cgroups.free_memory() is None and cgroups.cpu_taken() is None


def test_half_a_core_is_one_job_and_a_limit_stays_what_a_process_began_with(monkeypatch, tmp_path):
    """In a process of its own: elsewhere `cores` is patched for all tests."""
    group(monkeypatch, tmp_path, "0::/\n", **{"cpu-max": "250000 100000\n"})
    code = (
        "import os; from pathlib import Path; from goods.core import cgroups, execution\n"
        f"os.sched_getaffinity = lambda _: range(8)\n"
        f"cgroups.OWN, cgroups.ROOT = Path({str(tmp_path / 'own')!r}), Path({str(tmp_path / 'groups')!r})\n"
        f"print(execution.cores()); Path(cgroups.ROOT, 'cpu.max').write_text('50000 100000')\n"
        f"print(execution.cores()); cgroups.cpu_limit.cache_clear()\n"
        f"print(execution.cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["2", "2", "1"], done.stderr


@pytest.fixture
def broken_gpu(monkeypatch):
    import torch

    def refuse(*_, **__):
        raise RuntimeError("CUDA error: no kernel image is available\nsecond line")

    monkeypatch.setattr(execution, "has_gpu_device", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch, "ones", refuse)
    execution.gpus.cache_clear()
    yield
    execution.gpus.cache_clear()


def test_a_gpu_that_torch_cannot_use_is_said_once_and_the_cpu_used(broken_gpu, capsys):
    assert execution.resources(3, on_gpu=True).device == "cpu"
    assert execution.resources(3, on_gpu=True).device == "cpu"
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("warning: torch") and "no kernel image is available): the CPU is used" in said


@pytest.mark.parametrize("name", ["what?", "100%25", "a#b", "{SCHEMA_VERSION} {x}", "ёлка и & =1"])
def test_a_study_is_where_the_work_folder_is_whatever_its_name(tmp_path, name):
    competition = competition_config()
    ws = Workspace(tmp_path / name, competition.name)
    prepare(ws, competition, write_shop(tmp_path / "shop", n_train=60, n_test=5))
    make_folds(ws, competition)
    settings = ["tune.trials=1", "tune.shares=[1.0]"]
    tune(ws, competition, load_experiment(ROOT / "configs" / "kazanexpress2023" / "linear.yaml", settings))
    assert (ws.tuning("linear") / "study.db").stat().st_size > 0
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "shop"])


@pytest.mark.parametrize("option", ["work", "out"])
def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path, option, monkeypatch):
    from goods.core.errors import GoodsError

    monkeypatch.setattr("goods.pipeline.prepare", lambda *_: pytest.fail("began all the same"))
    configs = small_configs(tmp_path / "configs", "kazanexpress2023", ["linear"])
    (tmp_path / "file").write_text("")
    folders = {"work": tmp_path / "work", "out": tmp_path / "out"}
    folders[option] = tmp_path / "file" / "below" / "it"
    with pytest.raises(GoodsError, match=f"^{folders[option]}: cannot be written to"):
        run_all("kazanexpress2023", Options(configs, **folders, data=tmp_path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["configs", "file"]


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_file_where_a_folder_is_wanted_and_the_other_way_round_are_named(tmp_path, capsys, is_folder):
    from goods.core.artifacts import write_text

    place = tmp_path / "place"
    place.mkdir() if is_folder else place.write_text("")
    with pytest.raises(SystemExit) as stopped:
        cli.run(lambda: write_text(place if is_folder else place / "file", "x"))
    assert stopped.value.code == 2
    assert re.fullmatch(
        f"error: {place}: (Is a directory|Not a directory|File exists): a folder is wanted where a file is, or the "
        "other way round; move it away\n",
        capsys.readouterr().err,
    )


def fill(*names: str):
    def main() -> None:
        raise OSError(errno.ENOSPC, "No space left on device", *names)

    return main


def test_a_full_disk_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for main, free, said in [
        (
            fill("/disk/work/cards.parquet"),
            0,
            "/disk/work/cards.parquet: no space left in /disk/work; free some",
        ),
        (fill(), 0, f"{tmp_path}: no space left in the folder of temporary files; free some, or set TMPDIR"),
        (fill(), 2**33, "no space left in the folder of --work or --out"),
    ]:
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        with pytest.raises(SystemExit) as stopped:
            cli.run(main)
        assert stopped.value.code == 2
        assert said in capsys.readouterr().err


def test_a_folder_of_temporary_files_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    cli.run(lambda: None)
    assert f"warning: TMPDIR is {tmp_path / 'gone'}, where nothing can be written" in capsys.readouterr().err
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    cli.run(lambda: None)
    assert capsys.readouterr().err == ""
