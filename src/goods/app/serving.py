"""The page at an address of this machine, until it is stopped."""

from __future__ import annotations

import errno
import socket
import threading
from typing import TYPE_CHECKING

from goods.core.errors import GoodsError
from goods.core.log import say

if TYPE_CHECKING:
    import gradio

PORTS = range(1, 1 << 16)


def check_address(host: str, port: int) -> None:
    """GoodsError, before models are loaded, where nothing can listen there."""
    if port not in PORTS:
        raise GoodsError(f"--port {port}: expected a number from {PORTS[0]} to {PORTS[-1]}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise taken(port) from None
        if isinstance(error, PermissionError):
            raise GoodsError(f"--port {port}: not allowed to listen there; name one above 1023") from None
        raise GoodsError(
            f"--host {host}: is no address of this machine; leave it out, or give 0.0.0.0"
        ) from None


def taken(port: int) -> GoodsError:
    return GoodsError(f"--port {port}: another program listens there; name another port")


def serve(page: gradio.Blocks, host: str, port: int) -> None:
    """Returns never: Ctrl-C raises KeyboardInterrupt."""
    try:
        _, url, _ = page.queue().launch(
            server_name=host,
            server_port=port,
            share=False,
            show_error=True,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError:  # taken since it was checked
        raise taken(port) from None
    say(f"{url}  (Ctrl-C ends it)")
    threading.Event().wait()
