"""What the training loop offers beside plain training: rates by layer, R-Drop, soup, balanced draws, warm-up."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F
from toy_models import (
    MLM,
    Plain,
    accuracy,
    killed_after,
    navec_config,
    scratch_config,
    toy_cards,
    toy_context,
    trainer,
)

from goods.cards.ragged import Ragged
from goods.config.trainer import TrainerConfig
from goods.core.done import done_key
from goods.core.errors import GoodsError
from goods.core.progress import bar
from goods.models.image.backbone_weights import load_backbone
from goods.models.image.image import ImageConfig
from goods.models.inference import threads
from goods.models.learner import Learner
from goods.models.network import Network
from goods.models.rows import BatchOrder, TokenRows, VectorRows, batches
from goods.models.text.encoder import encoder_layers
from goods.models.text.mlm import MaskedNetwork
from goods.models.text.navec_model import NavecModel
from goods.models.text.scratch_encoder import scratch_encoder
from goods.models.text.transformer_model import TransformerModel
from goods.models.text.transformer_network import TransformerNetwork
from goods.models.training import Training
from goods.models.weights import BestWeights, greedy_soup


def plain_batch(n: int = 8) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"vectors": torch.randn(n, 6), "target": torch.arange(n) % 3}


def test_lower_layers_get_lower_rates_and_all_weights_one():
    encoder = scratch_encoder(["молоко хлеб"] * 5, scratch_config(scratch_layers=3))
    net = TransformerNetwork(encoder.net, 4, 0.1, pretrained=True)
    config = trainer(lr=0.01, encoder_lr=0.001, layer_decay=0.5)
    groups = Learner(net, config, 10, 0).configure_optimizers()["optimizer"].param_groups
    rate = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
    assert len(rate) == len(list(net.parameters()))
    named = dict(net.named_parameters())
    assert rate[id(named["last.weight"])] == 0.01
    for layer, expected in ((2, 0.001), (1, 0.0005), (0, 0.00025)):
        assert rate[id(named[f"encoder.encoder.layer.{layer}.output.dense.weight"])] == pytest.approx(
            expected
        )
    assert rate[id(named["encoder.embeddings.word_embeddings.weight"])] == pytest.approx(0.000125)


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "vit_tiny_patch16_224", "resnet10t", "small_cnn"])
def test_every_parameter_of_a_backbone_is_in_one_layer(name):
    config = ImageConfig(family="image", backbone=name, weights="scratch", size=224, trainer=trainer())
    backbone = load_backbone(config, 0)
    listed = [id(p) for layer in backbone.layers() for p in layer]
    assert len(set(listed)) == len(listed) and set(listed) == {id(p) for p in backbone.parameters()}


def test_layers_below_the_trained_ones_stay(tmp_path):
    encoder = scratch_encoder(["молоко хлеб"] * 5, scratch_config(scratch_layers=3))
    TransformerNetwork(encoder.net, 4, 0.1, pretrained=True, train_layers=1)
    layers = encoder_layers(encoder.net)
    assert [any(p.requires_grad for p in layer) for layer in layers] == [True, False, False, False]


def test_rdrop_is_the_two_passes_and_how_far_they_are_apart():
    net, batch = Plain(dropout=0.5), plain_batch()
    torch.manual_seed(1)
    first, second = net(batch), net(batch)
    p, q = first.softmax(1), second.softmax(1)
    apart = ((p - q) * (p.log() - q.log())).sum(1).mean()  # KL both ways
    expected = (F.cross_entropy(first, batch["target"]) + F.cross_entropy(second, batch["target"])) / 2
    torch.manual_seed(1)
    torch.testing.assert_close(net.loss(batch, trainer(rdrop=0.7)), expected + 0.7 * apart / 2)
    torch.manual_seed(1)
    torch.testing.assert_close(net.loss(batch, trainer()), F.cross_entropy(first, batch["target"]))


def test_the_soup_takes_only_what_lowers_the_loss():
    at = [{"w": torch.tensor([value])} for value in (1.0, -0.8, 5.0)]
    soup = greedy_soup(at, lambda weights: float(weights["w"].abs()))
    torch.testing.assert_close(soup["w"], torch.tensor([0.1]))
    assert greedy_soup(at[:1], lambda weights: 0.0) is at[0]


def test_a_soup_of_epochs_is_no_worse_on_the_inner_split_and_resumes_alike(tmp_path, monkeypatch):
    cards, valid = toy_cards(80, 0), toy_cards(24, 1)

    def fitted(name: str, soup: int) -> NavecModel:
        config = navec_config(trainer=trainer(epochs=4, soup=soup, lr=0.002))
        model = NavecModel(config, toy_context(tmp_path / name))
        model.fit(cards, valid)
        return model

    def loss(model: NavecModel) -> float:
        proba = model.predict(valid)[np.arange(len(valid)), valid.target]
        return float(-np.log(proba).mean())

    whole = fitted("whole", 3)
    assert loss(whole) <= loss(fitted("one", 1)) + 1e-3
    with killed_after(monkeypatch, 2), pytest.raises(KeyError):
        fitted("resumed", 3)
    resumed = fitted("resumed", 3)
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[name]), name


def test_the_best_epochs_are_kept_in_order():
    best, learner = BestWeights(Training("", "plain"), patience=2, keep=2), Learner(Plain(), trainer(), 10, 0)

    class Trainer:
        should_stop = False
        current_epoch = 0

    stops = []
    for Trainer.current_epoch, loss in enumerate((3.0, 1.0, 2.0, 1.5, 1.2)):
        learner.valid_sum, learner.valid_rows = loss, 1.0
        best.on_validation_epoch_end(Trainer, learner)
        stops.append(Trainer.should_stop)
    assert best.losses == [1.0, 1.2] and len(best.weights) == 2
    assert best.best_epoch == 2  # counted from 1
    assert stops == [False, False, False, True, True]


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_balanced_draws_follow_the_class_counts(balance):
    target = np.repeat([0, 1, 2], [9000, 900, 100])
    rows = VectorRows(np.zeros((len(target), 1), np.float32), target)
    order = BatchOrder(rows, 100, seed=0, balance=balance)
    order.set_epoch(1)
    drawn = np.bincount(target[np.concatenate(list(order))], minlength=3)
    weight = np.array([9000, 900, 100]) ** (1.0 - balance)
    np.testing.assert_allclose(drawn / drawn.sum(), weight / weight.sum(), atol=0.02)
    if not balance:
        assert drawn.tolist() == [9000, 900, 100]


def test_masked_tokens_are_real_ones_and_their_targets_the_originals():
    encoder = scratch_encoder(["молоко хлеб чай мыло сыр"] * 5, scratch_config())
    net = MaskedNetwork(encoder, share=0.5)
    random = np.random.default_rng(0)
    tokens = torch.tensor(random.integers(5, len(encoder.tokenizer), (64, 12)))
    mask = torch.ones_like(tokens, dtype=torch.bool)
    tokens[:, 0], tokens[:, -1] = encoder.start, encoder.separator
    tokens[:, 9:11], mask[:, 9:11] = encoder.pad, False
    seen = {}
    handle = net.encoder.register_forward_pre_hook(lambda m, a, k: seen.update(k), with_kwargs=True)
    logits, target = net._predict({"tokens": tokens, "mask": mask})
    handle.remove()
    shown = seen["input_ids"]
    changed = shown != tokens
    assert not changed[:, [0, 9, 10, 11]].any()
    share = len(target) / (64 * 8)
    assert abs(share - 0.5) < 0.08 and logits.shape == (len(target), len(encoder.tokenizer))
    assert 0.7 < float((shown[changed] == encoder.mask).float().mean()) < 1
    assert changed.sum() < len(target)  # some are left as they are


def test_masked_training_learns_the_texts_and_serves_all_folds(tmp_path):
    cards = toy_cards(160, 0)
    context = toy_context(tmp_path)
    config = scratch_config(mlm=MLM, trainer=trainer(epochs=8))
    with pytest.raises(GoodsError, match="warm"):
        TransformerModel(config, context).fit(cards, None)
    TransformerModel(config, context).warm(cards)
    (folder,) = (tmp_path / "cache").glob("mlm-*")
    first = (folder / "encoder.safetensors").read_bytes()
    model = TransformerModel(config, context)
    model.warm(cards)
    assert (folder / "encoder.safetensors").read_bytes() == first and done_key(folder)
    model.fit(cards[:120], cards[120:])
    assert accuracy(model, toy_cards(40, 2)) > 0.9
    model.save(tmp_path / "saved")
    again = TransformerModel(config, replace(context, cache=None))
    again.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.predict(cards), model.predict(cards))
    # other texts: warmed up again; their classes do not matter
    TransformerModel(config, context).warm(cards.assign(target=-1))
    assert (folder / "encoder.safetensors").read_bytes() == first
    TransformerModel(config, context).warm(pd.concat([cards, toy_cards(20, 5)]))
    assert (folder / "encoder.safetensors").read_bytes() != first


def test_masked_loss_falls():
    encoder = scratch_encoder(toy_cards(160).title.tolist(), scratch_config())
    net = MaskedNetwork(encoder, 0.3)
    numbers = encoder.tokenizer(toy_cards(160).title.tolist(), add_special_tokens=False)["input_ids"]
    rows = TokenRows(Ragged.of(numbers), encoder.pad, np.zeros(160, np.int64))
    batch = rows.batch(np.arange(160))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        loss = net.loss(batch, trainer())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.7 * losses[0]


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_same_however_many_processes_cut_them(workers):
    rows = VectorRows(np.arange(50, dtype=np.float32)[:, None], np.arange(50) % 3)
    for epoch in range(2):
        random = np.random.default_rng([3, epoch])
        loader = batches(rows, 8, seed=3, workers=workers)
        loader.sampler.set_epoch(epoch)
        cut = np.concatenate([batch["vectors"].numpy()[:, 0] for batch in loader])
        assert cut.tolist() == random.permutation(50).tolist()


def test_many_cards_have_fewer_epochs_where_steps_are_bounded(tmp_path):
    cards = toy_cards(48)
    for steps, seen in ((None, 4), (100, 4), (18, 3), (1, 1)):
        config = navec_config(trainer=trainer(epochs=4, batch_size=8, max_steps=steps))
        model = NavecModel(config, toy_context(tmp_path / str(steps)))
        model.fit(cards, None)
        assert model.epochs == seen  # of six batches each


def test_batches_of_many_cards_are_larger_where_their_number_is_bounded():
    bounded = TrainerConfig(batch_size=64, max_batches=200, lr=0.003, encoder_lr=0.001)
    few = bounded.for_cards(12_800)
    assert (few.batch_size, few.lr, few.encoder_lr) == (64, 0.003, 0.001)
    many = bounded.for_cards(51_200)
    assert (many.batch_size, many.lr, many.encoder_lr) == (256, 0.006, 0.002)
    assert many.for_cards(51_200) == many
    free = TrainerConfig(batch_size=64).for_cards(10**6)
    assert (free.batch_size, free.lr) == (64, TrainerConfig().lr)


def test_a_training_has_no_more_batches_an_epoch_than_it_may(tmp_path, monkeypatch):
    seen = []
    plain = Network.loss
    monkeypatch.setattr(Network, "loss", lambda *a: (seen.append(len(a[1]["target"])), plain(*a))[1])
    model = NavecModel(
        navec_config(trainer=trainer(epochs=1, batch_size=8, max_batches=3)), toy_context(tmp_path)
    )
    model.fit(toy_cards(48), None)
    assert seen == [16, 16, 16]


def test_sums_over_threads_are_added_in_the_same_order_each_time(tmp_path):
    """Torch adds up the gradient of rows that are picked often as its threads come to them, unless told not to."""
    table = torch.randn(4, 32, requires_grad=True)
    picked, weight = torch.randint(0, 4, (20_000,)), torch.randn(20_000, 32)

    def gradient() -> bytes:
        with threads(toy_context(tmp_path, threads=2)):
            (found,) = torch.autograd.grad((table[picked] * weight).sum(), table)
        return found.numpy().tobytes()

    assert len({gradient() for _ in range(20)}) == 1
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_training_shows_a_bar_of_all_its_batches_and_draws_nothing_in_a_log(tmp_path, monkeypatch, capfd):
    model = NavecModel(navec_config(), toy_context(tmp_path, progress=True))
    shown = []

    @contextmanager
    def watched(*given):
        with bar(*given) as one:
            shown.append(one)
            yield one

    monkeypatch.setattr("goods.models.batchbar.bar", watched)
    with killed_after(monkeypatch, 1), pytest.raises(KeyError):
        model.fit(toy_cards(160, 0), None)
    model.fit(toy_cards(160, 0), None)
    out, err = capfd.readouterr()
    assert "\r" not in out + err and "it/s" not in out + err
    assert [(one.n, one.total, one.unit) for one in shown] == [(20, 40, "batches"), (20, 20, "batches")]


def test_metrics_that_no_network_asks_for_load_nothing():
    """torchvision, transformers and pyplot would take a third of the time that a training takes to begin."""
    with_extras = [
        f"{name}: {extra}"
        for name, extra in [("functional.image.arniqa", "resnet50"), ("utilities.plot", "plt")]
        if hasattr(import_module(f"torchmetrics.{name}"), extra)
    ]
    assert with_extras == []
