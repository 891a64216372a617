"""A finished folder is whole or counts as not done; what is not whole is made again, and nothing else."""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import ROOT

from goods.budget.fallback import note_limits
from goods.config.loading import load_experiment
from goods.core import artifacts, done
from goods.core.artifacts import read_json, write_json, write_text
from goods.core.done import begin, change, check_done, done_key, flaw, is_done, mark_done
from goods.core.errors import GoodsError
from goods.core.workspace import Run
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.report.verification import verify
from goods.stack.level import base_runs, finished_run
from goods.submit.entries import finished_report
from goods.submit.prediction import predict_file
from goods.submit.predictor import saved_config
from goods.train.fold_job import fit_fold
from goods.train.foundations import scored_run
from goods.train.stage import train

LINEAR = ROOT / "configs/kazanexpress2023/linear.yaml"


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


STACK = ROOT / "configs/kazanexpress2023/stack.yaml"


def stacked(ws, name):
    return base_runs(ws, load_experiment(STACK, [f"model.experiments=[{name}]"]))


def scored(ws, name):
    return scored_run(ws, load_experiment(LINEAR), name)


DAMAGES = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "halved": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "flipped": flip,
}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "stage"
    begin(made, "key")
    write_text(made / "a.txt", "what is in it")
    write_text(made / "inner/b.txt", "and below")
    write_text(made / "logs/events", "for people")
    mark_done(made, "key")
    return made


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("nowhere")], ids=["pipe", "dangling link"]
)
def test_what_is_no_file_is_told_and_not_waited_for(folder, make):
    (folder / "a.txt").unlink()
    write_text(folder / "a.txt", "")
    mark_done(folder, "key")
    (folder / "a.txt").unlink()
    make(folder / "a.txt")
    assert not is_done(folder, "key")
    with pytest.raises(GoodsError, match=r"a\.txt: neither a file nor a folder; save files alone there"):
        mark_done(folder, "key")


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("name", ["a.txt", "inner/b.txt"])
def test_a_folder_whose_files_are_not_whole_is_not_done(folder, name, damage):
    assert is_done(folder, "key")
    damage(folder / name)
    assert not is_done(folder, "key")
    assert done_key(folder) is None
    assert str(flaw(folder)).startswith(name)
    with pytest.raises(GoodsError, match=rf"stage: {name} is .+; run it"):
        check_done(folder, "not made", "run it")


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_marker_is_none(folder, damage):
    damage(folder / "DONE")
    assert not is_done(folder, "key")


@pytest.mark.parametrize("text", ["{}", "[]", '{"key": 1, "files": []}', '{"key": "key", "files": {"a": 1}}'])
def test_a_marker_of_something_else_is_none(folder, text):
    (folder / "DONE").write_text(text)
    assert not is_done(folder, "key")


@pytest.mark.parametrize(
    "edit",
    [
        lambda told: told["files"].pop("a.txt"),
        lambda told: told["files"].clear(),
        lambda told: told.update(key="another"),
        lambda told: told["files"]["a.txt"].__setitem__(0, 3),
    ],
)
def test_a_marker_that_was_edited_is_damaged(folder, edit):
    told = json.loads((folder / "DONE").read_text())
    edit(told)
    (folder / "DONE").write_text(json.dumps(told))
    (folder / "a.txt").unlink()
    assert not is_done(folder, "key") and not is_done(folder, "another") and done_key(folder) is None
    assert flaw(folder) == "DONE is damaged"
    with pytest.raises(GoodsError, match="stage: DONE is damaged; run it"):
        check_done(folder, "not made", "run it")


def test_logs_and_what_was_added_do_not_count(folder):
    (folder / "logs/events").unlink()
    (folder / "notes.txt").write_text("mine")
    assert is_done(folder, "key")


def test_others_may_read_what_a_library_has_written_for_its_own_user_alone(folder):
    model = folder / "model.safetensors"
    model.write_bytes(b"weights")
    model.chmod(0o600)
    mark_done(folder, "key")
    assert model.stat().st_mode & 0o777 == artifacts.MODE


