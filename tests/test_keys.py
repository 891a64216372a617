"""What folders depend on: code by the import closure, what is built on by its content."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from conftest import OZON, QUICK, ROOT, ozon_config, ozon_workspace

from goods.competitions.loading import reader_module
from goods.config.loading import load_experiment
from goods.core import code
from goods.core.artifacts import read_json
from goods.core.code import import_closure
from goods.core.done import fold_content
from goods.core.hashing import content_of
from goods.core.workspace import ALL
from goods.models.neural import NeuralModel
from goods.models.pairs.pairs_model import PairsModel
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.train.keys import is_trained
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"
NAVEC = ["model.trainer.epochs=1", "model.hidden=16"]
FAMILIES = "goods.models."


def config(name: str, *settings: str):
    return load_experiment(CONFIGS / f"{name}.yaml", list(settings))


def knn():
    return config("knn", "model.sources=[{experiment: navec}]")


@pytest.fixture
def edit(monkeypatch):
    """Make a module of the package read as if a line had been added to it."""
    plain = code._source.__wrapped__
    edited: set[str] = set()
    monkeypatch.setattr(
        code, "_source", lambda module: plain(module) + ("\nADDED = 1\n" if module in edited else "")
    )

    def add_a_line(module: str) -> None:
        edited.add(module)
        code.code_hash.cache_clear()

    yield add_a_line
    code.code_hash.cache_clear()


def test_a_closure_holds_what_a_family_reads_and_not_what_others_do():
    assert {"goods.cards.lemmas", "goods.cards.cooccurrence"} <= set(
        import_closure(*config("navec").model.modules)
    )
    assert "goods.cards.lemmas" not in import_closure(*config("linear").model.modules)
    clip = import_closure(*config("clip").model.modules)
    assert {"goods.cards.text", FAMILIES + "text.navec_model", FAMILIES + "image.image_model"} <= set(clip)
    assert FAMILIES + "joint.text_image" in clip
    assert FAMILIES + "pairs.pairs_model" in import_closure(*ozon_config("stack").model.modules)


def test_folds_do_not_depend_on_what_later_rooms_do():
    fitted = {module.split(".")[1] for module in import_closure("goods.train.fold")}
    assert fitted <= {"train", "models", "prepare", "problems", "matching", "cards", "config", "core"}
    closure = import_closure("goods.train.fold")
    assert not {"goods.matching.blocking", "goods.matching.features", "goods.cards.lemmas"} & set(closure)
    assert [m for m in closure if m.startswith("goods.models.")] == ["goods.models.base"]
    assert any(m.startswith("goods.metrics.") for m in import_closure("goods.train.gather"))


def test_a_line_added_to_the_lemmas_trains_navec_again_and_nothing_else(ws, competition, shop, edit, capsys):
    for experiment in (config("linear"), config("navec", *NAVEC), knn()):
        train(ws, competition, experiment)
    done = {path: path.stat().st_mtime_ns for path in ws.path.rglob("DONE")}
    edit("goods.cards.lemmas")
    assert not is_trained(ws, config("navec", *NAVEC), 0)
    assert not is_trained(ws, knn(), 0)  # asks navec's code for vectors, though it does not import it
    assert is_trained(ws, config("linear"), 0)
    capsys.readouterr()
    prepare(ws, competition, shop)
    make_folds(ws, competition)
    train(ws, competition, config("linear"))
    assert capsys.readouterr().err.count("unchanged") == 3
    assert {path: path.stat().st_mtime_ns for path in ws.path.rglob("DONE")} == done


@pytest.mark.parametrize(
    "module", ["goods.competitions.kazanexpress2023", "goods.matching.products", "goods.prepare.cards"]
)
def test_cards_are_prepared_again_when_what_reads_or_writes_them_changes(
    ws, competition, shop, edit, module, capsys
):
    prepare(ws, competition, shop)
    assert "unchanged" in capsys.readouterr().err
    edit(module)
    prepare(ws, competition, shop)
    assert "unchanged" not in capsys.readouterr().err


def test_a_folder_with_a_name_that_is_no_utf_8_has_a_hash(tmp_path):
    empty = content_of(tmp_path)
    (tmp_path / os.fsdecode(b"\xff.bin")).write_text("1")
    assert content_of(tmp_path) != empty


def test_a_reader_is_a_module_of_its_own_in_the_key():
    assert "goods.competitions.wildberries" not in import_closure(reader_module("kazanexpress2023"))


def test_folds_are_gathered_again_when_a_metric_changes(trained, competition, edit, capsys):
    edit("goods.metrics.classification")
    capsys.readouterr()
    train(trained, competition, config("linear"))
    said = capsys.readouterr().err
    assert "unchanged" not in said
    assert is_trained(trained, config("linear"), 0)


def trained_folds(ws, name):
    return [ws.run(name).fold(k).joinpath("DONE").stat().st_mtime_ns for k in range(3)]


def changed(before: list[int], after: list[int]) -> list[int]:
    return [k for k in range(len(after)) if after[k] != before[k]]


def test_a_fold_follows_what_is_in_the_one_it_builds_on(ws, competition, monkeypatch):
    navec, fit = config("navec", *NAVEC), NeuralModel.fit
    train(ws, competition, navec)
    train(ws, competition, knn())
    first, content = trained_folds(ws, "knn"), fold_content(ws.run("navec").fold(2))

    train(ws, competition, navec, folds=[2], force=True)  # the same bytes, in another time
    train(ws, competition, knn())
    assert fold_content(ws.run("navec").fold(2)) == content
    assert trained_folds(ws, "knn") == first

    def other_weights(self, known, valid):
        self.context = replace(self.context, seed=self.context.seed + 1)
        fit(self, known, valid)

    with monkeypatch.context() as patch:
        patch.setattr(NeuralModel, "fit", other_weights)
        train(ws, competition, navec, folds=[2], force=True)  # the same key, other bytes
    assert fold_content(ws.run("navec").fold(2)) != content
    assert is_trained(ws, navec, 2)
    train(ws, competition, knn())
    assert changed(first, trained_folds(ws, "knn")) == [2]


def test_what_a_fold_holds_is_not_how_long_it_took(ws, competition):
    train(ws, competition, config("navec", *NAVEC))
    folder = ws.run("navec").fold(0)
    content = fold_content(folder)
    for name in ("report.json", "DONE", "STARTED", "logs/events.out.tfevents.1.host.2.3", ".test.npz.half"):
        (folder / name).write_text("another")
        assert fold_content(folder) == content
    (folder / "model.json").write_text("another")
    assert fold_content(folder) != content


def test_a_refit_above_scores_of_other_experiments_is_fitted_once(tmp_path, offers, monkeypatch, capsys):
    ws = ozon_workspace(tmp_path, offers)
    train(ws, OZON, ozon_config("words"))
    above = ozon_config(
        "stack", *QUICK, "model.features=[strings]", "model.experiments=[words]", "refit=true"
    )
    train(ws, OZON, above)
    assert ws.run("stack").fold(ALL).is_dir()
    assert read_json(ws.run("stack").report)["threads"] == [1, 1, 1]
    fitted = []
    monkeypatch.setattr(PairsModel, "fit", lambda *_: fitted.append("fit"))
    monkeypatch.setattr(PairsModel, "refit", lambda *_: fitted.append("refit"))
    capsys.readouterr()
    train(ws, OZON, above)
    assert not fitted
    assert "train stack: unchanged" in capsys.readouterr().err
