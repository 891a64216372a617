"""Whether the Hugging Face hub can be asked: its client alone retries for most of a minute per file."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

HUB, SECONDS = ("huggingface.co", 443), 3.0
YES = ("1", "TRUE", "YES", "ON")


def in_reach() -> bool:
    """False under HF_HUB_OFFLINE; else one short attempt to connect."""
    if any(os.environ.get(name, "").upper() in YES for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")):
        return False
    if any(os.environ.get(name) for name in ("HF_ENDPOINT", "HTTPS_PROXY", "https_proxy", "ALL_PROXY")):
        return True  # reached through something else
    try:
        with socket.create_connection(HUB, SECONDS):
            return True
    except OSError:
        return False


@contextmanager
def cached_only(offline: bool) -> Iterator[None]:
    """The hub client answers from its local cache where `offline`."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
