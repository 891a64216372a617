"""Temperature and decoding of a method's predictions, each fold's learned on the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from goods.cards.labels import Labels
from goods.core.calibration import fit_temperature
from goods.core.predictions import Predictions
from goods.core.workspace import ALL
from goods.stack.decoding import chosen_first, decode, fit_decoding
from goods.stack.level import Level

TEMPERATURES = (0.5, 2.0)


@dataclass(frozen=True)
class Settled:
    """A method's out-of-fold predictions, calibrated, the class to submit first; and what new cards need."""

    predictions: Predictions
    temperature: float
    decoding: dict[str, Any]


def settle(
    level: Level, raw: Predictions, decoder: str, temperatures: dict[int, float] | None = None
) -> Settled:
    """Temperature and decoding of each fold are fitted on the others; those for new cards on all. `temperatures` are
    those of `fit_temperatures`, where they are known."""
    warmth = temperatures or fit_temperatures(level, raw)
    classes, proba = raw.classes.copy(), raw.proba.copy()

    def decoding(k: int) -> dict[str, Any]:
        outside = level.fold != k
        warmed = tempered(raw.take(outside), warmth[k])
        return fit_decoding(decoder, warmed, level.target[outside], level.labels, level.metric)

    for k in np.unique(level.fold).tolist():
        here = level.fold == k
        done = finished(raw.take(here), level.labels, warmth[k], decoding(k))
        classes[here], proba[here] = done.classes, done.proba
    return Settled(Predictions(raw.product_id, classes, proba), warmth[ALL], decoding(ALL))


def fit_temperatures(level: Level, raw: Predictions) -> dict[int, float]:
    """Per fold the temperature fitted on the others; of ALL, that on all cards."""
    is_target = raw.classes == level.target[:, None]
    found, column = is_target.any(1), is_target.argmax(1)
    with np.errstate(divide="ignore"):
        logits = np.log(raw.proba)
    fitted = {}
    for k in (*np.unique(level.fold).tolist(), ALL):
        rows = found & (level.fold != k)
        # a stack that is always right would ask for none: what is left of its doubt is kept
        fitted[k] = float(np.clip(fit_temperature(logits[rows], column[rows]), *TEMPERATURES))
    return fitted


def tempered(predictions: Predictions, temperature: float) -> Predictions:
    """Probabilities to the power 1 / temperature, 1 per card again."""
    from scipy.special import softmax

    with np.errstate(divide="ignore"):
        return replace(
            predictions, proba=softmax(np.log(predictions.proba) / np.float32(temperature), axis=1)
        )


def finished(raw: Predictions, labels: Labels, temperature: float, decoding: dict[str, Any]) -> Predictions:
    """Calibrated, with the class to submit in the first column; what is `left` to other classes is on none of them."""
    warmed = tempered(raw, temperature)
    if "left" in decoding:
        warmed = replace(warmed, proba=warmed.proba * np.float32(1 - decoding["left"]))
    return chosen_first(warmed, decode(warmed, labels, decoding))
