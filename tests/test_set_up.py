"""The scripts that set up an environment: once, whole, one at a time, and not where there is another."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

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
