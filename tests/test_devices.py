"""A fold trained on several devices at once: here processes on a CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from rank_toy import Toy
from torch.multiprocessing import ProcessRaisedException
from toy_models import navec_config, toy_context, trainer

from goods.core.errors import GoodsError
from goods.models.inference import run_network
from goods.models.loop import train_network
from goods.models.ranks import Rank
from goods.models.rows import BatchOrder, VectorRows
from goods.models.training import Training


def toy_rows(n: int, seed: int) -> VectorRows:
    vectors = np.random.default_rng(seed).standard_normal((n, 7)).astype(np.float32)
    vectors[:, 6] = np.arange(n)
    return VectorRows(vectors, vectors[:, :3].argmax(1))


def trained(folder: Path, dies_at: int | None = None, **changes) -> tuple[Toy, int]:
    folder.mkdir(exist_ok=True)
    net = Toy(folder, dies_at)
    how = trainer(**({"devices": 2, "epochs": 6, "lr": 0.03, "ema": 0.5} | changes))
    context = toy_context(folder, threads=2)
    (folder / "scratch").mkdir(exist_ok=True)
    epochs = train_network(
        net, toy_rows(120, 0), toy_rows(40, 1), how, context, folder / "scratch", Training("key", "toy")
    )
    return net, epochs


def told(folder: Path, rank: int) -> list[tuple[str, list[int]]]:
    """(sum of weights, rows) of every step."""
    lines = (folder / f"rank-{rank}").read_text().splitlines()
    return [(line.split()[0], [int(i) for i in line.split()[1].split(",")]) for line in lines]


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
@pytest.mark.parametrize("lengths", [False, True])
def test_ranks_share_the_batches_and_all_have_as_many(ranks, lengths):
    rows = toy_rows(50, 0)
    rows.lengths = np.arange(50) if lengths else None
    alone = list(BatchOrder(rows, 16, seed=3))
    orders = [BatchOrder(rows, 16, seed=3, rank=Rank(k, ranks)) for k in range(ranks)]
    dealt = [list(order) for order in orders]
    assert {len(batches) for batches in dealt} == {len(order) for order in orders} == {-(-4 // ranks)}
    in_turn = [dealt[i % ranks][i // ranks] for i in range(ranks * len(dealt[0]))]
    for i, batch in enumerate(in_turn):
        np.testing.assert_array_equal(batch, alone[i % len(alone)])


def test_rates_grow_with_the_root_of_the_cards_of_a_step():
    how = trainer(devices=4, lr=0.01, encoder_lr=0.001).for_cards(100)
    assert (how.lr, how.encoder_lr, how.batch_size) == (0.02, 0.002, 16)
    assert navec_config(trainer=trainer(devices=2)).devices == 2 and navec_config().devices == 1


def test_more_devices_than_there_are_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    context = toy_context(tmp_path, device="cuda:0")
    rows, training = toy_rows(20, 0), Training("key", "toy")
    with pytest.raises(GoodsError, match=r"trainer\.devices is 2, this machine has 1 GPU"):
        train_network(Toy(tmp_path), rows, None, trainer(devices=2), context, tmp_path, training)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, Toy, int]:
    """The folder of a training that nothing disturbed, the network and its epochs."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, *trained(folder)


@pytest.mark.slow
def test_two_processes_train_one_network(whole, tmp_path):
    folder, net, epochs = whole
    assert 1 <= epochs <= 6
    ours, theirs = told(folder, 0), told(folder, 1)
    assert len(ours) == len(theirs) and len(ours) % 4 == 0
    assert [weights for weights, _ in ours] == [weights for weights, _ in theirs]
    for epoch in range(0, len(ours), 4):
        seen = [row for steps in (ours, theirs) for _, rows in steps[epoch : epoch + 4] for row in rows]
        assert sorted(seen) == list(range(120))
    asked = toy_rows(200, 2)
    right = run_network(net, asked, toy_context(tmp_path), 64).argmax(1) == asked.target
    assert right.mean() > 0.85
    assert not list(folder.glob("scratch/*.ckpt"))


@pytest.mark.slow
def test_a_training_in_two_processes_that_was_killed_goes_on(whole, tmp_path):
    folder, net, epochs = whole
    with pytest.raises(ProcessRaisedException, match="killed"):
        trained(tmp_path, dies_at=7)
    assert list(tmp_path.glob("scratch/*.ckpt"))
    before = len(told(tmp_path, 0))
    resumed, again = trained(tmp_path)
    left = len(told(tmp_path, 0)) - before
    assert again == epochs and left == len(told(folder, 0)) - 4  # the first epoch is not trained again
    for name, value in net.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


@pytest.mark.slow
def test_a_loss_that_is_no_number_is_said_as_of_one_process(tmp_path):
    with pytest.raises(GoodsError, match="toy: the loss is not finite in epoch 1"):
        trained(tmp_path, lr=1e30, clip=1e30, epochs=2)
