"""Features of a frozen backbone: its own function in fewer passes, the same bytes with any number of threads."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from toy_models import photo_config, toy_cards, toy_context, toy_photos

from goods.cards.images import ImageStore
from goods.models.image import photo_features
from goods.models.image.backbone import Backbone, SmallCnn
from goods.models.image.backbone_weights import load_backbone
from goods.models.image.folding import folded
from goods.models.image.image_model import photo_refs
from goods.models.image.photo_features import ON_CPU, PhotoFeatures


def with_norms_that_count(backbone: Backbone) -> Backbone:
    """Batch norms that are no identity, as trained ones are not."""
    torch.manual_seed(3)
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                values.uniform_(0.5, 1.5)
    return backbone.eval()


def norms(backbone: Backbone) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())


def some_photos(n: int = 3) -> torch.Tensor:
    return torch.randint(
        0, 256, (n, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet10t", "small_cnn", "convnext_atto"])
def test_batch_norms_are_folded_into_the_convolutions_before_them(name):
    config = photo_config(backbone=name, weights="scratch", size=32)
    backbone = with_norms_that_count(load_backbone(config, 0))
    other = folded(backbone, 32)
    assert norms(other) == 0 and (norms(backbone) > 0 or name == "convnext_atto")
    with torch.no_grad():
        expected = backbone.features(some_photos())
        torch.testing.assert_close(other.features(some_photos()), expected, rtol=1e-3, atol=1e-3)


class SeenTwice(SmallCnn):
    """What its first convolution says is also added to what comes of it."""

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        conv, norm, *_ = self.blocks[0]
        seen = conv(x)
        return seen + norm(seen)


class UsedTwice(SmallCnn):
    """Its first convolution and norm see the photo and its mirror image."""

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        conv, norm, *_ = self.blocks[0]
        return norm(conv(x)) + norm(conv(x.flip(3)))


@pytest.mark.parametrize("net", [SeenTwice, UsedTwice])
def test_a_map_that_is_also_seen_without_its_norm_keeps_it_and_so_do_parts_that_are_used_twice(net):
    backbone = with_norms_that_count(Backbone(net()))
    other = folded(backbone, 32)
    with torch.no_grad():
        assert torch.equal(other.features(some_photos()), backbone.features(some_photos()))


def test_features_are_the_same_with_any_number_of_threads(tmp_path):
    cards = toy_photos(tmp_path, toy_cards(8 * ON_CPU))
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    refs, before = photo_refs(cards), torch.get_num_threads()
    assert len(refs) > 2 * ON_CPU
    one, three = (
        PhotoFeatures(photo_config(), replace(context, threads=threads, cache=None)).rows(refs)
        for threads in (1, 3)
    )
    np.testing.assert_array_equal(one, three)
    assert torch.get_num_threads() == before


def test_features_that_were_computed_before_an_interruption_are_kept(tmp_path, monkeypatch):
    cards = toy_photos(tmp_path, toy_cards(8 * ON_CPU))
    context = replace(toy_context(tmp_path, images=ImageStore(tmp_path)), threads=1, cache=tmp_path / "cache")
    refs, loaded = photo_refs(cards), list[str]()
    whole = PhotoFeatures(photo_config(), replace(context, cache=None)).rows(refs)
    load = photo_features.load_arrays

    def ended(store: ImageStore, some: list[str], *rest: int) -> np.ndarray:
        if len(loaded) == 2 * ON_CPU:
            raise KeyboardInterrupt
        loaded.extend(some)
        return load(store, some, *rest)

    monkeypatch.setattr(photo_features, "PAUSE", 0.0)
    monkeypatch.setattr(photo_features, "SHARE", 0)
    monkeypatch.setattr(photo_features, "load_arrays", ended)
    with pytest.raises(KeyboardInterrupt):
        PhotoFeatures(photo_config(), context).rows(refs, store=True)
    monkeypatch.setattr(photo_features, "load_arrays", lambda *given: loaded.extend(given[1]) or load(*given))
    np.testing.assert_array_equal(PhotoFeatures(photo_config(), context).rows(refs, store=True), whole)
    assert sorted(loaded) == sorted(set(refs))
    PhotoFeatures(photo_config(), replace(context, cache=tmp_path / "other")).rows(refs, store=True)
    (in_parts,), (at_once,) = ((tmp_path / name).iterdir() for name in ("cache", "other"))
    assert in_parts.read_bytes() == at_once.read_bytes()


def test_a_bar_is_there_before_the_backbone_is_loaded(tmp_path, monkeypatch):
    told = []

    @contextmanager
    def shown(title: str, *_: object) -> Iterator[SimpleNamespace]:
        told.append(title)
        yield SimpleNamespace(update=lambda: told.append("moved"))

    def loading(*args: object, **named: object) -> Backbone:
        told.append("loads")
        return load_backbone(*args, **named)

    cards = toy_photos(tmp_path, toy_cards(8 * ON_CPU))
    monkeypatch.setattr(photo_features, "bar", shown)
    monkeypatch.setattr(photo_features, "load_backbone", loading)
    context = replace(toy_context(tmp_path, images=ImageStore(tmp_path)), cache=None)
    PhotoFeatures(photo_config(), context).rows(photo_refs(cards))
    title = next(i for i, word in enumerate(told) if word.startswith("features ("))
    assert told[title + 1] == "loads" and told.count("moved") > 2


FREED = """
import resource
from goods.core.trimming import keep_freed_memory
keep_freed_memory()
bytearray(b"x") * (12 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    [bytearray(b"x") * (12 << 20) for _ in range(3)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_that_is_freed_is_not_asked_for_again():
    said = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert int(said.stdout) < 2 * 3 * (12 << 20) / 4096  # of eight times as much
