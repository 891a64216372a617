"""The main job end to end on tiny shops: bytes, resuming, what is redone, both contests, new cards."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SHARED, small_configs, write_shop

from goods.cards.labels import Labels
from goods.competitions.loading import load_competition
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.workspace import ALL, Workspace
from goods.demo.generator import generate
from goods.pipeline import run_all
from goods.presets import Options
from goods.submit.prediction import predict_file
from goods.train.stage import train

LINE = re.compile(r"^result: (\S+) rows=(\d+) (\w+)=(\d\.\d{4}) seconds=\d+$")


def options(tmp_path: Path, data: Path, name: str, experiments: list[str], **changes) -> Options:
    configs = tmp_path / "configs"
    if not configs.exists():
        small_configs(configs, name, experiments)
    return Options(configs=configs, work=tmp_path / "work", out=tmp_path / "out", data=data, **changes)


def done_times(work: Path) -> dict[str, int]:
    return {str(p.relative_to(work)): p.stat().st_mtime_ns for p in sorted(work.rglob("DONE"))}


def test_the_closing_line_and_the_files_are_there(tuned_run):
    chosen, line = tuned_run
    match = LINE.match(line)
    assert match
    path = Path(match[1])
    assert path == chosen.out / "kazanexpress2023" / "result.parquet"
    result = pd.read_parquet(path)
    assert len(result) == int(match[2]) == 40
    report = read_json(Workspace(chosen.work, "kazanexpress2023").run("stack").report)
    assert match[3] == "weighted_f1"
    assert float(match[4]) == pytest.approx(report["score"], abs=5e-5)
    assert report["tuned_on"] == [0]
    html = (path.parent / "report.html").read_text(encoding="utf-8")
    assert f"method {report['winner']} " in html
    assert "linear-tuned" in html


def test_a_second_run_does_nothing_and_leaves_the_same_bytes(tuned_run):
    chosen, _ = tuned_run
    result = chosen.out / "kazanexpress2023" / "result.parquet"
    before, bytes_before = done_times(chosen.work), result.read_bytes()
    run_all("kazanexpress2023", chosen)
    assert done_times(chosen.work) == before
    assert result.read_bytes() == bytes_before
    assert len(pd.read_csv(chosen.out / "leaderboard.csv")) == 1


def test_a_run_from_nothing_gives_the_same_bytes(tuned_run, script_run):
    chosen, _ = tuned_run
    folder, *_ = script_run
    names = ("kazanexpress2023", "result.parquet")
    assert folder.joinpath("out", *names).read_bytes() == chosen.out.joinpath(*names).read_bytes()


def test_only_what_depends_on_a_changed_fold_is_redone(tuned_run, tmp_path):
    chosen, _ = tuned_run
    work = shutil.copytree(chosen.work, tmp_path / "work")
    out = shutil.copytree(chosen.out, tmp_path / "out")
    copied = Options(configs=chosen.configs, work=work, out=out, data=chosen.data)
    competition = load_competition("kazanexpress2023", chosen.configs)
    ws = Workspace(work, "kazanexpress2023")
    before = done_times(work)
    config = load_experiment(chosen.configs / "kazanexpress2023" / "fasttext.yaml")
    train(ws, competition, config, folds=[2], force=True)
    run_all("kazanexpress2023", copied)
    changed = {name for name, time in done_times(work).items() if before.get(name) != time}
    assert changed == {
        "kazanexpress2023/runs/fasttext/fold_2/DONE"
    }  # same bytes: nothing further depends on it
    changed_config = load_experiment(
        chosen.configs / "kazanexpress2023" / "fasttext.yaml", ["model.epochs=7"]
    )
    train(ws, competition, changed_config, folds=[1])
    run_all("kazanexpress2023", copied)
    changed = {name for name, time in done_times(work).items() if before.get(name) != time}
    assert "kazanexpress2023/runs/fasttext/fold_1/DONE" in changed
    assert not any("linear" in name or "prepared" in name for name in changed)


def test_a_run_killed_in_the_stack_ends_with_the_same_bytes(tuned_run, tmp_path):
    chosen, _ = tuned_run
    work = shutil.copytree(chosen.work, tmp_path / "work")
    stack = work / "kazanexpress2023" / "runs" / "stack"
    (stack / "DONE").unlink()
    (stack / "oof.npz").write_bytes(b"half")
    shutil.rmtree(stack / "fold_1")
    again = Options(configs=chosen.configs, work=work, out=tmp_path / "out", data=chosen.data)
    run_all("kazanexpress2023", again)
    names = ("kazanexpress2023", "result.parquet")
    assert again.out.joinpath(*names).read_bytes() == chosen.out.joinpath(*names).read_bytes()


@pytest.mark.parametrize("experiment", ["linear-tuned", "stack"])
def test_new_cards_get_the_labels_the_submission_has(tuned_run, experiment, tmp_path):
    chosen, _ = tuned_run
    competition = load_competition("kazanexpress2023", chosen.configs)
    ws = Workspace(chosen.work, "kazanexpress2023")
    predict_file(ws, competition, experiment, chosen.data / "test.parquet", None, tmp_path / "new.parquet")
    new = pd.read_parquet(tmp_path / "new.parquet")
    assert set(new.predicted_category_id) <= set(Labels.load(ws).ids)
    assert new.confidence.between(0, 1 + 1e-6).all()
    if experiment == "stack":
        submitted = pd.read_parquet(chosen.out / "kazanexpress2023" / "result.parquet")
        assert new[["product_id", "predicted_category_id"]].equals(submitted)


def test_a_refit_keeps_the_scores_and_asks_the_models_of_all_folds(tuned_run, tmp_path):
    chosen, line = tuned_run
    for folder in ("configs", "work", "out"):
        shutil.copytree(getattr(chosen, folder), tmp_path / folder)
    refitted = Options(
        tmp_path / "configs", tmp_path / "work", tmp_path / "out", data=chosen.data, refit=True
    )
    again = run_all("kazanexpress2023", refitted)
    assert LINE.match(again)[4] == LINE.match(line)[4]
    ws = Workspace(refitted.work, "kazanexpress2023")
    for name in ("linear-tuned", "fasttext", "stack"):
        assert ws.run(name).fold(ALL).is_dir()
    competition = load_competition("kazanexpress2023", refitted.configs)
    predict_file(ws, competition, "stack", chosen.data / "test.parquet", None, tmp_path / "new.parquet")
    submitted = pd.read_parquet(refitted.out / "kazanexpress2023" / "result.parquet")
    new = pd.read_parquet(tmp_path / "new.parquet")
    assert new[["product_id", "predicted_category_id"]].equals(submitted)


def test_a_single_new_card_is_labelled(tuned_run, tmp_path):
    chosen, _ = tuned_run
    competition = load_competition("kazanexpress2023", chosen.configs)
    one = tmp_path / "one.parquet"
    pd.read_parquet(chosen.data / "test.parquet").iloc[:1].to_parquet(one)
    ws = Workspace(chosen.work, "kazanexpress2023")
    predict_file(ws, competition, "stack", one, None, tmp_path / "new.parquet")
    assert len(pd.read_parquet(tmp_path / "new.parquet")) == 1


def to_2022(source: Path, folder: Path) -> Path:
    """The same cards in the 2022 format."""
    folder.mkdir()
    shutil.copy(source / "categories_tree.csv", folder)
    for split in ("train", "test"):
        raw = pd.read_parquet(source / f"{split}.parquet")
        fields = raw.text_fields.map(json.loads)
        table = pd.DataFrame(
            {
                "id": raw.product_id,
                "title": fields.map(lambda f: f["title"]),
                "short_description": fields.map(lambda f: f["description"]),
                "name_value_characteristics": fields.map(
                    lambda f: " / ".join(
                        f"{k}: {' | '.join(v)}" for k, v in f.get("defined_characteristics", {}).items()
                    )
                ),
                "rating": np.float32(4.5),
                "feedback_quantity": 3,
            }
        )
        if split == "train":
            table["category_id"] = raw.category_id
        table.to_parquet(folder / f"{split}.parquet", index=False)
    return folder


@pytest.mark.slow
def test_a_2022_folder_made_from_demo_data_runs_through_and_scores_hierarchical_f1(tmp_path):
    generate(tmp_path / "demo", rows=600, classes=60, seed=1, images=False)
    data = to_2022(tmp_path / "demo", tmp_path / "ke2022")
    chosen = options(tmp_path, data, "kazanexpress2022", ["linear", "fasttext"])
    match = LINE.match(run_all("kazanexpress2022", chosen))
    assert match
    assert match[3] == "hierarchical_f1"
    report = read_json(Workspace(chosen.work, "kazanexpress2022").run("stack").report)
    assert report["score"] == pytest.approx(report["scores"]["hierarchical_f1"], abs=1e-6)
    assert report["scores"]["weighted_f1"] < report["score"] < 1
    result = pd.read_parquet(match[1])
    assert list(result.columns) == ["id", "predicted_category_id"]
    assert len(result) == 120


@pytest.mark.slow
def test_what_needs_photos_is_left_out_without_them_and_used_with_them(tmp_path, capsys):
    name = "kazanexpress2023"
    families = ["linear", "image-frozen", "knn-fused", "fusion"]
    chosen = options(tmp_path, write_shop(tmp_path / "shop"), name, [*families, "knn"])
    run_all(name, chosen)
    assert "no card has a photo: image-frozen, knn-fused, fusion left out" in capsys.readouterr().err
    with_photos = Options(
        configs=chosen.configs,
        work=tmp_path / "work2",
        out=tmp_path / "out2",
        data=write_shop(tmp_path / "shop2", photos=True),
    )
    run_all(name, with_photos)
    ws = Workspace(with_photos.work, name)
    report = read_json(ws.run("stack").report)
    assert list(report["base"]) == [*families, "knn"]
    assert min(report["base"].values()) > 0.5
    # navec is not in the stack, but knn and fusion build on it
    assert ws.run("navec").oof.is_file()
    predict_file(
        ws, load_competition(name, chosen.configs), "stack", with_photos.data / "test.parquet", with_photos.data,
        tmp_path / "new.parquet",
    )  # fmt: skip
    submitted = pd.read_parquet(with_photos.out / name / "result.parquet")
    new = pd.read_parquet(tmp_path / "new.parquet")
    assert (new.predicted_category_id == submitted.predicted_category_id).mean() > 0.95


@pytest.mark.slow
def test_the_full_preset_trains_every_family_offline(tmp_path):
    name = "kazanexpress2023"
    data = write_shop(tmp_path / "shop", n_train=120, photos=True)
    families = ["linear", "transformer", "image"]
    chosen = options(tmp_path, data, name, families, preset="full", offline=True)
    assert LINE.match(run_all(name, chosen))
    ws = Workspace(chosen.work, name)
    report = read_json(ws.run("stack-full").report)
    assert list(report["base"]) == families
    assert load_experiment(ws.run("transformer").config).model.weights == "scratch"
    assert load_experiment(ws.run("image").config).model.weights == "packaged"


@pytest.mark.slow
def test_a_local_text_encoder_joins_the_quick_preset(tmp_path):
    encoder = SHARED / "models" / "e5-small-trimmed"
    if not encoder.is_dir():
        pytest.skip(f"{encoder} is absent: it holds the real encoder")
    name = "kazanexpress2023"
    chosen = options(
        tmp_path, write_shop(tmp_path / "shop"), name, ["linear"], offline=True, text_weights=encoder
    )
    run_all(name, chosen)
    ws = Workspace(chosen.work, name)
    report = read_json(ws.run("stack").report)
    assert report["base"]["transformer-frozen"] > 0.8
    predict_file(
        ws,
        load_competition(name, chosen.configs),
        "stack",
        chosen.data / "test.parquet",
        None,
        tmp_path / "new.parquet",
    )
    assert len(pd.read_parquet(tmp_path / "new.parquet")) == 40
