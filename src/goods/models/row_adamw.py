"""AdamW that moves of a table only the rows that a batch has read.

A dense step moves all rows: without a gradient a row goes on by what is left of its moments, and decays. Here such a
row is left behind and catches up when it is read next: k steps later its moments are β1^k and β2^k of what they were,
and what it was moved by is m / √v times a sum over these steps that is the same for all rows which are behind since
the same one. Weights are those of the dense steps but for last digits (ε counts only beside the √v of then).

Rows of a table that is `still` are moved and decay where they are read alone, as torch's SparseAdam has it: those that
are read once in a while do not go on for ten times the way of that step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch

from goods.cards.ragged import distinct
from goods.core.compiled import compiled
from goods.models.adamw import AdamW
from goods.models.tables import Table, pooled

FORGOTTEN = 400  # steps after which of a first moment 1e-18 is left


class Behind:
    """Of a table's rows, since which step each is behind; steps are counted since none was."""

    def __init__(self, rows: int) -> None:
        self.since = np.zeros(rows, np.int64)
        # of each step up to now: what a row that is behind since then is moved by per m / √v, and what is left of it
        self.moved, self.kept = np.zeros(1), np.ones(1)

    @property
    def now(self) -> int:
        return len(self.moved) - 1

    def step(self, moved: float, kept: float, fading: float) -> None:
        """Another one, which moves a row by `moved` per m / √v of the step before, of which `fading` is left."""
        self.moved *= kept
        recent = self.moved[-FORGOTTEN:]
        recent += moved * fading ** np.arange(len(recent), 0, -1)
        self.moved, self.kept = np.append(self.moved, 0.0), np.append(self.kept * kept, 1.0)


