"""Jobs on the machines of a Ray cluster, which see the work folder as this one does."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from goods.core.errors import GoodsError
from goods.core.execution import (
    ANY_GPU,
    MEMORY,
    Resources,
    cores,
    running_on,
)
from goods.core.log import say
from goods.core.ray_worker import SOURCE, Home, Outcome, on_worker, source_hash
from goods.core.scratch import NAMES, folder_in, own_folder, system_temporary
from goods.core.wording import in_a_line

MISSING = "--executor ray: Ray is not installed; pip install 'goods[ray]'"
RETRIES = 3  # of a job whose machine or process is lost
POLL = 0.2  # seconds between two looks at jobs, and at Ctrl-C
LOOK = 5.0  # seconds between two looks at machines
SETTLED = 1.0  # seconds in which jobs that end with the first one that fails have answered
STORE = 1 << 28  # bytes of the object store of a cluster that is started here: jobs talk through files
# what joblib sets for processes of its own, for the libraries that read it when they are loaded
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@contextmanager
def cluster(address: str | None, work: Path) -> Iterator[None]:
    """Within, jobs run on the cluster at `address` ("auto": the one this machine belongs to; None: one that is started
    here and ends with this process), which shares the folder `work`."""
    if find_spec("ray") is None:
        raise GoodsError(MISSING)
    with ExitStack() as opened:
        folder = opened.enter_context(folder_in(work))
        with system_temporary():
            _connect(address, opened)
        home = Home(Path.cwd(), folder, source_hash(), cores())
        opened.enter_context(running_on(RayJobs(home, address is None)))
        yield


def _connect(address: str | None, opened: ExitStack) -> None:
    """Until `opened` is closed: then go the files of a cluster that is started here, which Ray would leave."""
    import ray

    if address is not None and "://" in address:
        raise GoodsError(
            f"--address {address}: not supported, the work folder is to be seen from here; run on a machine of the "
            "cluster with --address auto or host:port of its head"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # what Ray says of machines that are lost goes to stdout, among the results, and no setting keeps it back
    ray._private.worker._worker_logs_enabled = False
    here: dict[str, Any] = {}
    try:
        if address is None:
            # sockets' paths have to be short: not in the work folder
            place = next(filter(None, map(os.environ.get, ("RAY_TMPDIR", "TMPDIR"))), "/tmp")
            sessions = opened.enter_context(own_folder(Path(place), "goods-ray-"))
            here = {"num_cpus": cores(), "object_store_memory": STORE, "_temp_dir": str(sessions)}
            here |= {"include_dashboard": False}
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.CRITICAL, **here)
        opened.callback(ray.shutdown, wait_for_processes=address is None)
    except Exception as error:
        told = str(error).strip().splitlines() or [type(error).__name__]
        where = (
            "no cluster can be started here" if address is None else f"--address {address}: no cluster there"
        )
        raise GoodsError(f"{where} ({told[0]}); start one with: ray start --head") from None


@dataclass
class RayJobs:
    """Ray's machines as `execution.Remote`. `here`: they are this one alone."""

    home: Home
    here: bool
    read: dict[Path, int] = field(default_factory=dict)

    @property
    def has_gpus(self) -> bool:
        return any(machine.get("GPU", 0) >= 1 for machine in self.machines())

    def machines(self) -> list[dict[str, float]]:
        import ray

        return [node["Resources"] for node in ray.nodes() if node["Alive"]]

    def room(self, given: Resources, memory: int = MEMORY) -> int:
        needs = self.needs(given, memory)
        return max(1, int(sum(min(m[name] // n for name, n in needs.items()) for m in self.able(needs))))

    def needs(self, given: Resources, memory: int) -> dict[str, float]:
        """What Ray reserves for a job; no more memory than a machine has, as a job by itself starts in any case.
        GoodsError where no machine has the rest."""
        needs: dict[str, float] = {"CPU": given.threads}
        if given.device == ANY_GPU:
            needs["GPU"] = 1
        most = max((m.get("memory", 0) for m in self.able(needs)), default=0)
        return needs | {"memory": int(min(memory, most))}

    def able(self, needs: dict[str, float]) -> list[dict[str, float]]:
        machines = self.machines()
        found = [m for m in machines if all(m.get(name, 0) >= n for name, n in needs.items())]
        if not found:
            wanted = " and ".join(f"{n:g} {name}" for name, n in needs.items())
            most = "; ".join(", ".join(f"{m.get(name, 0):g} {name}" for name in needs) for m in machines)
            raise GoodsError(
                f"no machine of the cluster has {wanted}, which a job takes where the run was started; the machines "
                f"have: {most or 'nothing'}; give the run fewer cores (taskset -c 0-3 …) or the cluster another machine"
            )
        return found

    def results(
        self,
        job: Callable[..., Any],
        arguments: Iterable[tuple],
        given: Resources,
        most: int,
        memory: int = MEMORY,
    ) -> Generator[Any]:
        import ray

        needs = self.needs(given, memory)
        task = ray.remote(max_calls=0)(on_worker).options(
            num_cpus=needs["CPU"],
            num_gpus=needs.get("GPU", 0),
            memory=needs["memory"],
            max_retries=RETRIES,
            runtime_env={"env_vars": self.environment(given)},
        )
        left, turn, more, looked = iter(arguments), 0, True, time.monotonic()
        waiting: dict[Any, int] = {}
        ready: dict[int, Any] = {}
        try:
            while more or waiting or ready:
                while more and len(waiting) + len(ready) < most:
                    args = next(left, None)
                    if args is None:
                        more = False
                        break
                    waiting[task.remote(self.home, job, given, *args)] = turn + len(waiting) + len(ready)
                for reference in ray.wait(list(waiting), timeout=POLL)[0] if waiting else ():
                    ready[waiting.pop(reference)] = self.outcome(reference).get()
                self.tell()
                while turn in ready:
                    value = ready.pop(turn)
                    turn += 1
                    yield value
                if time.monotonic() - looked > LOOK:
                    self.able(needs)
                    looked = time.monotonic()
        finally:
            # a job that answers while it is cancelled makes Ray end this process
            under_way = (
                ray.wait(list(waiting), num_returns=len(waiting), timeout=SETTLED)[1] if waiting else []
            )
            for reference in under_way:
                ray.cancel(reference, force=True)
            self.tell()

    def environment(self, given: Resources) -> dict[str, str]:
        """Of a process that runs jobs."""
        paths = [str(SOURCE.parent), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        found = {name: str(given.threads) for name in THREADS}
        found["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(str(Path(path).absolute()) for path in paths))
        for name in ("TOKENIZERS_PARALLELISM", *(NAMES if self.here else ())):
            if name in os.environ:
                found[name] = os.environ[name]
        return found

    @staticmethod
    def outcome(reference: Any) -> Outcome:
        """GoodsError where there is none: a machine was lost as often as is borne, or Ray could not start the job."""
        import ray

        try:
            return ray.get(reference)
        except ray.exceptions.RayError as error:
            told = in_a_line(error) or type(error).__name__
            raise GoodsError(
                f"a job was lost on the cluster ({type(error).__name__}: {told}); run the same command again: it goes "
                "on where it stopped"
            ) from None

    def tell(self) -> None:
        """Say what jobs have said since the last time."""
        for path in sorted(self.home.shared.iterdir()):
            with path.open("rb") as file:
                file.seek(self.read.get(path, 0))
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self.read[path] = self.read.get(path, 0) + len(whole)
            for line in whole.decode("utf-8").splitlines():
                say(line)
