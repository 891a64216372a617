"""AdamW by rows: the weights of dense steps, of tables whose gradients have the rows that were read alone."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from toy_models import killed_after, navec_config, toy_cards, toy_context, trainer

from goods.core.compiled import _made_of
from goods.models import row_adamw
from goods.models.learner import Learner
from goods.models.row_adamw import RowAdamW, powers
from goods.models.tables import Table
from goods.models.text.navec_model import NavecModel

ROWS, WIDTH = 40, 6


def pair_of_tables() -> tuple[Table, Table]:
    torch.manual_seed(0)
    table, dense = Table(ROWS, WIDTH), Table(ROWS, WIDTH)
    dense.load_state_dict(table.state_dict())
    return table, dense


def lists(random: np.random.Generator, most: int = ROWS) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = np.array([3, 0, 1, 5])
    numbers = random.integers(most, size=lengths.sum()) ** 2 // most  # some rows are seldom read
    return torch.from_numpy(numbers), torch.from_numpy(np.append(0, lengths.cumsum()))


def groups_of(table: Table) -> list[dict]:
    return [{"params": [table.weight], "lr": 0.05, "weight_decay": 0.1}]


def take_step(table: Table, optimizer: torch.optim.Optimizer, step: int, read, passes: int = 1) -> float:
    optimizer.param_groups[0]["lr"] = 0.05 * np.cos(step / 200)
    optimizer.zero_grad()
    for _ in range(passes):
        loss = (table(*read).sin() * (1 + step % 3)).sum()
        loss.backward()
    if isinstance(optimizer, RowAdamW):
        optimizer.clip(1.0)
    else:
        torch.nn.utils.clip_grad_norm_([table.weight], 1.0)
    optimizer.step()
    return float(loss.detach())


@pytest.mark.parametrize("weights", [None, torch.linspace(-1, 2, 9)], ids=["means", "weighted sums"])
def test_a_sparse_gradient_is_the_dense_one_with_each_row_once(weights):
    table, dense = pair_of_tables()
    RowAdamW(groups_of(table), [table], lr=0.05)
    numbers, offsets = lists(np.random.default_rng(1))
    for each in (table, dense):
        (each(numbers, offsets, weights) ** 2 * torch.arange(1, WIDTH + 1)).sum().backward()
    gradient = table.weight.grad
    assert gradient.is_sparse
    assert gradient._indices()[0].tolist() == sorted(set(numbers.tolist()))
    torch.testing.assert_close(gradient.to_dense(), dense.weight.grad)


def test_of_a_table_that_is_still_rows_move_where_they_are_read_alone():
    """As torch's SparseAdam moves them, which does not decay them."""
    table, other = pair_of_tables()
    table.still = True
    groups = [{"params": [table.weight], "lr": 0.05, "weight_decay": 0.0}]
    by_rows, lazy = RowAdamW(groups, [table], lr=0.05), torch.optim.SparseAdam([other.weight], lr=0.05)
    random = np.random.default_rng(4)
    before = table.weight.detach().clone()
    seen = set()
    for _ in range(30):
        numbers, offsets = lists(random, ROWS - 10)
        seen |= set(numbers.tolist())
        for each, optimizer in ((table, by_rows), (other, lazy)):
            optimizer.zero_grad()
            bags = (
                each(numbers, offsets)
                if each is table
                else F.embedding_bag(numbers, other.weight, offsets, sparse=True, include_last_offset=True)
            )
            bags.sin().sum().backward()
            optimizer.step()
    by_rows.let_go()
    torch.testing.assert_close(table.weight, other.weight)
    unread = sorted(set(range(ROWS)) - seen)
    assert unread and torch.equal(table.weight[unread], before[unread])


def test_no_row_read_at_all_is_a_gradient_without_rows():
    table, _ = pair_of_tables()
    optimizer = RowAdamW(groups_of(table), [table], lr=0.05)
    before = table.weight.detach().clone()
    take_step(table, optimizer, 0, (torch.empty(0, dtype=torch.int64), torch.zeros(3, dtype=torch.int64)))
    optimizer.catch_up()
    torch.testing.assert_close(table.weight.detach(), before * (1 - 0.05 * 0.1))