def test_a_file_that_may_not_be_read_is_not_called_missing(folder, monkeypatch):
    def denied(path: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(done, "file_hash", denied)
    with pytest.raises(GoodsError, match=r"\w cannot be read \(Permission denied\); train it again$"):
        check_done(folder, "not finished", "train it again")


def test_a_folder_within_that_is_done_by_itself_does_not_count(folder):
    write_text(folder / "fold_0/model", "weights")
    mark_done(folder / "fold_0", "inner")
    mark_done(folder, "key")
    (folder / "fold_0/model").unlink()
    assert is_done(folder, "key")
    assert not is_done(folder / "fold_0", "inner")


def test_what_is_not_whole_begins_from_nothing_and_says_so(folder, capsys):
    (folder / "study.db").write_text("not of the stage")
    flip(folder / "a.txt")
    begin(folder, "key")
    assert not (folder / "a.txt").exists()
    assert not (folder / "inner/b.txt").exists()
    assert (folder / "study.db").exists()
    assert "a.txt is not what was written: it is done again" in capsys.readouterr().err


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("write", range(1, 5))
def test_a_finished_folder_is_whole_at_every_moment_while_a_file_is_changed(
    folder, monkeypatch, write, before
):
    run, left, rename = Run(folder), write, Path.replace
    write_json(run.report, {"score": 1})
    mark_done(folder, "key")

    def killed(path, to):
        nonlocal left
        left -= 1
        if left or not before:
            rename(path, to)
        if not left:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr(Path, "replace", killed)
        note_limits(run, {"seconds": 2})
    assert is_done(folder, "key")
    note_limits(run, {"seconds": 2})
    assert is_done(folder, "key")
    assert read_json(run.report) == {"score": 1, "limits": {"seconds": 2}}
    note_limits(run, {"seconds": 3})
    assert is_done(folder, "key")


def test_what_a_changed_file_was_before_is_not_what_was_written(folder):
    change(folder, "a.txt", "что теперь")
    assert is_done(folder, "key")
    assert (folder / "a.txt").read_text(encoding="utf-8") == "что теперь"
    write_text(folder / "a.txt", "what is in it")
    assert flaw(folder) == "a.txt is not what was written"


def test_a_file_is_on_the_disk_before_its_name_and_all_before_done(tmp_path, monkeypatch):
    """What a power cut leaves: a name without its file's content cannot be, nor DONE without the files."""
    order: list[tuple[str, str]] = []
    force, move = artifacts._force, Path.replace
    monkeypatch.setattr(artifacts, "_force", lambda p: (order.append(("force", p.name)), force(p)))
    monkeypatch.setattr(Path, "replace", lambda p, to: (order.append(("rename", to.name)), move(p, to))[1])
    begin(tmp_path / "stage", "key")
    (tmp_path / "stage/model.bin").write_bytes(b"written by a library")
    order.clear()
    mark_done(tmp_path / "stage", "key")
    kinds = [kind for kind, _ in order]
    assert order[0] == ("force", "model.bin")
    assert ("force", "stage") in order[: kinds.index("rename")]
    assert order[kinds.index("rename") - 1][1].startswith(".DONE.")
    assert order[-2:] == [("rename", "DONE"), ("force", "stage")]


@pytest.mark.parametrize("asked", [saved_config, finished_report, finished_run, stacked, scored])
def test_the_folder_of_a_study_is_no_finished_run(ws, asked):
    study = ws.tuning("linear")
    for folder, file in ((study, "best.yaml"), (ws.run("navec").path, "config.yaml")):
        begin(folder, "key")
        write_text(folder / file, "name: linear")
        mark_done(folder, "key")
    with pytest.raises(GoodsError) as told:
        asked(ws, study.name)
    assert "no such config file" not in str(told.value)
    assert f"--set name={study.name}" in str(told.value) or "finished are navec" in str(told.value)


def digest(ws, name):
    run = ws.run(name)
    files = [*(run.fold(k) / n for k in range(3) for n in ("valid.npz", "test.npz")), run.oof, run.test]
    return [path.read_bytes() for path in files]


@pytest.mark.parametrize("damage", ["halved", "flipped", "deleted"])
def test_a_damaged_model_is_told_and_its_fold_alone_trained_again(trained, competition, shop, capsys, damage):
    config = load_experiment(LINEAR)
    before, run = digest(trained, "linear"), trained.run("linear")
    done = [(run.fold(k) / "DONE").stat().st_mtime_ns for k in range(3)]
    DAMAGES[damage](run.fold(1) / "model.safetensors")
    with pytest.raises(GoodsError, match=r"fold_1: model\.safetensors is .+; run scripts/train\.py"):
        predict_file(
            trained, competition, "linear", shop / "test.parquet", None, trained.root / "out.parquet"
        )
    assert verify(trained)[1] == [
        next(line for line in verify(trained)[1] if "fold_1: model.safetensors" in line)
    ]
    train(trained, competition, config)
    assert "fold_1: model.safetensors is" in capsys.readouterr().err
    assert digest(trained, "linear") == before
    after = [(run.fold(k) / "DONE").stat().st_mtime_ns for k in range(3)]
    assert [a == b for a, b in zip(done, after, strict=True)] == [True, False, True]
    assert verify(trained)[1] == []


@pytest.mark.parametrize("name", ["cards.parquet", "labels.json", "source.json"])
def test_damaged_cards_are_prepared_again(ws, competition, shop, name):
    before = {path.name: path.read_bytes() for path in ws.prepared.iterdir()}
    flip(ws.prepared / name)
    with pytest.raises(GoodsError, match=rf"{name} is not what was written; run scripts/prepare\.py"):
        train(ws, competition, load_experiment(LINEAR))
    prepare(ws, competition, shop)
    assert {path.name: path.read_bytes() for path in ws.prepared.iterdir()} == before


def test_folds_that_are_not_whole_are_dealt_again(ws, competition):
    for path in (ws.folds, ws.folds.with_suffix(".json")):
        before = path.read_bytes()
        for damage in DAMAGES.values():
            damage(path)
            make_folds(ws, competition)
            assert path.read_bytes() == before


def test_a_fold_whose_cards_are_changed_while_it_trains_is_not_kept(ws, competition, shop, monkeypatch):
    """Another preparation comes between the key and the cards that are read, or while the model is fitted."""
    from goods.core.execution import Resources
    from goods.train import fold_job

    config = load_experiment(LINEAR)
    train(ws, competition, config, [1])
    key = fold_job.fold_key(ws, config, 0)
    write = fold_job.write_fold

    def other_cards():
        import pandas as pd

        table = pd.read_parquet(ws.cards)
        table["title"] = table.title.to_numpy()[::-1]
        begin(ws.prepared, "other")
        for name, data in kept.items():
            (ws.prepared / name).write_bytes(data)
        table.to_parquet(ws.cards)
        mark_done(ws.prepared, "other")

    kept = {p.name: p.read_bytes() for p in ws.prepared.iterdir() if p.name not in ("DONE", "STARTED")}
    monkeypatch.setattr(fold_job, "write_fold", lambda *args: (write(*args), other_cards()))
    with pytest.raises(GoodsError, match="changed while it was trained; run again"):
        fit_fold(ws, config, 0, key, False, Resources("cpu", 1))
    assert done_key(ws.run("linear").fold(0)) is None
    monkeypatch.setattr(fold_job, "write_fold", write)
    with pytest.raises(GoodsError, match="changed while it was trained; run again"):
        fit_fold(ws, config, 0, key, False, Resources("cpu", 1))


def test_settings_of_a_run_below_that_were_changed_since_are_not_built_on(trained, competition):
    path = trained.run("linear").config
    path.write_text(path.read_text().replace("tuned_on: []", "tuned_on: [0]"))
    above = ["name=linear-pseudo", "pseudo={experiments: [linear], min_confidence: 0.9}"]
    with pytest.raises(
        GoodsError, match=r"builds on linear, of which config\.yaml is not what was written; run"
    ):
        train(trained, competition, load_experiment(LINEAR, above))


def test_verify_names_what_is_damaged(ws, competition, run_script):
    train(ws, competition, load_experiment(LINEAR))
    asked = ("verify", ws.competition, "--work", ws.root)
    code, out, _ = run_script(*asked)
    assert (code, out.splitlines()[-1]) == (0, "6 whole, 0 damaged")
    flip(ws.run("linear").oof)
    code, out, _ = run_script(*asked)
    assert code == 1
    assert "damaged  runs/linear: oof.npz is not what was written" in out
    assert json.loads((ws.run("linear").path / "DONE").read_text())["key"]
    shutil.rmtree(ws.run("linear").fold(1))
    assert verify(ws)[1][-1] == "runs/linear/fold_1: missing"
