"""What a user is told beside an answer names what it is of, and what can be done about it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from goods import presets
from goods.cards.table import Issues
from goods.competitions.guess.guess import LIKELY, Guess
from goods.competitions.raw import require_unique
from goods.competitions.table_values import floats_of
from goods.config.competition import CompetitionConfig
from goods.config.experiment import ExperimentConfig
from goods.core import log, warned
from goods.core.artifacts import write_text
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions
from goods.core.workspace import Workspace
from goods.matching.cleanup import of_matches
from goods.models.prior import PairPriorConfig, PriorConfig
from goods.prepare.order import IDS, ROWS, told
from goods.prepare.unreadable import check_unreadable
from goods.stack.level import base_runs, finished_run
from goods.submit import batches, pairs, predictor
from goods.submit.predictor import saved_config
from goods.train.foundations import scored_run, trained_fold
from goods.train.gather import headline
from goods.upkeep import status


def contest(folder, **stacks: str) -> presets.Options:
    mine = folder / "configs" / "mine"
    mine.mkdir(parents=True)
    (mine / "competition.yaml").write_text("reader: kazanexpress2023\n")
    for name, text in stacks.items():
        (mine / f"{name.replace('_', '-')}.yaml").write_text(text)
    return presets.Options(folder / "configs", folder / "work", folder / "out", preset="light")


def test_a_preset_whose_stack_does_not_look_at_the_ids_says_that_another_does(tmp_path, capsys):
    options = contest(tmp_path, stack="model: {id_order: true}\n")
    presets.tell_ids_left_out(options, "mine", presets.load_preset(options, "mine"))
    (line,) = capsys.readouterr().err.splitlines()
    assert "warning: configs/mine/stack.yaml (preset quick) sets id_order, stack-light.yaml, which" in line
    assert line.endswith("set it there too, or add --preset quick")


def test_nothing_is_said_of_ids_where_all_stacks_or_none_look_at_them(tmp_path, capsys):
    both = {"stack": "model: {id_order: true}\n", "stack_light": "model: {id_order: true}\n"}
    for folder, stacks in (("both", both), ("none", {}), ("broken", {"stack": "model: {id_ordr: true}\n"})):
        options = contest(tmp_path / folder, **stacks)
        presets.tell_ids_left_out(options, "mine", presets.load_preset(options, "mine"))
    assert capsys.readouterr().err == ""


def test_a_column_of_texts_named_as_numbers_is_told_where_it_is_named(tmp_path):
    ids, issues = pd.Series(range(10)), Issues()
    floats_of(pd.Series(["red", "blue"] * 5), ids, "colour", issues)
    cards = pd.DataFrame({"product_id": ids, "split": "train"})
    config = CompetitionConfig(name="a", reader="kazanexpress2023", data="b")
    with pytest.raises(
        GoodsError, match=r"column 'colour': 10 of 10 .*; write that column as numbers, take it out of"
    ) as error:
        check_unreadable(issues, cards, config)
    assert "JSON" not in str(error.value)


def report_of(score: float, *folds: float, tuned_on: tuple[int, ...] = ()) -> dict[str, object]:
    return {
        "metric": "macro_f1",
        "score": score,
        "sd": 0.1,
        "folds": list(folds),
        "tuned_on": list(tuned_on),
    }


def test_a_score_that_is_none_between_those_of_its_folds_says_why():
    assert "outside the 0.6000 to 0.7000 of its folds" in headline(report_of(0.5, 0.6, 0.7))
    assert "outside the 0.6000 to 0.7000" in headline(report_of(0.5, 0.1, 0.6, 0.7, tuned_on=(0,)))
    for report in (report_of(0.65, 0.6, 0.7), report_of(0.5, 0.6), report_of(0.6, 0.6, 0.6)):
        assert "outside" not in headline(report)


def test_a_report_says_so_too():
    from goods.report.sentences import apart_told

    assert apart_told(report_of(0.65, 0.6, 0.7)) == ""
    assert apart_told(report_of(0.5, 0.6, 0.7)).startswith(" It lies outside the 0.6000 to 0.7000 of its")


def test_messages_name_the_target_they_are_of_once(capsys):
    with log.about("sex"):
        log.say("wildberries/sex: train linear (1 of 4)")
        log.say("warning: few photos")
        log.say("train linear: done")
        with warned.counted() as found:
            warned.add(Counter({"numpy: odd": 2}))
    log.say("warning: few photos")
    said = [
        "wildberries/sex: train linear (1 of 4)",
        "warning: sex: few photos",
        "sex: train linear: done",
        "warning: few photos",
    ]
    assert capsys.readouterr().err.splitlines() == said
    assert found == {"sex: numpy: odd": 2}


@pytest.mark.parametrize(("order", "names"), [(ROWS, False), (IDS, True)])
def test_only_the_order_of_ids_is_said_to_be_looked_at_with_id_order(order, names):
    (line,) = told([{"target": "target", "order": order, "same": 0.9, "chance": 0.1, "tells": True}])
    assert ("id_order" in line) is names and "nothing looks at it" in line


def test_a_run_that_is_not_there_is_told_with_the_commands_that_make_it(tmp_path):
    with pytest.raises(GoodsError, match=r"run scripts/run_all\.sh shop, or for it alone") as error:
        saved_config(Workspace(tmp_path, "shop/sex"), "stack")
    assert str(error.value).endswith("scripts/stack.py configs/shop/stack.yaml --target sex")


def test_an_experiment_without_a_config_of_its_name_is_told_by_one_that_is_there(tmp_path):
    ws = Workspace(tmp_path, "shop/sex")
    variant = (
        "configs/shop/EXPERIMENT.yaml --target sex --set name=mine (EXPERIMENT: what it is a variant of)"
    )
    asking = (
        (lambda: saved_config(ws, "mine"), f"for it alone scripts/train.py {variant} (where"),
        (lambda: finished_run(ws, "mine"), f"scripts/stack.py {variant} first"),
        (lambda: base_runs(ws, stack_of("mine")), f"run scripts/train.py {variant} first"),
        (lambda: scored_run(ws, stack_of("mine"), "mine"), f"run scripts/train.py {variant} first"),
        (lambda: trained_fold(ws, stack_of("mine"), "mine", 0), f"run scripts/train.py {variant} first"),
    )
    for ask, end in asking:
        with pytest.raises(GoodsError) as error:
            ask()
        assert end in str(error.value)
    saved = ws.run("mine").config
    write_text(saved, "")
    for ask, end in asking:
        with pytest.raises(GoodsError) as error:
            ask()
        assert end.replace(variant, f"{saved} --target sex") in str(error.value)


def stack_of(*experiments: str) -> ExperimentConfig:
    model = {"family": "stack", "experiments": list(experiments)}
    return ExperimentConfig.model_validate({"competition": "shop", "name": "joined", "model": model})


def test_what_was_guessed_is_shown_as_the_yaml_that_is_written(capsys):
    made = Guess()
    made.say("files", {"train": "train.csv", "test": "test.csv"}, LIKELY, "by their names")
    made.tell()
    assert capsys.readouterr().err.startswith("files: {test: test.csv, train: train.csv} (likely: by")


def test_experiments_that_photos_are_wanting_for_are_of_the_preset():
    needs = {"image": ["image"], "fusion": ["navec-tuned", "image", "fusion"]}
    course = SimpleNamespace(
        plan=SimpleNamespace(experiments=("linear",)),
        needs=needs.get,
        ws=SimpleNamespace(tuning=lambda name: SimpleNamespace(name=f"{name}-tuning")),
    )
    preset = SimpleNamespace(experiments=("linear", "image", "fusion"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(status, "preset_model", lambda config: config)
        found = status.wanting_photos(course, preset)
    assert found == {"image", "fusion", "navec-tuned", "navec-tuning"}


@pytest.mark.parametrize(
    ("photos", "said"), [(0, "no card has a photo: image"), (3, "fewer than 4 cards have")]
)
def test_no_photos_and_few_are_told_apart(tmp_path, monkeypatch, capsys, photos, said):
    options = contest(tmp_path, stack_light="model: {experiments: [linear, image]}\n")
    cards = pd.DataFrame({"image": ["a.jpg"] * photos + [None] * (9 - photos)})
    monkeypatch.setattr(presets, "load_cards", lambda _: cards)
    monkeypatch.setattr(presets, "like_test", lambda found: (found, 0.0))
    monkeypatch.setattr(presets, "has_photo", lambda found: found.image.notna())
    config = presets.load_preset(options, "mine")
    found = presets.with_possible(Workspace(tmp_path, "mine"), options, config)
    assert found.model.experiments == ("linear",)
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (PriorConfig(family="prior"), "every card gets the most frequent one"),
        (PairPriorConfig(family="pair_prior"), "every pair gets the share of matches"),
    ],
)
def test_who_asks_the_shares_of_the_classes_is_warned(tmp_path, monkeypatch, capsys, model, said):
    monkeypatch.setattr(predictor, "saved_config", lambda *_: SimpleNamespace(model=model))
    predictor.warn_of_shares("stack", [Workspace(tmp_path, "shop")])
    predictor.warn_of_shares("stack-light", [Workspace(tmp_path, "shop/colour")])
    line, light = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: stack is nothing but the shares of the classes: {said}")
    assert line.endswith("; run scripts/run_all.sh shop again with wider limits, or without")
    assert "; run scripts/run_all.sh shop --preset light again with" in light


def test_a_trained_scorer_of_a_catalogue_is_looked_at_before_it_is_asked(tmp_path, monkeypatch, capsys):
    model = PairPriorConfig(family="pair_prior")
    monkeypatch.setattr(predictor, "saved_config", lambda *_: SimpleNamespace(model=model))
    monkeypatch.setattr(pairs, "check_finished", lambda *_: None)
    pairs.trained_scorer(Workspace(tmp_path, "shop"), SimpleNamespace(), "stack")
    assert "nothing but the shares" in capsys.readouterr().err


def test_pairs_are_not_scored_by_models_of_two_trainings(tmp_path, monkeypatch):
    """As where another run trains the experiment while its models are loaded, those it builds on first."""
    training, cards = ["one"], pd.DataFrame({"product_id": [1, 2], "title": ["кружка", "кружка"]})

    def scored(*_: object) -> Predictions:
        training[0] = "another"
        return of_matches(np.arange(1), np.full(1, 0.5))

    monkeypatch.setattr(batches.Asked, "made_of", lambda _: list(training))
    monkeypatch.setattr(pairs, "predict_pairs", scored)
    monkeypatch.setattr(pairs, "check_finished", lambda *_: None)
    monkeypatch.setattr(pairs, "warn_of_shares", lambda *_: None)
    scorer = pairs.trained_scorer(Workspace(tmp_path, "shop"), SimpleNamespace(), "stack")
    with pytest.raises(
        GoodsError, match=r"experiment stack: .* made anew meanwhile; run the same command again"
    ):
        scorer(cards, np.array([0]), np.array([1]))


def test_rows_of_an_id_that_stands_twice_are_its_own():
    with pytest.raises(GoodsError, match=r"id 5 occurs more than once, in 2 rows \(1, 3\);"):
        require_unique(pd.Series([4, 5, 6, 5, 4]), "id", Path("cards.csv"))
    with pytest.raises(GoodsError, match=r"once, in 1,200 rows \(0, 1, 2, 3, 4, …\);"):
        require_unique(pd.Series([5] * 1200), "id", Path("cards.csv"))