class RowAdamW(AdamW):
    """On a CPU. `tables` are read through it until they are let go of, and have to be even (`catch_up`) before anyone
    else reads them. Its state is AdamW's wherever they are."""

    def __init__(
        self, groups: list[dict[str, Any]], tables: Sequence[Table], lr: float, fused: bool = False
    ) -> None:
        super().__init__(groups, lr=lr, fused=fused)
        self.tables, self.still = tables, {table.weight for table in tables if table.still}
        self.behind: dict[torch.Tensor, Behind] = {t.weight: Behind(t.num_embeddings) for t in tables}
        for table in tables:
            table.reads = partial(self._read, table.weight)

    def let_go(self) -> None:
        """Of the tables: nothing more is learned."""
        self.catch_up()
        for table in self.tables:
            table.reads = None

    def catch_up(self) -> None:
        """All rows of all tables."""
        for weight, behind in self.behind.items():
            if behind.now:
                self._even(weight, np.arange(len(weight)))
                self.behind[weight] = Behind(len(weight))

    def _read(
        self,
        weight: torch.Tensor,
        numbers: torch.Tensor,
        offsets: torch.Tensor,
        shares: torch.Tensor | None,
    ) -> torch.Tensor:
        rows, places = distinct(numbers.numpy(), len(weight))
        if self.behind[weight].now:
            self._even(weight, rows)
        return _Pooled.apply(weight, numbers, offsets, shares, rows, places)  # type: ignore[no-any-return]

    def _even(self, weight: torch.Tensor, rows: np.ndarray) -> None:
        behind, state, group = self.behind[weight], self.state[weight], self._group_of(weight)
        fading = [powers(beta, behind.now.bit_length()) for beta in group["betas"]]
        _catch_up(
            rows,
            weight.detach().numpy(),
            state["exp_avg"].numpy(),
            state["exp_avg_sq"].numpy(),
            behind.since,
            behind.moved.astype(np.float32),
            behind.kept.astype(np.float32),
            fading[0],
            fading[1],
            np.float32(group["eps"]),
        )

    def _group_of(self, weight: torch.Tensor) -> dict[str, Any]:
        return next(group for group in self.param_groups if any(p is weight for p in group["params"]))

    def clip(self, most: float) -> None:
        """The norm of all gradients together to at most `most`."""
        for weight in self.behind:
            if weight.grad is not None:
                weight.grad = each_row_once(weight.grad)
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        values = [gradient._values() if gradient.is_sparse else gradient for gradient in gradients]
        share = (most / (torch.nn.utils.get_total_norm(values) + 1e-6)).clamp(max=1)
        for value in values:
            value.mul_(share)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for weight in self.behind:
            if weight.grad is not None:
                self._move_rows(weight, weight.grad)
                weight.grad = None
        super().step()
        return loss

    def _move_rows(self, weight: torch.Tensor, gradient: torch.Tensor) -> None:
        behind, state, group = self.behind[weight], self.state[weight], self._group_of(weight)
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
        state["step"] += 1
        (beta1, beta2), lr, done = group["betas"], group["lr"], int(state["step"])
        first, root = 1 - beta1**done, (1 - beta2**done) ** 0.5
        kept = 1 - lr * group["weight_decay"]
        if weight not in self.still:
            behind.step(lr * root / first, kept, beta1 / beta2**0.5)
        gradient = each_row_once(gradient)
        _move(
            gradient._indices()[0].numpy(),
            gradient._values().numpy(),
            weight.detach().numpy(),
            state["exp_avg"].numpy(),
            state["exp_avg_sq"].numpy(),
            behind.since,
            behind.now,
            *(np.float32(x) for x in (beta1, beta2, lr / first, root, kept, group["eps"])),
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.behind = {weight: Behind(len(weight)) for weight in self.behind}


@cache
def powers(beta: float, bits: int) -> np.ndarray:
    """float32 [2^bits] β^0, β^1, …: made anew only where the steps behind have doubled."""
    return (beta ** np.arange(1 << bits)).astype(np.float32)


def each_row_once(gradient: torch.Tensor) -> torch.Tensor:
    """A sparse gradient; the sum of several passes' has rows twice. Torch's own sign of it is lost where it is given to
    a weight."""
    return gradient if (gradient._indices().diff() > 0).all() else gradient.coalesce()


class _Pooled(torch.autograd.Function):
    """`pooled` whose gradient has the rows that were read alone, each once and in ascending order; torch's own
    sparse one has a row for each time that it was read."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any,
        table: torch.Tensor,
        numbers: torch.Tensor,
        offsets: torch.Tensor,
        weights: torch.Tensor | None,
        rows: np.ndarray,
        places: np.ndarray,
    ) -> torch.Tensor:
        lengths = np.diff(offsets.numpy())
        means = np.repeat((1 / np.maximum(lengths, 1)).astype(np.float32), lengths)
        ctx.shares = means if weights is None else weights.numpy()
        ctx.offsets, ctx.rows, ctx.places, ctx.shape = offsets.numpy(), rows, places, table.shape
        return pooled(table, numbers, offsets, weights)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        values = np.zeros((len(ctx.rows), ctx.shape[1]), np.float32)
        _add_up(ctx.places, ctx.offsets, ctx.shares, gradient.contiguous().numpy(), values)
        made = torch.sparse_coo_tensor(
            torch.from_numpy(ctx.rows)[None], torch.from_numpy(values), ctx.shape, check_invariants=False
        )
        return made, None, None, None, None, None


@compiled(error_model="numpy")
def _add_up(places, offsets, shares, gradient, values):  # pragma: no cover
    """To `values` what the lists that they are in have to say to each, as much as its share in them."""
    for one in range(len(offsets) - 1):
        for t in range(offsets[one], offsets[one + 1]):
            for k in range(values.shape[1]):
                values[places[t], k] += gradient[one, k] * shares[t]


@compiled(error_model="numpy")
def _catch_up(rows, weight, mean, square, since, moved, kept, fade1, fade2, eps):  # pragma: no cover
    now = len(moved) - 1
    for row in rows:
        then = since[row]
        if then == now:
            continue
        push, left, left1, left2 = moved[then], kept[then], fade1[now - then], fade2[now - then]
        for k in range(weight.shape[1]):
            m, v = mean[row, k], square[row, k]
            weight[row, k] = weight[row, k] * left - push * (m / (np.sqrt(v) + eps))
            mean[row, k] = m * left1
            square[row, k] = v * left2
        since[row] = now


@compiled(error_model="numpy")
def _move(
    rows, gradient, weight, mean, square, since, now, beta1, beta2, rate, root, kept, eps
):  # pragma: no cover
    one = np.float32(1)
    for i in range(len(rows)):
        row = rows[i]
        for k in range(weight.shape[1]):
            g = gradient[i, k]
            m = mean[row, k] + (g - mean[row, k]) * (one - beta1)
            v = square[row, k] * beta2 + (one - beta2) * g * g
            mean[row, k] = m
            square[row, k] = v
            weight[row, k] = weight[row, k] * kept - rate * (m / (np.sqrt(v) / root + eps))
        since[row] = now
