"""What is kept between runs goes with the content of weights, with texts and photos, and with the code that made it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from artifact_corpus import damage
from conftest import competition_config
from toy_models import (
    joint_config,
    navec_config,
    photo_config,
    scratch_config,
    toy_cards,
    toy_context,
    toy_photos,
    trainer,
)

from goods.cards.images import ImageStore
from goods.cards.tokens import tokenized
from goods.config.experiment import ExperimentConfig
from goods.core import code
from goods.models.base import Context
from goods.models.image.image_model import ImageModel, photo_refs
from goods.models.image.photo_pixels import pixels
from goods.models.joint.contrastive_model import ContrastiveModel
from goods.models.text.transformer import MlmConfig
from goods.models.text.transformer_model import TransformerModel
from goods.train.stage import train

MLM = MlmConfig(epochs=1, batch_size=16)


def text_weights(folder: Path, seed: int = 0) -> str:
    """A Hugging Face folder of a small encoder."""
    torch.manual_seed(seed)
    from goods.models.text.scratch_encoder import scratch_encoder

    encoder = scratch_encoder(toy_cards().title.tolist(), scratch_config())
    encoder.tokenizer.save_pretrained(folder)
    encoder.net.save_pretrained(folder)
    return str(folder)


def photo_weights(file: Path) -> str:
    """A timm checkpoint of a small backbone."""
    import timm

    torch.manual_seed(0)
    torch.save(timm.create_model("resnet10t", num_classes=0).state_dict(), file)
    return str(file)


@pytest.fixture
def edited(monkeypatch):
    """Call with a module's name: its source reads otherwise from then on."""
    source = code._source
    changed: set[str] = set()

    def forget() -> None:
        code.code_hash.cache_clear()

    monkeypatch.setattr(code, "_source", lambda name: source(name) + ("#" if name in changed else ""))

    def edit(module: str) -> None:
        changed.add(module)
        forget()

    yield edit
    forget()


def files(context: Context) -> set[str]:
    """Caches by name; folders hold what is replaced in place, so they go with when they were done."""
    return {
        f"{p.parent.name}/{p.name} {p.stat().st_mtime_ns}"
        for p in context.cache.rglob("*")
        if p.suffix == ".npz" or p.name == "DONE"
    }


def test_an_edited_lemmatiser_makes_new_tokens(tmp_path, monkeypatch, edited):
    texts = ["красные платья"]
    assert tokenized(texts, "title", "pymorphy3", tmp_path, store=True)[1] == ["красный", "платье"]
    monkeypatch.setattr("goods.cards.tokens.lemmatize", lambda chunk, name: [["иначе"] for _ in chunk])
    assert tokenized(texts, "title", "pymorphy3", tmp_path)[1] == ["красный", "платье"]
    edited("goods.cards.lemmas")
    assert tokenized(texts, "title", "pymorphy3", tmp_path)[1] == ["иначе"]


def warmed(context: Context, kind: str, weights: str, cards) -> set[str]:
    """What is in the cache once a model with local weights has filled it."""
    if kind == "photo":
        ImageModel(photo_config(backbone="resnet10t", weights=weights), context).warm(cards)
    elif kind == "text and photo":
        short = trainer(epochs=1, batch_size=32)
        text = scratch_config(weights=weights).model_dump()
        ContrastiveModel(joint_config(text=text, pretrain=short), context).warm(cards)
    else:
        mlm = MLM if kind == "adapted" else None
        TransformerModel(scratch_config(weights=weights, frozen=True, mlm=mlm), context).warm(cards)
    return files(context)


KINDS = {
    "frozen": "goods.models.text.sentences",
    "adapted": "goods.models.text.mlm",
    "photo": "goods.models.image.backbone",
    "text and photo": "goods.models.joint.contrastive_network",
}


@pytest.mark.parametrize("kind", KINDS)
def test_caches_go_with_the_content_of_weights_and_the_code(tmp_path, edited, kind):
    cards = toy_photos(tmp_path, toy_cards(48))
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    make = photo_weights if kind == "photo" else text_weights
    first, second = tmp_path / "a", tmp_path / "b"
    before = warmed(context, kind, make(first), cards)
    assert before
    first.rename(second)
    assert warmed(context, kind, str(second), cards) == before  # moved: nothing is made again
    changed = second if kind == "photo" else second / "config.json"
    state = torch.load(second, weights_only=True) if kind == "photo" else None
    if state is None:
        changed.write_text(changed.read_text() + "\n")
    else:
        torch.save({name: value * 2 for name, value in state.items()}, second)
    other = warmed(context, kind, str(second), cards)
    assert other - before  # new bytes
    edited(KINDS[kind])
    assert warmed(context, kind, str(second), cards) - other


