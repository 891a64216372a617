"""What a container lets this process have: limits of its control groups, version 2 or 1 (kernel documentation,
admin-guide/cgroup-v2.rst and cgroup-v1/)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")  # lines "number:controllers:path"; the path of version 2 has no controllers


@cache
def cpu_limit() -> float | None:
    """CPUs' worth of time; None where there is no limit. It stays what it was when it was first asked for: threads, and
    with them bytes, follow from it, and a plan within limits asks thousands of times."""
    return min((limit for limit, _ in _cpu_limits()), default=None)


def cpu_taken() -> float | None:
    """Seconds that all processes within the least limit of CPUs have taken so far; None where there is no limit, or
    none tells."""
    _, folder = min(_cpu_limits(), default=(0.0, None))
    if folder is None:
        return None
    micro, nano = _stat(folder / "cpu.stat", "usage_usec"), _numbers(folder / "cpuacct.usage")[0]
    return micro / 1e6 or (nano or 0) / 1e9 or None


def _cpu_limits() -> Iterator[tuple[float, Path]]:
    """CPUs' worth of time that each group that has a limit may take."""
    for folder in _groups("cpu"):
        quota, period = _numbers(folder / "cpu.max")
        if quota is None:
            quota, period = (_numbers(folder / f"cpu.cfs_{name}_us")[0] for name in ("quota", "period"))
        if quota and period and quota > 0:
            yield quota / period, folder


def free_memory() -> int | None:
    """Bytes left until a limit is met, files that the kernel would drop not counted; None where there is no limit."""
    found = []
    for folder in _groups("memory"):
        for most, used, dropped in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            limit, taken = _numbers(folder / most)[0], _numbers(folder / used)[0]
            if limit is not None and taken is not None:
                found.append(max(0, limit - taken + _stat(folder / "memory.stat", dropped)))
    return min(found, default=None)


def _groups(controller: str) -> Iterator[Path]:
    """This process's groups of a controller and all above them: each may have a limit. Of a path that the container
    does not see only what is above it is there."""
    for line in _text(OWN).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        top = ROOT / controllers if controllers else ROOT
        if not top.is_dir():
            top = ROOT / controller
        own = top / path.strip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(top) and folder.is_dir():
                yield folder


def _numbers(path: Path) -> tuple[int | None, int | None]:
    """The first two words of a file; None for what is missing or no number ("max")."""
    words = [int(w) if w.lstrip("-").isdigit() else None for w in _text(path).split()[:2]]
    first, second, *_ = (*words, None, None)
    return first, second


def _stat(path: Path, name: str) -> int:
    lines = (line.split() for line in _text(path).splitlines())
    return next((int(words[1]) for words in lines if len(words) == 2 and words[0] == name), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
