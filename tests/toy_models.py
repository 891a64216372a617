"""Cards of a toy shop, and the smallest models of every family over them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from goods.cards.labels import Labels
from goods.config.trainer import TrainerConfig
from goods.models.base import Context, Upstream
from goods.models.image.image import ImageConfig
from goods.models.joint.contrastive import ContrastiveConfig
from goods.models.joint.knn import KnnConfig
from goods.models.network import Network
from goods.models.neural import NeuralModel
from goods.models.text.navec import NavecConfig
from goods.models.text.transformer import MlmConfig, TransformerConfig
from goods.models.weights import EpochCheckpoint

KINDS = ("молоко", "хлеб", "чай", "мыло")
MAKERS = ("Ромашка", "Василёк", "Acme", "Север")
FIELDS = {"title": 8, "shop": 2, "attributes": 8, "description": 8}


def toy_cards(n: int = 160, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    target = np.arange(n) % len(KINDS)
    return pd.DataFrame(
        {
            "product_id": np.arange(n) + 1000 * (seed + 1),
            "split": "train",
            "title": [f"{KINDS[t]} {MAKERS[random.integers(4)]} {random.integers(1, 900)} г" for t in target],
            "description": ["" if i % 3 else f"вкусно и полезно {i}" for i in range(n)],
            "attributes": [f"цвет: {'белый' if t % 2 else 'серый'}" for t in target],
            "shop": [MAKERS[random.integers(4)] for _ in target],
            "sale": False,
            "image": None,
            "target": target.astype(np.int32),
        }
    )


def toy_context(tmp_path: Path, **changes) -> Context:
    labels = Labels(list(range(4)), [(k,) for k in KINDS], [(k,) for k in KINDS])
    return replace(Context(labels, scratch=tmp_path / "scratch", cache=tmp_path / "cache"), **changes)


def trainer(**changes) -> TrainerConfig:
    return TrainerConfig(**({"epochs": 4, "batch_size": 16, "lr": 0.005} | changes))


def navec_config(**changes) -> NavecConfig:
    small = {"subword_buckets": 500, "width": 16, "hidden": 32, "fields": FIELDS, "trainer": trainer()}
    return NavecConfig(family="navec", **(small | changes))


def scratch_config(**changes) -> TransformerConfig:
    small = {"scratch_vocab": 200, "scratch_layers": 1, "scratch_width": 24, "max_tokens": 32}
    settings = {"family": "transformer", "weights": "scratch", "trainer": trainer(epochs=10)}
    return TransformerConfig(**(settings | small | changes))


@contextmanager
def killed_after(monkeypatch: pytest.MonkeyPatch, epoch: int) -> Iterator[None]:
    """A fit dies with KeyError once the checkpoint of `epoch` is written."""
    saved = EpochCheckpoint.on_train_epoch_end

    def killed(self, trainer, pl_module):
        saved(self, trainer, pl_module)
        if trainer.current_epoch == epoch:
            raise KeyError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(EpochCheckpoint, "on_train_epoch_end", killed)
        yield


def accuracy(model: NeuralModel, cards: pd.DataFrame) -> float:
    proba = model.predict(cards)
    assert proba.dtype == np.float32 and proba.shape == (len(cards), len(KINDS))
    np.testing.assert_allclose(proba.sum(1), 1, atol=1e-5)
    return float((proba.argmax(1) == cards.target).mean())


def toy_photos(folder: Path, cards: pd.DataFrame) -> pd.DataFrame:
    """Two cards of sixteen stay without a photo; the others' colour tells the class."""
    random, refs = np.random.default_rng(0), []
    colours = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30]])
    (folder / "images" / "train").mkdir(parents=True, exist_ok=True)
    for row in cards.itertuples():
        ref = f"images/train/{row.product_id}.jpg"
        pixels = colours[row.target] + random.integers(-25, 25, (32, 32, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / ref)
        refs.append(None if row.product_id % 16 in (3, 4) else ref)
    return cards.assign(image=refs)


def photo_config(**changes) -> ImageConfig:
    settings = {
        "family": "image",
        "backbone": "tf_efficientnet_lite0",
        "weights": "packaged",
        "size": 32,
        "hidden": 32,
        "flip_test": False,
        "trainer": trainer(epochs=6, lr=0.003),
    }
    return ImageConfig(**(settings | changes))


def with_trained(context: Context, train: pd.DataFrame, folder: Path, **configs) -> Context:
    """The context with an upstream fold for every config."""
    upstream = {}
    for name, config in configs.items():
        model = config.build(replace(context, scratch=folder / name / "scratch"))
        model.warm(train)
        model.fit(train, None)
        (folder / name).mkdir(exist_ok=True)
        model.save(folder / name)
        upstream[name] = Upstream(config, folder / name, f"key of {name}")
    return replace(context, upstream=upstream)


def knn_config(*experiments: str, **changes) -> KnnConfig:
    sources = [{"experiment": e} for e in experiments]
    return KnnConfig(family="knn", **({"sources": sources, "neighbours": 8} | changes))


def joint_config(**changes) -> ContrastiveConfig:
    settings = {
        "family": "contrastive",
        "text": navec_config(dropout=0.0, word_dropout=0.0).model_dump(),
        "image": photo_config(dropout=0.0).model_dump(),
        "width": 16,
        "chunk": 16,
        "pretrain": trainer(epochs=4, batch_size=32, lr=0.004),
        "trainer": trainer(epochs=6),
        "hidden": 32,
    }
    return ContrastiveConfig(**(settings | changes))


MLM = MlmConfig(epochs=2, batch_size=16, lr=0.002, mask_share=0.3)


class Plain(Network):
    """Logits of a linear layer, with dropout or without."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout, self.last = nn.Dropout(dropout), nn.Linear(6, 3)

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.dropout(batch["vectors"])

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))


def cards_with_columns(n: int = 160, seed: int = 0) -> pd.DataFrame:
    """Cards whose class is told by a number and a category together, and by no text."""
    rng, cards = np.random.default_rng(seed), toy_cards(n, seed)
    number = rng.normal(cards.target // 2 * 4.0, 0.5)
    number[rng.random(n) < 0.05] = np.nan
    return cards.assign(
        title="товар",
        **{"number:price": number, "category:kind": np.where(cards.target % 2, "лёгкий", "тяжёлый")},
    )
