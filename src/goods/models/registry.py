"""Family name → model class, imported only when used: torch and transformers take seconds to load."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from goods.models.base import Context, Model

LOOP = ("models/neural.py", "models/loop.py", "models/calibration.py")
ENCODER = ("models/encoder.py", "models/hub.py", "models/tokens.py", "models/rowcache.py")
FAMILIES = {
    "linear": ("goods.models.linear", "LinearModel", ("models/linear.py", "models/classtree.py")),
    "fasttext": ("goods.models.fasttext", "FastTextModel", ("models/fasttext.py", "models/calibration.py")),
    "navec": (
        "goods.models.navec",
        "NavecModel",
        ("models/navec.py", "models/tokens.py", "lemmas.py", *LOOP),
    ),
    "transformer": (
        "goods.models.transformer",
        "TransformerModel",
        ("models/transformer.py", *ENCODER, *LOOP),
    ),
    "image": (
        "goods.models.image",
        "ImageModel",
        ("models/image.py", "models/backbone.py", "models/hub.py", "models/rowcache.py", "images.py", *LOOP),
    ),
}
NEURAL = ("navec", "transformer", "image")


def build(config: Any, context: Context) -> Model:
    module, name, _ = FAMILIES[config.family]
    return getattr(import_module(module), name)(config, context)


def sources(family: str) -> tuple[str, ...]:
    """Source files a family's predictions depend on."""
    return FAMILIES[family][2]
