"""Odd surroundings: links, limits of containers, folders of any name, GPUs that cannot be used, full disks."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
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

PYTHON_STUB = '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "ran $*"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what run_all.sh needs, its environment set up, its python one that says what it was asked."""
    root = tmp_path / "check out"
    (root / ".venv" / "bin").mkdir(parents=True)
    shutil.copytree(ROOT / "scripts", root / "scripts")
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    python = root / ".venv" / "bin" / "python"
    python.write_text(PYTHON_STUB)
    python.chmod(0o755)
    both = b"".join((root / name).read_bytes() for name in ("requirements.lock", "pyproject.toml"))
    summed = subprocess.run(["cksum"], input=both, capture_output=True, check=True).stdout
    (root / ".venv" / ".goods-requirements").write_text(summed.decode().rstrip("\n"))
    return root


def bash(script: str | Path, cwd: Path, *words: str, **env: str) -> subprocess.CompletedProcess:
    command = ["bash", str(script), *(words or ("demo",))]
    return subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, text=True)


@pytest.mark.parametrize("script", ["test.sh", "setup_env.sh"])
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_does_not_wait_for_a_set_up(checkout, tmp_path, script, word):
    shutil.rmtree(checkout / ".venv")
    (tmp_path / "none").mkdir()
    for name in ("python3", "python3.11", "python3.12", "python3.13"):  # so that a set-up would end at once
        (tmp_path / "none" / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "none" / name).chmod(0o755)
    path = f"{tmp_path / 'none'}:/usr/bin:/bin"
    done = bash(checkout / "scripts" / script, tmp_path, word, PATH=path)
    assert done.returncode == 0 and done.stdout.startswith(f"Usage: bash scripts/{script}"), done.stderr
    assert "requirements.lock" in done.stdout or "pytest" in done.stdout
    assert "set -e" not in done.stdout and not (checkout / ".venv").exists()


def test_every_pinned_package_is_installed_by_its_hashes(checkout, tmp_path):
    pins = set((ROOT / "requirements.txt").read_text(encoding="utf-8").split())
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = dict(
        re.findall(
            r"^([a-z0-9-]+==[^ ]+)(?: ;[^\\]+)?((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", lock, re.M
        )
    )
    assert pins <= locked.keys(), (
        f"{sorted(pins - locked.keys())}: make requirements.lock anew, as its head says"
    )
    rest = re.sub(r"^#.*\n", "", lock, flags=re.M)
    for line in rest.splitlines():  # no addresses, no options but hashes
        assert re.fullmatch(
            r"[a-z0-9-]+==[^ ]+( ; [^\\/]+)?( \\)?|    --hash=sha256:[0-9a-f]{64}( \\)?", line
        ), line
    (checkout / ".venv/.goods-requirements").unlink()
    python = checkout / ".venv/bin/python"
    python.write_text('#!/bin/sh\n[ "$1" = -c ] || echo "$*" >> "$LOG"\n')
    (tmp_path / "python3").write_text(PYTHON_STUB)
    (tmp_path / "python3").chmod(0o755)
    without_uv = f"{tmp_path}:/usr/bin:/bin"
    done = bash(checkout / "scripts/run_all.sh", tmp_path, LOG=str(tmp_path / "log"), PATH=without_uv)
    assert done.returncode == 0, done.stderr
    installs = [line for line in (tmp_path / "log").read_text().splitlines() if "pip install" in line]
    assert [("--require-hashes" in line, "--no-build-isolation" in line) for line in installs] == [
        (True, False),  # setuptools
        (True, True),
        (False, True),  # the project itself
    ]


