"""Predictions by hand, base models of the tiny shop, and the level of a stack over them."""

from __future__ import annotations

import numpy as np
from conftest import ROOT

from goods.cards.labels import Labels
from goods.config.loading import load_experiment
from goods.core.predictions import Predictions
from goods.stack.candidates import make_candidates
from goods.stack.level import make_level
from goods.stack.ranked import to_predictions
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"


def predictions(classes, proba):
    return Predictions(np.arange(len(classes)), np.array(classes, np.int32), np.array(proba, np.float32))


ONE = predictions([[0, 1], [2, 0]], [[0.9, 0.1], [0.5, 0.4]])
TWO = predictions([[1, 0], [2, 3]], [[0.6, 0.3], [0.8, 0.1]])


def pairs(table):
    return list(zip(table.card.tolist(), table.cls.tolist(), strict=True))


def everything(n, n_classes):
    """A table of all classes for each of n cards."""
    proba = np.full((n, n_classes), 1 / n_classes)
    return make_candidates([predictions(np.tile(np.arange(n_classes), (n, 1)), proba)], n_classes, 0)


STACK = ["model.experiments=[linear,fasttext]", "model.iterations=40"]


def train_base(ws, competition):
    for name in ("linear", "fasttext"):
        train(ws, competition, load_experiment(CONFIGS / f"{name}.yaml", fast(name)))


def fast(name):
    return ["model.epochs=15", "model.dim=16", "model.buckets=2000"] if name == "fasttext" else []


def noisy_level(ws, competition):
    """A stack's level over trained base models, and noisy predictions of its cards."""
    level = make_level(ws, competition, load_experiment(CONFIGS / "stack.yaml", STACK))
    rng = np.random.default_rng(0)
    table = level.table
    value = np.exp(table.log_proba[:, 0]) * rng.random(len(table.card))
    return level, to_predictions(table, value, level.train, level.labels)


LABELS = Labels(
    [1, 2, 3],
    [("Дом", "Самовары"), ("Дом", "Ножи"), ("Одежда", "Платья")],
    [("10", "1"), ("10", "2"), ("20", "3")],
)
