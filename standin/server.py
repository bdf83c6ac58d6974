"""Runs the application in uvicorn: socket, event loop, start and stop."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import signal
import socket
import ssl
import sys
import threading
from types import FrameType

import uvicorn

from standin.app import StandIn
from standin.connection import StandinProtocol

# A load generator's connections lie idle between its stages; closing one just as a request comes
# would look like a failure of the target.
_KEEP_ALIVE_SECONDS = 3600
_BACKLOG = 4096


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one.

    Raises:
        OSError: no such host, or the port is in use.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def url_of(listener: socket.socket, scheme: str) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def run(app: StandIn, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Serves until SIGTERM or SIGINT, then ends the process with exit code 0."""
    config = uvicorn.Config(
        app,
        http=StandinProtocol,
        ws="none",
        loop="uvloop" if importlib.util.find_spec("uvloop") else "asyncio",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        backlog=_BACKLOG,
    )
    config.load()
    config.ssl = tls
    ready = f"stand-in for Customer.io listening on {url_of(listener, 'https' if tls else 'http')}"
    # uvicorn handles these signals itself and raises them again when it has stopped.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    _calm_garbage_collection()
    _Server(config, ready).run(sockets=[listener])


def end_with_stdin() -> None:
    """Stops the server, as SIGTERM does, when standard input reaches its end.

    Whoever starts the stand-in holds the other end of that pipe; it closes however that process dies.
    """

    def watch() -> None:
        # Not sys.stdin: its lock, held by this read, would be in the way of the interpreter's end.
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="stdin", daemon=True).start()


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _calm_garbage_collection() -> None:
    """Keeps full collections rare: with a million people in memory each stops the server for long.

    Young objects, where the cycles of closed connections are, are still collected.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 1000)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._ready, flush=True)  # noqa: T201 - the command's output

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends requests that hang or wait instead of waiting for them."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)
