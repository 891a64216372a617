"""Metrics of scored pairs against hand-worked curves and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, precision_recall_curve

from goods.metrics.evaluation import pair_metric
from goods.metrics.pairs import PAIR_METRICS, best_f1, curve, masked_area, prefix_area, recall_at

# best first: hit, miss, miss, hit … → precision 1, 1/2, 1/3, 2/4, 3/5, 4/6, 5/7 at recall .2 .2 .2 .4 .6 .8 1
SCORES = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
DIP = np.array([1, 0, 0, 1, 1, 1, 1])
# hit, miss, hit, hit, hit, miss → precision 1, .5, 2/3, .75, .8, 4/6 at recall .25 .25 .5 .75 1 1
BACK = np.array([1, 0, 1, 1, 1, 0])


def test_prefix_area_ends_at_the_last_good_point():
    # only (0, 1) and (.2, 1) reach 0.75: area .2
    assert prefix_area(DIP, SCORES) == pytest.approx(0.2)


def test_prefix_area_counts_the_dip_before_the_last_good_point_and_the_mask_does_not():
    recall = [0, 0.25, 0.25, 0.5, 0.75, 1]
    precision = [1, 1, 0.5, 2 / 3, 0.75, 0.8]
    assert prefix_area(BACK, SCORES[:6]) == pytest.approx(auc(recall, precision))
    # (0, 1) (.25, 1) (.75, .75) (1, .8): .25 + .5 · .875 + .25 · .775
    assert masked_area(BACK, SCORES[:6]) == pytest.approx(0.25 + 0.4375 + 0.19375)


@pytest.mark.parametrize("area", [prefix_area, masked_area])
def test_areas_are_zero_without_matches_or_without_a_good_point(area):
    assert area(np.zeros(4, int), np.arange(4.0)) == 0
    assert area(np.array([0, 0, 0, 1]), np.array([0.9, 0.8, 0.7, 0.1])) == 0


@pytest.mark.parametrize("area", [prefix_area, masked_area])
def test_tied_scores_are_one_point(area):
    # one threshold, precision 1/2 < 0.75; then precision 3/4
    assert area(np.array([1, 0]), np.array([0.5, 0.5])) == 0
    tied = area(np.array([1, 1, 1, 0]), np.full(4, 0.5))
    assert tied == pytest.approx((1 + 0.75) / 2)  # from (0, 1) straight to (1, 0.75)


def test_a_perfect_ranking_scores_one_everywhere():
    target, category = np.array([1, 1, 0, 0] * 2), np.array(["a"] * 4 + ["b"] * 4)
    scores = np.tile([0.9, 0.8, 0.2, 0.1], 2)
    assert {m.name: m.score(target, scores, category) for m in PAIR_METRICS} == pytest.approx(
        dict.fromkeys((m.name for m in PAIR_METRICS), 1.0)
    )


def test_categories_weigh_the_same_or_by_their_pairs():
    # category a: perfect, 2 pairs; b: no match at all, 6 pairs
    target, scores = np.array([1, 0] + [0] * 6), np.array([0.9, 0.1, *np.linspace(0.2, 0.8, 6)])
    category = np.array(["a"] * 2 + ["b"] * 6)
    for kind in ("prefix", "masked"):
        assert pair_metric(f"pr_auc_{kind}").score(target, scores, category) == pytest.approx(0.5)
        assert pair_metric(f"pr_auc_{kind}_weighted").score(target, scores, category) == pytest.approx(0.25)


def test_best_f1_names_its_threshold_and_recall_its_level():
    f1, threshold = best_f1(BACK, SCORES[:6])
    assert (f1, threshold) == (pytest.approx(2 * 0.8 / 1.8), 0.5)
    assert recall_at(BACK, SCORES[:6]) == 1.0
    assert recall_at(DIP, SCORES) == pytest.approx(0.2)
    assert best_f1(np.zeros(3, int), np.arange(3.0)) == (0.0, float("inf"))


pairs = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40).filter(
    lambda rows: any(hit for hit, _ in rows)
)


def counted(rows: list[tuple[bool, int]]) -> tuple[np.ndarray, np.ndarray]:
    """(recall, precision) of every threshold by counting, from (0, 1)."""
    points = [(0.0, 1.0)]
    total = sum(hit for hit, _ in rows)
    for threshold in sorted({score for _, score in rows}, reverse=True):
        kept = [hit for hit, score in rows if score >= threshold]
        points.append((sum(kept) / total, sum(kept) / len(kept)))
    return np.array([r for r, _ in points]), np.array([p for _, p in points])


@given(pairs)
@settings(deadline=None)
def test_areas_agree_with_counting_and_with_scikit_learn(rows):
    target, scores = np.array([hit for hit, _ in rows], int), np.array([s for _, s in rows], float)
    recall, precision = counted(rows)
    found = curve(target, scores)
    np.testing.assert_allclose(found, (recall, precision))
    theirs = precision_recall_curve(target, scores)
    assert prefix_area(target, scores, level=0.0) == pytest.approx(auc(theirs[1], theirs[0]))
    assert masked_area(target, scores, level=0.0) == pytest.approx(auc(theirs[1], theirs[0]))
    good = np.flatnonzero(precision >= 0.75)
    last = good[-1] + 1
    assert prefix_area(target, scores) == pytest.approx(
        auc(recall[:last], precision[:last]) if last > 1 else 0
    )
    assert masked_area(target, scores) == pytest.approx(auc(recall[good], precision[good]) if last > 1 else 0)


@given(pairs, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_scores_count_only_by_their_order(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    target, scores = np.array([hit for hit, _ in rows], int), np.array([s for _, s in rows], float)
    for area in (prefix_area, masked_area):
        assert area(target, scores) == pytest.approx(area(target[order], np.exp(scores[order])))
