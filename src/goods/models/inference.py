"""A network asked batch by batch."""

from __future__ import annotations

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
    """Torch on `context.threads` threads, which on a CPU add up in the same order each time; as before afterwards."""
    before, repeatable = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(context.threads)
    if not context.device.startswith("cuda"):
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(repeatable, warn_only=True)


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
