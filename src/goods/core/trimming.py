"""Memory that is free within this process: given back to the operating system, or kept."""

from __future__ import annotations

import ctypes

import pyarrow as pa

LARGEST = 2**25 - 2**16  # bytes, just below the largest block that glibc learns from


def keep_freed_memory() -> None:
    """What is freed stays with the process, up to twice LARGEST (glibc): it learns how much is needed from the largest
    block that was freed. What is given back and asked for again costs a page fault for each 4 KB."""
    bytearray(LARGEST)


def trim_memory() -> None:
    """Batch after batch leaves holes between what stays, which the C library keeps: given back where it can (glibc)."""
    pa.default_memory_pool().release_unused()
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):  # another C library, or another system
        return
    trim(0)
