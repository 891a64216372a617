"""AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) on a CPU, by rows where a step looks at few of a table's.

A row without a gradient moves on all the same: its momentum fades and its weights decay, at rates that differ from step
to step. How far that leads has a closed form, so such a row is left behind until it is looked at: the tables are as
torch's AdamW has them but for last digits, and a step reads and writes what it looks at, not all there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numba import njit

REACH = 200  # steps after which nothing is left of a momentum: (β₁ / √β₂) ** 200 is 1e-9


class AdamW(torch.optim.AdamW):
    """Torch's, on a CPU: no stream of kernels is asked for before each step, which opens a driver's library each time
    where lightning is imported."""

    def _accelerator_graph_capture_health_check(self) -> None:
        return


class Behind:
    """What the rows of a table have missed: `at` int64 [rows] is the step each is at, of `now` that there were. Of one
    at step b `kept[now] / kept[b]` is what decay left, `moved[b] * kept[now]` how far its momentum leads for each unit
    of the first moment over the root of the second and `eps[b]`."""

    def __init__(self, rows: int) -> None:
        self.at, self.now = np.zeros(rows, np.int64), 0
        self.kept, self.moved, self.eps = np.ones(1), np.zeros(1), np.zeros(1)

    def step(self, number: int, group: dict[str, Any]) -> tuple[float, float, float, float]:
        """One more, the `number`-th of the training; its decay, rate, second moment's correction and eps."""
        first, second = group["betas"]
        decay, root = 1 - group["lr"] * group["weight_decay"], (1 - second**number) ** 0.5
        rate = group["lr"] / (1 - first**number)
        self.eps[self.now] = group["eps"] * root / second**0.5
        self.now += 1
        if self.now == len(self.kept):
            self.kept, self.moved, self.eps = (
                np.append(a, np.zeros_like(a)) for a in (self.kept, self.moved, self.eps)
            )
        self.kept[self.now] = self.kept[self.now - 1] * decay
        since = np.arange(max(0, self.now - REACH), self.now)
        faded = (first / second**0.5) ** (self.now - since)
        self.moved[since] += rate * root / self.kept[self.now] * faded
        self.moved[self.now] = 0
        return decay, rate, root, group["eps"]


class RowAdamW(AdamW):
    """AdamW of which some parameters are `tables`, float32 [rows, d], whose gradients are sparse and name no row twice.
    What is to be read of a table is brought up to date first; its state is saved as torch's."""

    def __init__(self, groups: Iterable[dict[str, Any]], tables: Iterable[torch.Tensor], lr: float) -> None:
        super().__init__(groups, lr=lr, fused=True)
        self.behind = {table: Behind(len(table)) for table in tables}

    def bring_up(self, table: torch.Tensor, rows: torch.Tensor | None = None) -> None:
        """These rows, or all, as they are after the steps so far."""
        behind = self.behind[table]
        if not behind.now:
            return
        first, second = self._group(table)["betas"]
        _bring_up(
            np.arange(len(table)) if rows is None else rows.numpy(),
            *self._arrays(table), behind.at, behind.now, behind.kept, behind.moved, behind.eps, first, second,
        )  # fmt: skip

    def bring_all_up(self) -> None:
        for table in self.behind:
            self.bring_up(table)
            self.behind[table] = Behind(len(table))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        sparse = {table: table.grad for table in self.behind if table.grad is not None}
        for table in sparse:
            table.grad = None  # torch's passes over parameters without
        super().step()
        for table in self.behind:
            self._step_rows(table, sparse.get(table))
            table.grad = sparse.get(table)
        return loss

    def _step_rows(self, table: torch.Tensor, gradient: torch.Tensor | None) -> None:
        if gradient is not None:
            self.bring_up(table, gradient._indices()[0])
        arrays, behind, group = self._arrays(table), self.behind[table], self._group(table)
        self.state[table]["step"] += 1
        scalars = behind.step(int(self.state[table]["step"]), group)
        if gradient is not None:
            rows, values = gradient._indices()[0].numpy(), gradient._values().numpy()
            _step(rows, values, *arrays, *map(np.float32, (*scalars, *group["betas"])))
            behind.at[rows] = behind.now

    def _group(self, table: torch.Tensor) -> dict[str, Any]:
        return next(g for g in self.param_groups if any(one is table for one in g["params"]))

    def _arrays(self, table: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights and moments, whose memory they share."""
        state = self.state[table]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(table), torch.zeros_like(table)
        return table.detach().numpy(), state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()

    def state_dict(self) -> dict[str, Any]:
        self.bring_all_up()
        return super().state_dict()


@njit(nogil=True, error_model="numpy")
def _bring_up(
    rows, weights, means, squares, at, now, kept, moved, eps, first, second
):  # fmt: skip  # pragma: no cover
    for i in range(len(rows)):
        row = rows[i]
        was = at[row]
        if was == now:
            continue
        decay, far = np.float32(kept[now] / kept[was]), np.float32(moved[was] * kept[now])
        faded, faded_square = np.float32(first ** (now - was)), np.float32(second ** (now - was))
        more = np.float32(eps[was])
        for k in range(weights.shape[1]):
            mean, square = means[row, k], squares[row, k]
            weights[row, k] = weights[row, k] * decay - far * mean / (np.sqrt(square) + more)
            means[row, k], squares[row, k] = mean * faded, square * faded_square
        at[row] = now


@njit(nogil=True, error_model="numpy")
def _step(
    rows, gradient, weights, means, squares, decay, rate, root, eps, first, second
):  # fmt: skip  # pragma: no cover
    one = np.float32(1)
    for i in range(len(rows)):
        row = rows[i]
        for k in range(weights.shape[1]):
            g = gradient[i, k]
            mean = means[row, k] + (one - first) * (g - means[row, k])
            square = second * squares[row, k] + (one - second) * g * g
            weights[row, k] = weights[row, k] * decay - rate * mean / (np.sqrt(square) / root + eps)
            means[row, k], squares[row, k] = mean, square
