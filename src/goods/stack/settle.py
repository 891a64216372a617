"""Temperature and decoding of a method's predictions, each fold's learned on the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from goods.cards.labels import Labels
from goods.core.calibration import fit_temperature
from goods.core.predictions import Predictions
from goods.stack.decoding import chosen_first, decode, fit_decoding
from goods.stack.level import Level

TEMPERATURES = (0.5, 2.0)


@dataclass(frozen=True)
class Settled:
    """A method's out-of-fold predictions, calibrated, the class to submit first; and what new cards need."""

    predictions: Predictions
    temperature: float
    decoding: dict[str, Any]


def settle(level: Level, raw: Predictions, decoder: str) -> Settled:
    """Temperature and decoding of each fold are fitted on the others; those for new cards on all."""
    classes, proba = raw.classes.copy(), raw.proba.copy()
    for k in np.unique(level.fold):
        here = level.fold == k
        temperature, decoding = fit_settings(level, raw, ~here, decoder)
        done = finished(rows_of(raw, here), level.labels, temperature, decoding)
        classes[here], proba[here] = done.classes, done.proba
    return Settled(
        Predictions(raw.product_id, classes, proba),
        *fit_settings(level, raw, np.ones(len(classes), bool), decoder),
    )


def fit_settings(
    level: Level, raw: Predictions, rows: np.ndarray, decoder: str
) -> tuple[float, dict[str, Any]]:
    """Temperature and decoding learned from the cards `rows` bool [n]."""
    known, target = rows_of(raw, rows), level.target[rows]
    is_target = known.classes == target[:, None]
    found = is_target.any(1)
    with np.errstate(divide="ignore"):
        logits = np.log(known.proba[found])
    # a stack that is always right would ask for none: what is left of its doubt is kept
    temperature = float(np.clip(fit_temperature(logits, is_target[found].argmax(1)), *TEMPERATURES))
    warmed = tempered(known, temperature)
    return temperature, fit_decoding(decoder, warmed, target, level.labels, level.metric)


def rows_of(predictions: Predictions, rows: np.ndarray) -> Predictions:
    return Predictions(predictions.product_id[rows], predictions.classes[rows], predictions.proba[rows])


def tempered(predictions: Predictions, temperature: float) -> Predictions:
    """Probabilities to the power 1 / temperature, 1 per card again."""
    from scipy.special import softmax

    with np.errstate(divide="ignore"):
        return replace(
            predictions, proba=softmax(np.log(predictions.proba) / np.float32(temperature), axis=1)
        )


def finished(raw: Predictions, labels: Labels, temperature: float, decoding: dict[str, Any]) -> Predictions:
    """Calibrated, with the class to submit in the first column."""
    warmed = tempered(raw, temperature)
    return chosen_first(warmed, decode(warmed, labels, decoding))
