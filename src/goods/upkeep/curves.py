"""Training curves of networks in TensorBoard.

reads: work/<competition>/logs/
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from goods.app.serving import check_address
from goods.core.errors import GoodsError

EVENTS = "events.out.tfevents.*"


def show(logs: Path, host: str, port: int) -> int:
    """Serve the logs below a folder until it is stopped; returns TensorBoard's exit code. GoodsError where there are
    none, or no TensorBoard, or nothing can listen at the address."""
    if not any(logs.rglob(EVENTS)):
        raise GoodsError(
            f"{logs}: no training curves; train an experiment of a network first, such as navec or transformer"
        )
    if find_spec("tensorboard") is None:
        raise GoodsError(
            f"{logs}: the package tensorboard shows them and is not there; install it with pip install tensorboard"
        )
    check_address(host, port)
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--host", host]
    return subprocess.run([*command, "--port", str(port)], check=False).returncode
