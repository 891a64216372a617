"""Memory that is free within this process, given back to the operating system."""

from __future__ import annotations

import ctypes

import pyarrow as pa


def trim_memory() -> None:
    """Batch after batch leaves holes between what stays, which the C library keeps: given back where it can (glibc)."""
    pa.default_memory_pool().release_unused()
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):  # another C library, or another system
        return
    trim(0)
