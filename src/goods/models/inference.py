"""A network asked batch by batch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from goods.models.base import Context
from goods.models.network import Network
from goods.models.rows import BatchOrder, Rows


@contextmanager
def threads(context: Context) -> Iterator[None]:
    """Torch on `context.threads` threads; within, what a device adds up is added in the same order each time. As before
    afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(context.threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # a GPU reads it at its first matrix product
    with repeatable():
        try:
            yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def repeatable(strict: bool = False) -> Iterator[None]:
    """Within, the same inputs give the same bytes. An operation that has no such form is a RuntimeError where `strict`,
    else it is done as it is; so is then the gradient of attention on a GPU, which has one."""
    before = torch.get_deterministic_debug_mode()
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    # `use_deterministic_algorithms` does the same, but imports torch's compiler, which takes a second
    torch.set_deterministic_debug_mode("error" if strict else "warn")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(before)


def cannot_repeat(error: RuntimeError) -> str | None:
    """The operation without an order of its own that `error` is of; None where it is another error."""
    name, found, _ = str(error).partition(" does not have a deterministic implementation")
    return name.split()[-1] if found and name else None


def run_network(
    net: Network, rows: Rows, context: Context, batch_size: int, what: str = "forward"
) -> np.ndarray:
    """float32 [n, C] logits (`what`="forward") or [n, d] embeddings ("embed"), in card order."""
    device = torch.device(context.device)
    net.to(device).eval()
    result: np.ndarray | None = None
    with threads(context), torch.inference_mode():
        for numbers in BatchOrder(rows, batch_size, None):
            batch = {name: value.to(device) for name, value in rows.batch(numbers).items()}
            part = getattr(net, what)(batch).float().cpu().numpy()
            if result is None:
                result = np.empty((len(rows.target), part.shape[1]), np.float32)
            result[numbers] = part
    return np.empty((0, 0), np.float32) if result is None else result


@contextmanager
def scratch_folder(context: Context) -> Iterator[Path]:
    if context.scratch is not None:
        context.scratch.mkdir(parents=True, exist_ok=True)
        yield context.scratch
        return
    with tempfile.TemporaryDirectory(prefix="goods-") as folder:
        yield Path(folder)
