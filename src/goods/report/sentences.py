"""Sentences of a report that say what the numbers beside them show, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from goods.core.wording import count
from goods.train.gather import apart_from_folds

if TYPE_CHECKING:  # it fits a model: pages that are not written again need no scikit-learn
    from goods.report.drift import Drift

# areas under the ROC curve up to which train and test are alike, and somewhat different
ALIKE, APART = 0.6, 0.75
SHIFT = 5e-5  # of a calibration error, which is shown with four digits


def scored_folds(report: dict[str, Any]) -> int:
    """How many folds a score is over: those no study has used."""
    return len(report["folds"]) - len(report["tuned_on"])


def sd_told(report: dict[str, Any]) -> str:
    return f"{report['sd']:.4f}" if scored_folds(report) > 1 else "–"


def spread_told(folds: int) -> str:
    """What ± is, of a score over so many folds."""
    return "standard deviation over folds" if folds > 1 else "of a single fold, which tells no spread"


def apart_told(report: dict[str, Any]) -> str:
    """Why a score is none between those of its folds, in a sentence; empty where it is."""
    told = apart_from_folds(report)
    return told and f" It lies {told}."


def tuned_told(tuned_on: list[int], joined: bool) -> str:
    """Which folds chose parameters and what is scored without them, empty where there are none; `joined`: of a stack,
    some of whose experiments may have been tuned on none."""
    if not tuned_on:
        return ""
    several = len(tuned_on) > 1
    folds = f"{'Folds' if several else 'Fold'} {', '.join(map(str, tuned_on))} chose parameters in a study"
    if joined:
        return f"{folds}: what was tuned on {'them' if several else 'it'}, and the stack, is scored without."
    return f"{folds} and {'are' if several else 'is'} left out of every score here."


def calibration_told(calibration: dict[str, Any]) -> str:
    """Whose calibration error fell and whose rose, of all models of a stack."""
    change = {name: both["after"]["ece"] - both["before"]["ece"] for name, both in calibration.items()}
    fell = [name for name, by in change.items() if by <= -SHIFT]
    rose = [name for name, by in change.items() if by >= SHIFT]
    if not fell and not rose:
        return "It changed no model's error."
    said = [f"fell for {', '.join(fell)}"] if fell else []
    if rose:
        said.append(f"rose for {', '.join(rose)} (by {max(change.values()):.4f} at most)")
    return f"It {' and '.join(said)}."


def bias_told(decoding: dict[str, Any]) -> str:
    """Which bias to rare classes new cards get; empty where the decoder knows none."""
    if "strength" not in decoding:
        return ""
    safe = " and leaves as many cards right" if decoding["method"] == "safe_class_bias" else ""
    if not decoding["strength"]:
        return f"On all folds together no bias to rare classes scores higher{safe}: new cards get the likeliest class."
    return (
        f"On new cards {decoding['strength']} · log(1 + train cards) is taken from a class's log-probability, which "
        f"favours rare classes: on all folds together no other strength scores higher{safe}."
    )


def drift_told(drift: Drift) -> str:
    """What an area under the ROC curve says of scores out of fold."""
    if drift.is_chance:
        return f"no more than chance would tell {count(drift.cards, 'card')} of each apart"
    if drift.auc < ALIKE:
        return "hardly different: their words say nothing against scores out of fold"
    if drift.auc < APART:
        return "somewhat different: scores on test may differ more than the spread over folds"
    return "test is another mix of cards: scores out of fold need not hold"


def cleanup_told(cleanup: dict[str, Any], metric: str) -> str:
    """What agreement among the pairs did to their scores; `cleanup` as matching/cleanup.py reports it."""
    strength = cleanup["strength"]
    scores = "; ".join(f"{name}: {score:.4f}" for name, score in cleanup["scores"].items())
    by_fold = ", ".join(map(strength_told, cleanup["strength_by_fold"]))
    where = (
        "The products are of two catalogues: to the rivals of its left and its right product"
        if cleanup["two_catalogues"]
        else "Where a third product matches one of both,"
    )
    parts = strength if isinstance(strength, list | tuple) else [strength]
    by = f"gives way by {strength_told(strength)}" if any(parts) else "does not give way, which scores best"
    changed = count(cleanup["test_pairs_changed"], "test pair")
    return f"{where} the score {by} (folds: {by_fold}); {metric} by strength: {scores}. {changed} changed."


def strength_told(strength: Any) -> str:
    return " / ".join(map(str, strength)) if isinstance(strength, list | tuple) else str(strength)


def agreement_told(rows: list[dict[str, Any]], experiments: int) -> str:
    """How right the answer is where all experiments say the same and where they do not; `rows` as `agreement_rows`."""
    apart = [row for row in rows if row["agree"] < experiments]
    if not apart or len(apart) == len(rows):
        return ""
    cards = sum(row["cards"] for row in apart)
    right = sum(row["accuracy"] * row["cards"] for row in apart) / cards
    all_right = next(row["accuracy"] for row in rows if row["agree"] == experiments)
    return (
        f"Where all experiments say what is submitted, {100 * all_right:.1f} % of the cards are right; where some do "
        f"not ({count(cards, 'card')}), {100 * right:.1f} %."
    )


def suspects_told(suspects: int, class_sizes: list[int], fewest: int) -> str:
    """How many train cards look mislabelled, or why nothing can be said."""
    if not any(size >= fewest for size in class_sizes):
        return f"No class has {fewest} train cards, fewer than which are too few to doubt a label."
    told = count(suspects, "train card looks", "train cards look") if suspects else "No train card looks"
    left_out = f"; classes of fewer than {fewest} cards are left out" if min(class_sizes) < fewest else ""
    return f"{told} mislabelled (confident learning on out-of-fold probabilities{left_out})."
