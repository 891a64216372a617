"""Settings of studies: a trial that would fail is refused before any, what goes with other values is not."""

import json

import pytest
from conftest import ROOT

from goods.config.loading import load_experiment
from goods.core.errors import GoodsError

CONFIGS = ROOT / "configs" / "kazanexpress2023"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("space={C: {low: 0, high: 1, log: true}}", "low is 0.*; a log scale begins above 0"),
        ("space={C: {low: -2.0, high: -1.0}}", "tune.space would try C -2.0: expected more than 0"),
        ("space={C: {choices: []}}", r"is \[\], expected 1 item at least"),
        ("space={C: {choices: [1.0, abc]}}", "tune.space would try C 'abc': expected a number"),
        ("space={C: {choices: [1.0, true]}}", "tune.space would try C True: is true, expected a number"),
        ("space={structure: {choices: [tree, bush]}}", "tune.space would try structure 'bush'"),
        ("space={char_min_df: {low: 1.5, high: 2.5}}", "tune.space would try char_min_df 1.5"),
        ("space={fields.title.chars: {choices: [[2, 5], [5, 2]]}}", r"would try fields.title.chars \[5, 2\]"),
        ("space={family: {choices: [linear, fasttext]}}", "tune.space would try family 'fasttext'"),
        ("shares=[0.0, 1.0]", "key 'tune.shares.0': is 0.0, expected more than 0"),
        ("shares=[0.5, 2.0]", "key 'tune.shares.1': is 2.0, expected 1 or less"),
        ("shares=[1.0, 0.3]", "do not grow; write them from the least on"),
        ("folds=[0, 0]", "one stands twice; leave it out"),
    ],
)
def test_a_study_that_would_fail_at_a_trial_is_refused_before_any(setting, message):
    with pytest.raises(GoodsError, match=message):
        load_experiment(CONFIGS / "linear.yaml", [f"tune.{setting}"])


def test_a_study_may_try_what_goes_with_other_tried_values_alone():
    space = {"text.width": {"choices": [192, 198]}, "text.heads": {"choices": [4, 6]}}
    found = load_experiment(CONFIGS / "coca.yaml", [f"tune={{space: {json.dumps(space)}}}"])
    assert found.tune.space["text.width"].choices == (192, 198)
