"""Whatever happens to a file of a finished run, the next run ends with the bytes of one that nothing happened to."""

from __future__ import annotations

import os
import shutil

import pytest
from artifact_corpus import DAMAGES, KINDS, Run, cases_of, damage, faults, faults_of, finished

NAMES = [
    "prepared/DONE",
    "prepared/cards.parquet",
    "prepared/labels.json",
    "prepared/source.json",
    "folds.json",
    "folds.parquet",
    "runs/linear-tuning/best.yaml",
    "runs/linear-tuning/report.json",
    "runs/linear-tuning/study.db",
    "runs/linear-tuned/DONE",
    "runs/linear-tuned/config.yaml",
    "runs/linear-tuned/fold_1/model.safetensors",
    "runs/fasttext/oof.npz",
    "runs/fasttext/fold_0/model.bin",
    "runs/fasttext/fold_2/valid.npz",
    "runs/stack/report.json",
    "runs/stack/test.npz",
    "runs/stack/fold_0/model.cbm",
]
CASES = [(name, DAMAGES[(i + k) % len(DAMAGES)]) for i, name in enumerate(NAMES) for k in (0, 2)]
OUTSIDE = [
    "out/leaderboard.csv",
    "out/kazanexpress2023/result.parquet",
    "work/kazanexpress2023/locks/work.db",
    "out/.kazanexpress2023.locks/work.db",
]


@pytest.fixture(scope="module")
def few(tmp_path_factory, tuned_run) -> tuple[Run, Run]:
    """A run, and another of other data whose files have the same names."""
    run = KINDS["few"](tmp_path_factory.mktemp("few"), 0)
    run.go()
    return run, Run(run.name, tuned_run[0])


def said(run: Run, capsys) -> list[str]:
    return capsys.readouterr().err.replace(str(run.folder), "").splitlines()


@pytest.mark.parametrize(("name", "how"), CASES, ids=[f"{name}-{how}" for name, how in CASES])
def test_a_damaged_file_is_made_again(few, tmp_path, name, how):
    run, other = few
    assert list(faults(run, other, f"{run.place}/{name}", how, tmp_path / "again")) == []


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("how", ["deleted", "halved"])
def test_so_is_what_lies_outside_the_stages(few, tmp_path, name, how):
    assert list(faults(*few, name, how, tmp_path / "again")) == []


def test_what_is_done_again_is_said(few, tmp_path, capsys):
    run, _ = few
    again = run.copied(tmp_path)
    capsys.readouterr()
    again.go()
    idle = said(again, capsys)
    damage(again.folder / again.place / "runs/fasttext/fold_0/model.bin", "flipped")
    again.go()
    told = [line for line in said(again, capsys) if line not in idle]
    assert sum("fold_0: model.bin is not what was written" in line for line in told) == 1
    more = [line for line in told if not line.startswith(("estimate:", "kazanexpress2023: "))]
    assert len([line for line in more if line.strip()]) <= 2


def test_files_from_the_future_change_nothing(few, tmp_path):
    """A clock that is set back makes all that there is younger than what is written next."""
    run, _ = few
    again = run.copied(tmp_path)
    lost = again.folder / again.place / "runs/fasttext/fold_1"
    shutil.rmtree(lost)
    for path in tmp_path.rglob("*"):
        os.utime(path, (2e9, 2e9))
    again.go()
    assert again.contents() == run.contents()
    done = {p.parent.name: p.stat().st_mtime for p in lost.parent.glob("fold_*/DONE")}
    assert [name for name, time in done.items() if time != 2e9] == ["fold_1"]


@pytest.fixture(scope="module", params=KINDS)
def whole(request, tmp_path_factory) -> tuple[Run, Run]:
    return finished(request.param, tmp_path_factory.mktemp("whole"))


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("how", DAMAGES)
def test_every_file_of_every_kind_is_made_again(whole, tmp_path, how):
    run, other = whole
    cases = [case for case in cases_of(run) if case[1] == how]
    found = {case: faults_of(run, other, case, tmp_path / "again") for case in cases}
    assert {case: wrong for case, wrong in found.items() if wrong} == {}