@pytest.mark.parametrize(
    "kind",
    [k for k in KINDS if k != "text and photo"] + [pytest.param("text and photo", marks=pytest.mark.slow)],
)
def test_damaged_caches_are_made_again(tmp_path, kind):
    cards = toy_photos(tmp_path, toy_cards(48))
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    weights = (photo_weights if kind == "photo" else text_weights)(tmp_path / "weights")
    warmed(context, kind, weights, cards)

    def contents() -> dict[Path, bytes]:
        found = (p for p in context.cache.rglob("*") if p.is_file() and "logs" not in p.parts)
        return {p: p.read_bytes() for p in found if p.name != "STARTED" and p.suffix != ".lock"}

    whole = contents()
    assert whole
    for path in whole:
        for how in ("deleted", "halved", "flipped"):
            damage(path, how)
            if path.name.startswith(("features-", "card-tokens-")):  # what is made of them would do without
                for made in context.cache.glob("pair-*/DONE"):
                    made.unlink()
            warmed(context, kind, weights, cards)
            assert contents() == whole, (path.name, how)


def test_decoded_photos_go_with_the_code_that_decodes(tmp_path, monkeypatch, edited):
    cards = toy_photos(tmp_path, toy_cards(48))
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    config = photo_config(backbone="small_cnn", weights="scratch", frozen=False)
    ImageModel(config, context).warm(cards)
    made = (context.cache / "pixels-32.npy").stat().st_mtime_ns
    ImageModel(config, context).warm(cards)
    assert (context.cache / "pixels-32.npy").stat().st_mtime_ns == made
    edited("goods.cards.images")
    ImageModel(config, context).warm(cards)
    assert (context.cache / "pixels-32.npy").stat().st_mtime_ns > made


@pytest.mark.parametrize("how", ["deleted", "emptied", "halved", "flipped"])
@pytest.mark.parametrize("file", ["photos", "index"])
def test_damaged_photos_are_decoded_again(tmp_path, file, how):
    refs = photo_refs(toy_photos(tmp_path, toy_cards(48)))
    context = toy_context(tmp_path, images=ImageStore(tmp_path))
    decoded, row = pixels(context, refs, 32, store=True)
    expected = decoded[row].copy()
    files = {("photos" if p.stem == "pixels-32" else "index"): p for p in context.cache.glob("pixels-32*")}
    damage(files[file], how)
    for store in (True, False):
        decoded, row = pixels(context, refs, 32, store)
        np.testing.assert_array_equal(decoded[row], expected)


def test_moved_word_vectors_train_alike(tmp_path):
    from goods.cards.wordvectors import vectors_path

    there, moved = tmp_path / "a.tar", tmp_path / "b.tar"
    there.symlink_to(vectors_path("packaged"))
    config = navec_config(vectors=str(there))
    described = config.described()
    there.rename(moved)
    assert config.changed(vectors=str(moved)).described() == described
    moved.unlink()
    moved.write_bytes(b"others")
    assert config.changed(vectors=str(moved)).described() != described


def test_moved_weights_retrain_nothing_and_new_ones_do(ws, tmp_path, capsys):
    competition = competition_config()

    def run(weights: Path) -> str:
        model = scratch_config(weights=str(weights), frozen=True, trainer=trainer(epochs=1))
        settings = {"name": "frozen", "competition": "kazanexpress2023", "model": model.model_dump()}
        capsys.readouterr()
        train(ws, competition, ExperimentConfig(**settings))
        return capsys.readouterr().err

    text_weights(tmp_path / "a")
    run(tmp_path / "a")
    kept = files(replace(toy_context(tmp_path), cache=ws.cache))
    (tmp_path / "a").rename(tmp_path / "b")
    assert "unchanged" in run(tmp_path / "b")
    assert files(replace(toy_context(tmp_path), cache=ws.cache)) == kept
    text_weights(tmp_path / "b", seed=1)
    first = np.load(ws.run("frozen").oof)["proba"]
    assert "unchanged" not in run(tmp_path / "b")
    assert (np.load(ws.run("frozen").oof)["proba"] != first).any()
