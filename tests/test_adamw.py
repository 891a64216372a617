"""AdamW by rows against torch's, which moves all rows in every step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_models import navec_config, toy_cards, toy_context, trainer

from goods.models import learner
from goods.models.adamw import AdamW, RowAdamW
from goods.models.text.navec_model import NavecModel


def rates(step: int) -> float:
    return 0.01 * (1 + step % 7) / 7


def groups(table: torch.nn.Parameter, dense: torch.nn.Parameter) -> list[dict]:
    return [{"params": [dense, table], "lr": 0.01, "weight_decay": 0.1}]


def trained(steps: int, rows_of, by_rows: bool) -> tuple[np.ndarray, np.ndarray]:
    """A table [40, 3] and a dense weight after `steps`, in each of which `rows_of(step)` have a gradient."""
    torch.manual_seed(0)
    table, dense = (torch.nn.Parameter(torch.randn(40, 3)) for _ in range(2))
    given = groups(table, dense)
    optimizer = RowAdamW(given, [table], 0.01) if by_rows else AdamW(given, lr=0.01, fused=True)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rates(step)
        rows = torch.tensor(rows_of(step))
        if by_rows:
            optimizer.bring_up(table, rows)
        optimizer.zero_grad()
        seen = torch.nn.functional.embedding(rows, table, sparse=by_rows)
        ((seen * (1 + step % 5)).sin().sum() + (dense**2).sum()).backward()
        optimizer.step()
        if by_rows and step % 150 == 149:  # as after an epoch
            optimizer.bring_all_up()
    if by_rows:
        optimizer.bring_all_up()
    return table.detach().numpy(), dense.detach().numpy()


@pytest.mark.parametrize("steps", [1, 5, 60, 500])
def test_rows_end_where_those_of_torch_s_adamw_do(steps):
    random = np.random.default_rng(1)
    seen = [np.unique(random.geometric(0.2, 6).clip(max=39)).tolist() for _ in range(steps)]
    found, other = trained(steps, seen.__getitem__, by_rows=True)
    expected, same = trained(steps, seen.__getitem__, by_rows=False)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)
    np.testing.assert_array_equal(other, same)


def test_a_row_that_is_seen_once_goes_on_as_far_as_its_momentum_leads():
    found, _ = trained(400, lambda step: [7] if step == 3 else [1], by_rows=True)
    expected, _ = trained(400, lambda step: [7] if step == 3 else [1], by_rows=False)
    np.testing.assert_allclose(found[7], expected[7], rtol=1e-4)
    np.testing.assert_allclose(found[20], expected[20], rtol=1e-5)  # decay alone


@pytest.mark.parametrize("changes", [{"accumulate": 2}, {"rdrop": 0.5}, {"ema": 0.9}])
def test_what_reads_tables_otherwise_than_once_a_step_moves_all_rows(tmp_path, monkeypatch, changes):
    monkeypatch.setattr(learner, "RowAdamW", lambda *_: pytest.fail("by rows"))
    model = NavecModel(navec_config(trainer=trainer(epochs=1, **changes)), toy_context(tmp_path))
    model.fit(toy_cards(48), None)


def test_a_network_ends_as_with_torch_s_adamw(tmp_path, monkeypatch):
    config = navec_config(trainer=trainer(epochs=2), dropout=0.0, word_dropout=0.0)

    def answered(name: str) -> np.ndarray:
        model = NavecModel(config, toy_context(tmp_path / name))
        model.fit(toy_cards(96), toy_cards(24, 1))
        return model.predict(toy_cards(40, 2))

    by_rows = answered("rows")
    monkeypatch.setattr("goods.models.text.navec_network.NavecNetwork.tables", lambda self: [])
    np.testing.assert_allclose(by_rows, answered("whole"), atol=1e-3)
