"""Text and photo in one space: the loss, batches in chunks, pretraining without labels, the head."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ROOT, competition_config, write_shop
from pydantic import ValidationError
from toy_models import (
    accuracy,
    joint_config,
    killed_after,
    navec_config,
    photo_config,
    scratch_config,
    toy_cards,
    toy_context,
    trainer,
)

from goods.cards.images import ImageStore
from goods.cards.table import load_cards
from goods.config.loading import load_experiment
from goods.core.artifacts import read_json
from goods.core.done import begin
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions, mean_of
from goods.core.workspace import Workspace
from goods.models.joint.contrastive_model import ContrastiveModel
from goods.models.joint.contrastive_network import ChunkedRows, TextImageNetwork, contrastive_loss
from goods.models.joint.retrieval import retrieval, same_cards
from goods.prepare.folds import make_folds
from goods.prepare.stage import prepare
from goods.train.finished import load_run_models
from goods.train.fold import top_k
from goods.train.stage import train

CONFIGS = ROOT / "configs" / "kazanexpress2023"


@pytest.fixture(scope="module")
def kept(tmp_path_factory, toy_photo_shop):
    """A context of the toy shop whose cache keeps encoders from test to test."""
    folder, (_, shop) = tmp_path_factory.mktemp("kept"), toy_photo_shop
    cache = shutil.copytree(shop / "cache", folder / "cache")
    return toy_context(folder, cache=cache, images=ImageStore(shop))


@pytest.fixture
def pretrained(photos, kept):
    """Call with a config: its encoders, pretrained once for all tests, are in the cache of `photos`, and returned."""
    cards, context = photos

    def take(config):
        source = ContrastiveModel(config, kept)
        source.pretrain(cards)
        shutil.copytree(source.folder, context.cache / source.folder.name, dirs_exist_ok=True)
        return ContrastiveModel(config, context)

    return take


def test_the_loss_of_two_cards_by_hand():
    text = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    image = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    loss = contrastive_loss(text, image, torch.tensor(2.0), torch.tensor([0, 1]))
    similar = 2 * np.array([[0.6, 0.0], [0.8, 1.0]])
    rows = [np.log(np.exp(similar[i]).sum()) - similar[i, i] for i in range(2)]
    columns = [np.log(np.exp(similar[:, i]).sum()) - similar[i, i] for i in range(2)]
    assert float(loss) == pytest.approx((np.mean(rows) + np.mean(columns)) / 2)


def test_cards_of_one_title_are_each_others_positives():
    vectors = torch.nn.functional.normalize(torch.randn(4, 8, generator=torch.manual_seed(0)), dim=1)
    twins = vectors[[0, 0, 2, 3]]
    apart = contrastive_loss(twins, twins, torch.tensor(50.0), torch.tensor([0, 1, 2, 3]))
    together = contrastive_loss(twins, twins, torch.tensor(50.0), torch.tensor([0, 0, 2, 3]))
    # as one card they should be alike, and are: what is left is that the target is spread over two
    assert float(together) == pytest.approx(float(apart), abs=1e-3)
    other = twins.clone()
    other[1] = vectors[1]  # as two cards they are told apart now, as one they should not be
    assert contrastive_loss(other, other, torch.tensor(50.0), torch.tensor([0, 0, 2, 3])) > 5
    assert contrastive_loss(other, other, torch.tensor(50.0), torch.tensor([0, 1, 2, 3])) < 0.1


def test_titles_without_words_are_nobodys():
    cards = toy_cards(4).assign(title=["чай 5 г", "Чай 7 Г", "", "12"])
    same = same_cards(cards)
    assert same[0] == same[1] and len(set(same.tolist())) == 3


def test_chunks_change_memory_and_nothing_else(photos):
    cards, context = photos
    model = ContrastiveModel(joint_config(), context)
    encoders = model.encoders
    encoders.models = {side: encoders.side(side) for side in ("text", "image")}
    for side in encoders.models.values():
        side.prepare(cards)
    torch.manual_seed(0)
    net = TextImageNetwork({side: m.build() for side, m in encoders.models.items()}, 16, 0.07).train()
    rows, config = encoders.rows(cards), joint_config().pretrain
    found = []
    for chunk in (5, 100):
        net.zero_grad()
        loss = net.loss(ChunkedRows(rows, np.arange(len(cards)), chunk).batch(np.arange(24)), config)
        loss.backward()
        found.append(
            (
                float(loss.detach()),
                {n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None},
            )
        )
    (first, grads), (second, whole) = found
    assert first == pytest.approx(second, rel=1e-5)
    assert (
        grads.keys() == whole.keys() and any("text" in n for n in grads) and any("image" in n for n in grads)
    )
    for name, grad in grads.items():
        torch.testing.assert_close(grad, whole[name], rtol=1e-3, atol=1e-5)


def test_retrieval_by_hand():
    text = np.eye(12, dtype=np.float32)
    image = np.roll(text, 1, axis=0)  # card i's photo looks like card i - 1
    image[0] = text[0]
    found = retrieval(np.concatenate([text, image], 1), np.arange(12))
    assert found["text→image R@1"] == pytest.approx(1 / 12, abs=1e-4)
    twins = retrieval(np.concatenate([text, image], 1), np.arange(12) // 2)
    assert twins["text→image R@1"] > found["text→image R@1"]  # the photo of a like-titled card is found
    assert found["image→text R@10"] <= 1


def test_pretraining_brings_text_and_photo_together_and_is_done_once(photos):
    cards, context = photos
    model = ContrastiveModel(
        joint_config(holdout=0.2, pretrain=trainer(epochs=12, batch_size=32, lr=0.003)), context
    )
    report = model.pretrain(cards)
    assert report["cards"] + report["held_out"] == cards.image.notna().sum()
    assert report["after"]["loss"] < report["before"]["loss"]
    assert report["after"]["text→image R@10"] > report["before"]["text→image R@10"]
    vectors = model.vectors(cards)
    again = ContrastiveModel(model.config, context)
    marker = (model.folder / "DONE").stat().st_mtime_ns
    assert again.pretrain(cards) == report
    assert (model.folder / "DONE").stat().st_mtime_ns == marker
    np.testing.assert_allclose(again.vectors(cards), vectors, atol=2e-3)  # float16 in the cache
    width = model.config.width
    np.testing.assert_allclose(np.linalg.norm(vectors[:, :width], axis=1), 1, atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(vectors[:, width:], axis=1), cards.image.notna(), atol=2e-3)


def test_pretraining_reads_no_label(photos, pretrained, tmp_path):
    cards, context = photos
    other = shutil.copytree(context.cache, tmp_path / "other")
    model = ContrastiveModel(joint_config(), replace(context, cache=other))
    model.pretrain(cards.assign(target=np.int32(-1)))
    assert (model.vectors(cards) == pretrained(joint_config()).vectors(cards)).all()


def test_a_killed_pretraining_ends_with_the_same_vectors(photos, pretrained, tmp_path, monkeypatch):
    cards, context = photos
    killed = replace(context, cache=shutil.copytree(context.cache, tmp_path / "killed"))
    whole = pretrained(joint_config())
    with killed_after(monkeypatch, 2), pytest.raises(KeyError):
        ContrastiveModel(joint_config(), killed).pretrain(cards)
    resumed = ContrastiveModel(joint_config(), killed)
    resumed.pretrain(cards)
    assert (resumed.vectors(cards) == whole.vectors(cards)).all()


@pytest.mark.parametrize("text", ["navec", "own vectors", "transformer"])
@pytest.mark.parametrize("tune", [False, True])
def test_the_head_learns_and_comes_back_from_disk(photos, pretrained, tmp_path, tune, text):
    cards, context = photos
    sides = {"navec": navec_config(), "own vectors": navec_config(own_vectors=8)}
    config = joint_config(tune=tune, text=sides.get(text, scratch_config()).model_dump())
    model = pretrained(config)
    model.warm(cards)
    model.fit(cards[:120], cards[120:140])
    assert accuracy(model, cards[140:]) > 0.8
    folder = tmp_path / "saved"
    model.save(folder)
    # without a cache, and with cards that have no photo
    back = ContrastiveModel(config, replace(context, cache=None))
    back.load(folder)
    np.testing.assert_allclose(back.predict(cards), model.predict(cards), atol=2e-3)
    assert accuracy(back, cards.assign(image=None)) > 0.4


def test_encoders_must_be_pretrained(photos, pretrained):
    cards, context = photos
    with pytest.raises(GoodsError, match=r"not pretrained; run scripts/pretrain\.py first"):
        ContrastiveModel(joint_config(), context).fit(cards, None)
    with pytest.raises(GoodsError, match="too few cards have a photo"):
        ContrastiveModel(joint_config(), context).pretrain(cards.assign(image=None))
    model = pretrained(joint_config())
    (model.folder / "pair.safetensors").write_bytes(b"no weights")
    with pytest.raises(GoodsError, match="not what was written"):
        ContrastiveModel(joint_config(), context).vectors(cards)


SMALL = [
    *("model.pretrain.epochs=3", "model.image.size=32", "model.text.width=16", "model.width=16"),
    "model.trainer.epochs=12",
]


def test_through_the_stages(tmp_path, run_script):
    competition, ws = competition_config(), Workspace(tmp_path / "work", "kazanexpress2023")
    prepare(ws, competition, write_shop(tmp_path / "shop", n_train=150, photos=True))
    make_folds(ws, competition)
    settings = [part for setting in SMALL for part in ("--set", setting)]
    code, out, err = run_script("pretrain", CONFIGS / "clip.yaml", "--work", ws.root, *settings)
    assert code == 0, err
    assert "| text→image R@10" in out
    config = load_experiment(CONFIGS / "clip.yaml", SMALL)
    train(ws, competition, config)
    assert read_json(ws.run("clip").report)["score"] > 0.5
    cards = load_cards(ws)
    test = cards[cards.split == "test"]
    models = load_run_models(ws, competition, config, tmp_path / "shop")
    again, stored = mean_of([top_k(m, test) for m in models]), Predictions.load(ws.run("clip").test)
    np.testing.assert_allclose(again.proba, stored.proba, atol=2e-3)
    code, _, err = run_script("pretrain", CONFIGS / "linear.yaml", "--work", ws.root)
    assert code == 2 and "not contrastive" in err


def test_offline_reaches_the_encoders_inside():
    hub = {"family": "image", "backbone": "vit_base_patch32_224", "weights": "hub"}
    settings = [
        "model.text={family: transformer, weights: cointegrated/rubert-tiny2}",
        f"model.image={hub}".replace("'", ""),
    ]
    config = load_experiment(CONFIGS / "clip.yaml", settings, offline=True)
    assert config.model.text.weights == "scratch"
    assert config.model.image.weights == "packaged"
    assert config.model.image.backbone == "tf_efficientnet_lite0"


def test_dropout_is_at_work_while_encoders_are_trained(photos, monkeypatch):
    cards, context = photos
    modes = []
    plain = TextImageNetwork.loss

    def loss(self, batch, config):
        modes.append({m.training for m in self.modules()})
        return plain(self, batch, config)

    monkeypatch.setattr(TextImageNetwork, "loss", loss)
    ContrastiveModel(joint_config(pretrain=trainer(epochs=1)), context).pretrain(cards)
    assert modes and all(mode == {True} for mode in modes)


def test_vectors_go_with_the_weights_and_a_forced_pretraining_starts_from_nothing(
    photos, pretrained, monkeypatch
):
    cards, context = photos
    model = pretrained(joint_config())
    model.warm(cards)
    first = model.vectors(cards)
    monkeypatch.setattr("goods.models.joint.contrastive_model.code_hash", lambda *modules: "another version")
    other = ContrastiveModel(joint_config(), context)
    marker = (model.folder / "DONE").stat().st_mtime_ns
    other.warm(cards)  # trained again: the code is another
    assert (model.folder / "DONE").stat().st_mtime_ns > marker
    assert (other.vectors(cards) == first).all()  # and, as nothing else changed, to the same end
    # an old checkpoint is not gone on from
    begun = []
    monkeypatch.setattr(
        "goods.models.joint.contrastive_model.begin",
        lambda folder, key: begun.append(key) or begin(folder, key),
    )
    ContrastiveModel(joint_config(), context).pretrain(cards, force=True)
    assert begun[0] == "forced" and len(begun) == 2


def test_a_fold_keeps_the_vectors_of_its_own_encoders(photos, pretrained, tmp_path):
    cards, context = photos
    model = pretrained(joint_config())
    model.warm(cards)
    model.fit(cards[:120], None)
    model.save(tmp_path / "saved")
    before = model.predict(cards)
    # the cache gets other encoders under the same config
    ContrastiveModel(joint_config(), context).warm(cards[:100])
    back = ContrastiveModel(joint_config(), context)
    back.load(tmp_path / "saved")
    np.testing.assert_allclose(back.predict(cards), before, atol=2e-3)


def test_maps_of_positions_are_not_mirrored():
    with pytest.raises(ValidationError, match="places needs frozen: true and flip_test: false"):
        photo_config(places=True, flip_test=True)
