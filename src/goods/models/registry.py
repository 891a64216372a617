"""Family name → model class, imported only when used: torch and transformers take seconds to load."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from goods.matching import FEATURE_CODE
from goods.models.base import Context, Model

LOOP = ("models/neural.py", "models/loop.py", "models/calibration.py")
ENCODER = ("models/encoder.py", "models/hub.py", "models/tokens.py", "models/rowcache.py")
NAVEC = ("models/navec.py", "models/wordvectors.py", "models/tokens.py", "lemmas.py", *LOOP)
TRANSFORMER = ("models/transformer.py", "models/mlm.py", *ENCODER, *LOOP)
PAIR_ENCODER = ("models/pair_encoder.py", *FEATURE_CODE, *TRANSFORMER)
IMAGE = (
    "models/image.py",
    "models/backbone.py",
    "models/hub.py",
    "models/rowcache.py",
    "images.py",
    *LOOP,
)
CONTRASTIVE = ("models/contrastive.py", "models/coca.py", *dict.fromkeys((*NAVEC, *TRANSFORMER, *IMAGE)))
FAMILIES = {
    "linear": ("goods.models.linear", "LinearModel", ("models/linear.py", "models/classtree.py")),
    "fasttext": (
        "goods.models.fasttext",
        "FastTextModel",
        ("models/fasttext.py", "models/calibration.py", "cleaning.py"),
    ),
    "navec": ("goods.models.navec", "NavecModel", NAVEC),
    "transformer": ("goods.models.transformer", "TransformerModel", TRANSFORMER),
    "image": ("goods.models.image", "ImageModel", IMAGE),
    # what their sides and sources depend on comes with the key of the folds they build on
    "fusion": ("goods.models.fusion", "FusionModel", ("models/fusion.py", "models/upstream.py", *LOOP)),
    "contrastive": ("goods.models.contrastive", "ContrastiveModel", CONTRASTIVE),
    "caption": ("goods.models.coca", "CaptionModel", ("models/coca.py", "models/encoder.py", *NAVEC)),
    "pairs": (
        "goods.models.pairs",
        "PairsModel",
        (
            "models/pairs.py",
            "models/calibration.py",
            "matching/cleanup.py",
            "matching/metrics.py",
            *FEATURE_CODE,
        ),
    ),
    "pair_words": (
        "goods.models.pair_words",
        "PairWordsModel",
        ("models/pair_words.py", "models/calibration.py", "models/tokens.py", *FEATURE_CODE),
    ),
    "cross_encoder": (
        "goods.models.cross_encoder",
        "CrossEncoderModel",
        ("models/cross_encoder.py", *PAIR_ENCODER),
    ),
    "bi_encoder": ("goods.models.bi_encoder", "BiEncoderModel", ("models/bi_encoder.py", *PAIR_ENCODER)),
    "knn": ("goods.models.knn", "KnnModel", ("models/knn.py", "models/upstream.py")),
}
PAIRED = ("pairs", "pair_words", "cross_encoder", "bi_encoder")  # of products, not of single cards
ON_GPU = (  # where there is one
    "navec",
    "transformer",
    "image",
    "fusion",
    "contrastive",
    "knn",
    "cross_encoder",
    "bi_encoder",
)


def build(config: Any, context: Context) -> Model:
    module, name, _ = FAMILIES[config.family]
    return getattr(import_module(module), name)(config, context)


def sources(family: str) -> tuple[str, ...]:
    """Source files a family's predictions depend on."""
    return FAMILIES[family][2]