def test_help_is_answered_before_anything_is_set_up(checkout, tmp_path):
    shutil.rmtree(checkout / ".venv")
    (tmp_path / "python3").write_text(PYTHON_STUB)
    (tmp_path / "python3").chmod(0o755)
    script = checkout / "scripts/run_all.sh"
    done = bash(script, tmp_path, "demo", "--help", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode == 0 and done.stdout.startswith("ran ") and "run_all.py demo --help" in done.stdout
    assert "setting up" not in done.stdout and not (checkout / ".venv").exists()


def test_an_environment_that_uv_has_made_gets_pip(checkout, tmp_path):
    shutil.rmtree(checkout / ".venv")
    made = f'#!/bin/sh\n[ "$1" = -c ] && exit\necho "$*" >> {tmp_path}/log\n[ "$3" != --version ]\n'
    (tmp_path / "made").write_text(made)
    make = f'mkdir -p "$to/bin" && cp {tmp_path}/made "$to/bin/python"'
    (tmp_path / "uv").write_text(f'#!/bin/sh\n[ "$1" != venv ] && exit\nfor to; do :; done\n{make}\n')
    (tmp_path / "python3").write_text(PYTHON_STUB)
    for name in ("made", "uv", "python3"):
        (tmp_path / name).chmod(0o755)
    done = bash(checkout / "scripts/run_all.sh", tmp_path, PATH=f"{tmp_path}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert "-m ensurepip" in (tmp_path / "log").read_text().splitlines()


def of_other_programs(folder: Path, **programs: str) -> str:
    """A PATH on which these come first."""
    folder.mkdir(exist_ok=True)
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


def test_of_two_set_ups_at_once_one_waits_for_the_other(checkout, tmp_path):
    (checkout / ".venv/.goods-requirements").unlink()
    installing = f'[ "$1" = -c ] && exit\necho "$*" >> {tmp_path}/log\nsleep 0.3'
    path = of_other_programs(tmp_path / "bin", python3=installing)
    shutil.copy(tmp_path / "bin" / "python3", checkout / ".venv/bin/python")
    command = ["bash", str(checkout / "scripts/run_all.sh"), "demo"]
    runs = [
        subprocess.Popen(command, env=os.environ | {"PATH": path}, stdout=subprocess.PIPE, text=True)
        for _ in "ab"
    ]
    told = sorted(run.communicate(timeout=60)[0].splitlines()[0] for run in runs)
    assert told[0] == "another run is setting up .venv: waiting for it"
    assert re.match(r"setting up \.venv: \d+ packages of requirements\.lock, about 8 GB", told[1])
    done = (tmp_path / "log").read_text().splitlines()
    assert (
        sum("pip install" in line for line in done) == 3
        and sum("run_all.py demo" in line for line in done) == 2
    )


def test_a_set_up_says_how_far_it_is_and_where_room_is_short(checkout, tmp_path):
    shutil.rmtree(checkout / ".venv")
    made = '#!/bin/sh\n[ "$1" = -c ] && exit\n/bin/sleep 0.3\n'
    (tmp_path / "made").write_text(made)
    there = f'mkdir -p "$to/bin"\ninstall -m 755 {tmp_path}/made "$to/bin/python"'
    make = f'[ "$1" = -m ] || exit 0\nfor to; do :; done\n{there}'
    disk = 'for of; do :; done; case "$of" in *scratch) at=/scratch free=2;; *) at=/ free=9;; esac'
    lines = (
        'echo "Filesystem blocks Used Available Capacity Mounted"; echo "$at 1 1 $((free * 1048576)) 1% $at"'
    )
    path = of_other_programs(
        tmp_path / "bin",
        python3=make,
        df=f"{disk}; {lines}",
        sleep="exec /bin/sleep 0.1",
        du="echo 3145728 x",
    )
    (tmp_path / "scratch").mkdir()
    script = checkout / "scripts/run_all.sh"
    done = bash(script, tmp_path, PATH=path, TMPDIR=str(tmp_path / "scratch"))
    assert done.returncode == 0 and "set-up: 3.0 of about 8 GB are in .venv" in done.stdout
    assert done.stderr.splitlines() == [
        f"warning: 2 GB are free in {tmp_path}/scratch; setting up takes 3 GB there, while it lasts: name another "
        "folder by TMPDIR"
    ]
    shutil.rmtree(checkout / ".venv")
    done = bash(script, tmp_path, PATH=path, TMPDIR=str(tmp_path))
    assert f"warning: 9 GB are free in {checkout}; setting up takes 11 GB there" in done.stderr


def test_a_set_up_goes_on_where_folders_take_no_lock_and_temporary_files_no_folder(checkout, tmp_path):
    shutil.rmtree(checkout / ".venv")
    make = f'for to; do :; done\nmkdir -p "$to/bin"\ninstall -m 755 {tmp_path}/made "$to/bin/python"'
    (tmp_path / "made").write_text(PYTHON_STUB)
    path = of_other_programs(
        tmp_path / "bin",
        python3=f'[ "$1" = -m ] || exit 0\n{make}',
        flock='echo "flock: $2: Bad file descriptor" >&2; exit 65',  # as on NFS
    )
    done = bash(checkout / "scripts/run_all.sh", tmp_path, PATH=path, TMPDIR=str(tmp_path / "none"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "waiting" not in done.stdout and "set-up: .venv is ready" in done.stdout


def test_a_set_up_that_was_killed_keeps_no_other_waiting(checkout, tmp_path):
    (checkout / ".venv/.goods-requirements").unlink()
    path = of_other_programs(
        tmp_path / "bin",
        python3='[ "$1" = -c ] || kill -9 $PPID',
        sleep="exec /bin/sleep 6",  # between two lines of how far it is
    )
    shutil.copy(tmp_path / "bin" / "python3", checkout / ".venv/bin/python")
    command = ["bash", str(checkout / "scripts/run_all.sh"), "demo"]
    done = subprocess.run(command, env=os.environ | {"PATH": path}, stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == -signal.SIGKILL
    assert subprocess.run(["flock", "-w", "3", str(checkout), "true"], check=False).returncode == 0


def test_run_all_works_through_a_link_and_with_cdpath_set(checkout, tmp_path):
    expected = f"ran {checkout}/scripts/run_all.py demo\n"
    link = tmp_path / "run"
    link.symlink_to(checkout / "scripts" / "run_all.sh")
    relative = Path("scripts/run_all.sh")
    for script, cwd in ((checkout / relative, tmp_path), (link, tmp_path), (relative, checkout)):
        done = bash(script, cwd, CDPATH=f"{checkout}:.")
        assert (done.returncode, done.stdout) == (0, expected), done.stderr


@pytest.mark.parametrize("folder_is_a_link", [False, True])
def test_an_environment_whose_interpreter_is_away_is_left_as_it_is(checkout, tmp_path, folder_is_a_link):
    python, kept = checkout / ".venv" / "bin" / "python", checkout / ".venv" / "kept"
    kept.write_text("a package")
    if folder_is_a_link:
        (checkout / ".venv").rename(tmp_path / "away")
        (checkout / ".venv").symlink_to(tmp_path / "shared")
    else:
        python.unlink()
        python.symlink_to(tmp_path / "unmounted" / "python3.11")
    done = bash(checkout / "scripts" / "run_all.sh", tmp_path)
    assert done.returncode == 2
    assert f"error: {python} does not start" in done.stderr and "cannot be reached" in done.stderr
    assert (tmp_path / "away" / "kept" if folder_is_a_link else kept).read_text() == "a package"


def test_an_environment_that_is_a_link_is_not_written_through(checkout, tmp_path):
    """Others may share what it leads to; one that is as the lock asks for is taken."""
    shared = (checkout / ".venv").rename(tmp_path / "shared")
    (checkout / ".venv").symlink_to(shared)
    assert (
        bash(checkout / "scripts" / "run_all.sh", tmp_path).stdout
        == f"ran {checkout}/scripts/run_all.py demo\n"
    )
    (shared / ".goods-requirements").write_text("of another lock")
    done = bash(checkout / "scripts" / "run_all.sh", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        f"error: {checkout}/.venv -> {shared}: not what {checkout}/requirements.lock asks for" in done.stderr
    )
    assert f"remove {checkout}/.venv" in done.stderr


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
