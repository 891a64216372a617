"""A training on several devices at once, a process for each: they take batches in turn and average their gradients."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import distributed
from torch.multiprocessing import ProcessExitedException, start_processes

from goods.core.artifacts import read_json, write_json
from goods.core.errors import GoodsError
from goods.core.log import saying_to
from goods.core.processes import begin_in
from goods.models.base import Context
from goods.models.inference import threads
from goods.models.network import Network, cpu_weights
from goods.models.ranks import Rank

SAID, WEIGHTS = "said.json", "network.safetensors"


def on_devices(
    train: Callable[..., int], net: Network, given: tuple[Any, ...], context: Context, devices: int
) -> int:
    """`train(net, *given, context, rank)` in `devices` processes; its answer on rank 0, whose weights `net` gets.

    GoodsError where the machine has fewer GPUs, where training raises one, or where a process is killed.
    """
    on_gpu = context.device.startswith("cuda")
    if on_gpu and torch.cuda.device_count() < devices:
        raise GoodsError(
            f"trainer.devices is {devices}, this machine has {torch.cuda.device_count()} GPU to use; set it lower"
        )
    # of what a context has, a loop needs no data: each process would get a copy
    context = replace(context, images=None, products=None, upstream={}, scores={}, kept=None)
    with TemporaryDirectory(prefix="goods-ranks-") as name:
        folder = Path(name)
        call = (train, net, given, context, devices, os.getpid(), folder)
        started = start_processes(_take_part, call, devices, join=False, start_method="spawn")  # type: ignore[no-untyped-call]
        try:
            while not started.join():
                pass
        except ProcessExitedException as error:
            raise GoodsError(f"a process of the training ended too early: {error}; run again") from None
        finally:
            for process in started.processes:
                process.kill()
        said: dict[str, Any] = read_json(folder / SAID)
        if "error" in said:
            raise GoodsError(said["error"])
        net.load_state_dict(load_file(folder / WEIGHTS))
        return int(said["answer"])


def _take_part(
    number: int,
    train: Callable[..., int],
    net: Network,
    given: tuple[Any, ...],
    context: Context,
    devices: int,
    parent: int,
    folder: Path,
) -> None:
    """What one process does; rank 0 leaves the answer and the weights, or what was wrong, in `folder`."""
    begin_in(parent, gettempdir())
    each = max(1, context.threads // devices)
    os.environ["LOCAL_RANK"] = str(number)
    os.environ["OMP_NUM_THREADS"] = str(each)  # else lightning divides the machine's cores
    if sys.platform == "linux":
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"  # all are on this machine, whatever its name leads to
    first = number == 0
    device = f"cuda:{number}" if context.device.startswith("cuda") else context.device
    own = replace(context, device=device, threads=each, progress=context.progress and first)
    # all processes are given the same memory
    net = copy.deepcopy(net)
    said: dict[str, Any] = {}
    _meet(f"file://{folder / 'meeting'}", number, devices, device)
    try:
        with threads(own), nullcontext() if first else saying_to(lambda _: None):
            said["answer"] = train(net, *given, own, Rank(number, devices))
        if first:
            save_file(cpu_weights(net), folder / WEIGHTS)
    except GoodsError as error:
        said["error"] = str(error)
    if first:
        write_json(folder / SAID, said)
    distributed.destroy_process_group()


def _meet(meeting: str, number: int, devices: int, device: str) -> None:
    on_gpu = device.startswith("cuda")
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo",
        init_method=meeting,
        rank=number,
        world_size=devices,
        device_id=torch.device(device) if on_gpu else None,
    )
