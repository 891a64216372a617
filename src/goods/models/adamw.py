"""Torch's AdamW as it is used on a CPU."""

from __future__ import annotations

import torch


class AdamW(torch.optim.AdamW):
    """Torch's, on a CPU: no stream of kernels is asked for before each step, which opens a driver's library each time
    where lightning is imported."""

    def _accelerator_graph_capture_health_check(self) -> None:
        return
