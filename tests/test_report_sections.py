"""The sections of a report of cards, on answers made by hand."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from browser import BROWSER, shown
from conftest import ROOT
from sklearn.metrics import f1_score

from goods.cards.labels import Labels
from goods.config.loading import load_experiment
from goods.core.predictions import Predictions
from goods.report.card_page import all_errors
from goods.report.classes import class_rows, size_rows
from goods.report.confusion import branch_maps, distance_rows, frequent_confusions
from goods.report.curves import reliability_plots
from goods.report.drift import drift_of
from goods.report.gallery import RARE, SIBLINGS, SURE, chosen_errors, contrast
from goods.report.judged import Judged
from goods.report.leave_one_out import left_out_rows
from goods.report.pool_shares import shares_of
from goods.report.reasons import Explained, Reason
from goods.report.slices import agreement_rows, slice_rows
from goods.report.stage import write_report
from goods.report.suspects import suspected_labels
from goods.train.stage import train

# a root with A (leaves 0, 1) and B (leaves 2, 3)
LABELS = Labels(
    [10, 11, 20, 21],
    [("A", "a0"), ("A", "a1"), ("B", "b0"), ("B", "b1")],
    [("1", "10"), ("1", "11"), ("2", "20"), ("2", "21")],
)


def cards_of(n: int, **columns) -> pd.DataFrame:
    filled = {name: [""] * n for name in ("title", "description", "attributes", "shop")}
    given = {"product_id": np.arange(n) + 100, "image": [None] * n, "fold": np.arange(n) % 2, **columns}
    return pd.DataFrame(filled | given)


def judged_of(target: list[int], predicted: list[int], sure: list[float], **columns) -> Judged:
    n = len(target)
    order = np.array([[p, *(c for c in range(4) if c != p)] for p in predicted], np.int32)
    proba = np.array([[s, *[(1 - s) / 3] * 3] for s in sure], np.float32)
    cards = cards_of(n, target=target, **columns)
    report = {"metric": "accuracy", "tuned_on": []}
    oof = Predictions(cards.product_id.to_numpy(), order, proba)
    return Judged("x", cards, cards.head(0), LABELS, report, oof, np.bincount(target, minlength=4))


def test_classes_are_scored_as_scikit_learn_does():
    rng = np.random.default_rng(0)
    target, predicted = rng.integers(0, 4, 60).tolist(), rng.integers(0, 4, 60).tolist()
    rows = class_rows(judged_of(target, predicted, [0.9] * 60))
    assert [row["f1"] for row in rows] == pytest.approx(f1_score(target, predicted, average=None))
    assert sum(row["wrong"] for row in rows) == (np.array(target) != predicted).sum()


def test_classes_are_grouped_by_their_train_cards():
    judged = judged_of([0] * 6 + [1] * 3 + [2], [0] * 6 + [1] * 3 + [0], [0.9] * 10)
    found = {row["name"]: row for row in size_rows(judged)}
    assert {name: row["classes"] for name, row in found.items()} == {"1": 1, "2–5": 1, "6–20": 1}
    assert found["1"]["accuracy"] == 0 and found["2–5"]["macro_f1"] == 1


def test_errors_are_near_or_far_and_drawn_where_paths_part():
    judged = judged_of([0, 0, 0, 2, 1], [1, 1, 2, 3, 1], [0.9] * 5)
    assert [(d["cards"], d["name"][:7]) for d in distance_rows(judged)] == [(3, "sibling"), (1, "cousin:")]
    assert frequent_confusions(judged)[0] == ("A → a0", "A → a1", 2)
    captions = [caption for caption, _ in branch_maps(judged)]
    expected = ["A: 2 errors among its children", "B: 1 error among its children"]
    assert captions[0] == expected[0]
    assert sorted(captions) == sorted([*expected, "the root: 1 error among its children"])


@pytest.mark.usefixtures("pictures")
def test_legends_are_in_the_colour_of_the_page():
    both = {when: {"reliability": [[0.2, 0.3, 5], [0.8, 0.7, 5]]} for when in ("before", "after")}
    [(_, drawn)] = reliability_plots({"linear": both})
    [before] = re.findall(r"<text[^>]*>before</text>", drawn)
    assert "currentColor" in before


def test_every_error_is_listed_the_surest_first():
    listed = all_errors(judged_of([0, 1, 2], [0, 2, 3], [0.9, 0.6, 0.8]))
    assert listed.product_id.tolist() == [102, 101]
    assert listed.true_id.tolist() == [20, 11] and listed.submitted_id.tolist() == [21, 20]


def test_the_gallery_has_the_surest_and_then_siblings_and_rare_classes(monkeypatch):
    monkeypatch.setattr("goods.report.gallery.SHOWN", {SURE: 1, SIBLINGS: 1, RARE: 1})
    target = [0] * 8 + [3]
    predicted = [2, 1, 1, 0, 0, 0, 0, 0, 0]
    chosen = chosen_errors(judged_of(target, predicted, [0.9, 0.8, 0.7, 0.9, 0.9, 0.9, 0.9, 0.9, 0.3]))
    assert chosen == {0: SURE, 1: SIBLINGS, 8: RARE}


def test_reasons_are_those_for_the_wrong_class_against_the_true_one():
    wrong = Explained("w", 0.7, 0.0, [Reason("shop", 1.0, 0.5), Reason("title", 2.0, 0.4)])
    true = Explained("t", 0.2, 0.0, [Reason("shop", 1.0, 0.45), Reason("title", 0.0, -0.3)])
    reasons = contrast([wrong, true], "w", "t")
    assert [name for name, _ in reasons] == ["title", "shop"]
    assert reasons[0][1] == pytest.approx(0.7)


def test_planted_wrong_labels_are_suspected():
    rng = np.random.default_rng(1)
    truth = np.repeat([0, 1, 2, 3], 50)
    given = truth.copy()
    planted = rng.choice(200, 8, replace=False)
    given[planted] = (truth[planted] + 1) % 4
    judged = judged_of(given.tolist(), truth.tolist(), [0.9] * 200)
    assert set(suspected_labels(judged).product_id) == set(planted + 100)
    clean = judged_of(truth.tolist(), truth.tolist(), [0.9] * 200)
    assert suspected_labels(clean).empty


def test_slices_are_compared_with_the_other_cards():
    titles = ["short"] * 10 + ["a title of a dozen words that goes on and on and on"] * 10
    judged = judged_of([0] * 20, [0] * 5 + [1] * 5 + [0] * 10, [0.9] * 20, title=titles)
    found = {row["name"]: row for row in slice_rows(judged)}
    assert (
        found["title of at most 3 words"]["accuracy"] == 0.5
        and found["title of at most 3 words"]["rest"] == 1
    )
    assert found["title of at most 3 words"]["errors"] == 1 and "with a photo" not in found


def test_drift_tells_planted_words_and_nothing_where_both_are_alike():
    rng = np.random.default_rng(0)
    words = np.array(["cup", "plate", "knife", "shirt", "dress", "sock"])
    titles = [" ".join(rng.choice(words, 3)) for _ in range(400)]
    alike = drift_of(cards_of(200, title=titles[:200]), cards_of(200, title=titles[200:]))
    assert alike is not None and 0.4 < alike.auc < 0.6
    sales = [f"{title} sale2026" for title in titles[200:]]
    apart = drift_of(cards_of(200, title=titles[:200]), cards_of(200, title=sales))
    assert apart is not None and apart.auc > 0.99 and apart.test_words[0] == "sale2026"
    assert drift_of(cards_of(5), cards_of(200)) is None


def test_words_that_tell_a_split_are_told_without_their_punctuation():
    words = [f"кружка {i}" for i in range(200)]
    listed = [f"{title}, скидка; 0.5 — (новинка)." for title in words]
    found = drift_of(cards_of(200, title=words), cards_of(200, title=listed))
    assert {"скидка", "0.5", "новинка"} <= set(found.test_words)
    assert not any(word.strip(",;.()—") != word for word in found.test_words + found.train_words)


def test_what_an_experiment_adds_is_what_the_pool_loses_without_it(ws, tmp_path):
    n = 400
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, n)
    guess = rng.integers(0, 4, n)
    judged = judged_of(target.tolist(), target.tolist(), [0.9] * n)
    for name, said in (("good", np.where(rng.random(n) < 0.9, target, guess)), ("noise", guess)):
        order = np.array([[p, *(c for c in range(4) if c != p)] for p in said], np.int32)
        proba = np.tile(np.array([0.7, 0.1, 0.1, 0.1], np.float32), (n, 1))
        Predictions(judged.cards.product_id.to_numpy(), order, proba).save(ws.run(name).oof)
    rows = {row["name"]: row for row in left_out_rows(ws, judged, ["good", "noise"])}
    assert rows["good"]["adds"] > 0.4 and abs(rows["noise"]["adds"]) < 0.05
    agreement = agreement_rows(ws, judged, ["good", "noise"])
    assert sum(row["cards"] for row in agreement) == n and agreement[0]["agree"] == 2


def test_shares_of_a_pool_sum_to_one():
    assert shares_of(np.array([1.5, 0.5])).tolist() == [0.75, 0.25]
    assert shares_of(np.zeros(4)).tolist() == [0.25] * 4


def test_a_single_experiment_has_a_report_and_it_is_not_made_twice(ws, competition, tmp_path):
    config = load_experiment(ROOT / "configs" / "kazanexpress2023" / "linear.yaml")
    train(ws, competition, config)
    path = write_report(ws, competition, config, tmp_path)
    html = path.read_text(encoding="utf-8")
    assert path.name == "report-linear.html" and "report-linear" not in html
    assert re.search(r"\d\.\d{4}\)\.\n[A-Z]", html)  # what the metric is, a sentence of its own
    written = path.stat().st_mtime_ns
    assert write_report(ws, competition, config, tmp_path) == path
    assert path.stat().st_mtime_ns == written
    path.with_name("linear-errors.csv").unlink()
    write_report(ws, competition, config, tmp_path)
    assert path.with_name("linear-errors.csv").is_file()


WATCH = """<script>
const problems = [];
addEventListener("error", (event) => problems.push(event.message));
addEventListener("load", () => {
  const table = document.getElementById("class-table");
  const f1 = () => [...table.tBodies[0].rows].map((row) => parseFloat(row.cells[3].textContent));
  table.tHead.rows[0].cells[3].querySelector("button").click();
  const falling = f1();
  const search = document.querySelector('[data-filter="class-table"]');
  search.value = table.tBodies[0].rows[0].cells[0].textContent;
  search.dispatchEvent(new Event("input"));
  document.documentElement.dataset.seen = JSON.stringify({
    problems, width: document.documentElement.scrollWidth - innerWidth,
    falling: falling.every((value, i) => !i || value <= falling[i - 1]),
    shown: [...table.tBodies[0].rows].filter((row) => !row.hidden).length,
    drawn: Math.min(...[...document.querySelectorAll("main > figure svg")].map((svg) => svg.clientWidth)),
    outside: performance.getEntriesByType("resource").filter((entry) => !entry.name.startsWith("data:")).length,
  });
});
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium to open the page with")
@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("width", [400, 1280])
def test_a_browser_shows_the_page_without_errors_or_overflow_and_sorts_its_tables(
    ws, competition, tmp_path, width
):
    config = load_experiment(ROOT / "configs" / "kazanexpress2023" / "linear.yaml")
    train(ws, competition, config)
    html = write_report(ws, competition, config, tmp_path).read_text(encoding="utf-8")
    seen = shown(html, WATCH, tmp_path, width)
    assert seen["problems"] == [] and seen["outside"] == 0
    assert seen["width"] <= 0
    assert seen["drawn"] >= 480  # letters of 10 pixels
    assert seen["falling"] and seen["shown"] == 1