@pytest.mark.parametrize("passes", [1, 2])
def test_rows_end_where_dense_steps_bring_them(passes):
    """Also with several gradients a step, and of rows that are read once or never."""
    table, dense = pair_of_tables()
    by_rows = RowAdamW(groups_of(table), [table], lr=0.05)
    plain = torch.optim.AdamW(groups_of(dense), lr=0.05)
    random = np.random.default_rng(2)
    for step in range(90):
        read = lists(random, ROWS if step < 30 else ROWS // 2)
        losses = [take_step(t, o, step, read, passes) for t, o in ((table, by_rows), (dense, plain))]
        assert losses[0] == pytest.approx(losses[1], abs=1e-3)  # what is read is even
        if step in (50, 89):
            by_rows.catch_up()
            torch.testing.assert_close(table.weight, dense.weight, atol=2e-4, rtol=1e-3)
            mine, theirs = by_rows.state[table.weight], plain.state[dense.weight]
            assert mine.keys() == theirs.keys() and mine["step"] == theirs["step"]
            torch.testing.assert_close(mine["exp_avg"], theirs["exp_avg"], atol=1e-5, rtol=1e-3)
            torch.testing.assert_close(mine["exp_avg_sq"], theirs["exp_avg_sq"], atol=1e-6, rtol=1e-3)


def test_a_state_that_was_saved_goes_on_to_the_same_bytes():
    table, copied = pair_of_tables()
    first, second = (RowAdamW(groups_of(t), [t], lr=0.05) for t in (table, copied))
    reads = [lists(np.random.default_rng(step)) for step in range(30)]
    for step in range(15):
        take_step(table, first, step, reads[step])
    first.catch_up()
    take_step(copied, second, 0, reads[3])  # what it did before does not matter
    copied.load_state_dict(table.state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for step in range(15, 30):
        for each, optimizer in ((table, first), (copied, second)):
            take_step(each, optimizer, step, reads[step])
    first.catch_up(), second.catch_up()
    assert torch.equal(table.weight, copied.weight)


@pytest.mark.parametrize("beta", [0.9, 0.98, 0.999])
def test_powers_are_made_again_only_where_the_steps_behind_have_doubled_and_are_the_same(beta):
    powers.cache_clear()
    for steps in range(1, 600):
        made = powers(beta, steps.bit_length())
        assert np.array_equal(made[: steps + 1], (beta ** np.arange(steps + 1)).astype(np.float32))
    assert powers.cache_info().misses == 10


def test_tables_that_are_let_go_of_are_even_and_read_as_any_others():
    table, _ = pair_of_tables()
    optimizer = RowAdamW(groups_of(table), [table], lr=0.05)
    for step in range(3):
        take_step(table, optimizer, step, lists(np.random.default_rng(step)))
    optimizer.let_go()
    assert not optimizer.behind[table.weight].now and table.reads is None
    numbers, offsets = lists(np.random.default_rng(9))
    table(numbers, offsets).sum().backward()
    assert not table.weight.grad.is_sparse
    expected = F.embedding_bag(numbers, table.weight, offsets, mode="mean", include_last_offset=True)
    torch.testing.assert_close(table(numbers, offsets), expected)


def test_a_training_moves_rows_unless_all_weights_are_wanted_after_each_step(tmp_path):
    """And leaves the tables as it found them."""
    for changes, expected in (({}, True), ({"ema": 0.9}, False), ({"precision": "bf16-mixed"}, False)):
        net = NavecModel(navec_config(), toy_context(tmp_path)).build()
        learner = Learner(net, trainer(**changes), 10, 0)
        optimizer = learner.configure_optimizers()["optimizer"]
        assert isinstance(optimizer, RowAdamW) == (net.words.reads is not None) == expected
    model = NavecModel(navec_config(trainer=trainer(epochs=1)), toy_context(tmp_path))
    model.fit(toy_cards(48), None)
    assert all(table.reads is None for table in (model.net.words, model.net.grams, model.net.pairs))


def test_a_training_of_which_a_kill_has_left_nothing_to_do_lets_go_of_the_tables_too(tmp_path, monkeypatch):
    model = NavecModel(navec_config(trainer=trainer(epochs=1)), toy_context(tmp_path))
    with killed_after(monkeypatch, 0), pytest.raises(KeyError):
        model.fit(toy_cards(48), None)
    model.fit(toy_cards(48), None)
    assert all(table.reads is None for table in (model.net.words, model.net.grams, model.net.pairs))


def test_a_training_by_rows_is_the_dense_one(tmp_path, monkeypatch):
    said = []
    for tables in ((Table,), ()):  # none of the network's
        monkeypatch.setattr("goods.models.learner.Table", tables)
        model = NavecModel(navec_config(), toy_context(tmp_path / str(len(tables))))
        model.fit(toy_cards(160), toy_cards(40, 1))
        said.append(model.predict(toy_cards(40, 2)))
    np.testing.assert_allclose(said[0], said[1], atol=5e-3)


def test_its_machine_code_is_kept():
    for function in (row_adamw._add_up, row_adamw._catch_up, row_adamw._move):
        list(_made_of(function))  # ValueError where it cannot be
