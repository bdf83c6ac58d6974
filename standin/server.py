"""Runs the application in uvicorn: listening socket, TLS, event loop, start and stop."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import signal
import socket
import ssl
import sys
from dataclasses import dataclass
from types import FrameType

import uvicorn

from standin.app import StandIn
from standin.connection import StandinProtocol
from standin.control import Control

# A load generator's connections are idle between its stages. A connection that closes just as a request
# is sent looks like a failure of the target, so idle connections stay open for an hour.
_KEEP_ALIVE_SECONDS = 3600
_TICKS_PER_MINUTE = 600
_BACKLOG = 4096
_LOCAL_NAMES = ("127.0.0.1", "::1", "localhost")


class TrustmeMissing(Exception):  # noqa: N818 - a condition that the command reports
    """The package that makes certificates is not installed."""


@dataclass(frozen=True)
class ThrowAwayTls:
    """The server's TLS context, whose key exists only in memory, and the authority for clients to trust."""

    context: ssl.SSLContext
    authority_pem: bytes


def bind(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket. Port 0 lets the system choose a free port.

    Raises:
        OSError: the host does not exist, or the port is in use.
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


def make_tls(host: str) -> ThrowAwayTls:
    """Make an authority, and a certificate from it for this machine's local names and for ``host``.

    Raises:
        TrustmeMissing: trustme is not installed.
    """
    try:
        import trustme
    except ImportError:
        raise TrustmeMissing from None
    authority = trustme.CA()
    certificate = authority.issue_cert(*dict.fromkeys((*_LOCAL_NAMES, host)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return ThrowAwayTls(context, authority.cert_pem.bytes())


def url_of(listener: socket.socket, scheme: str) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def run(app: StandIn, control: Control, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Serve until SIGTERM or SIGINT, then end the process with exit code 0."""
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
        ssl_context_factory=None if tls is None else lambda config, default: tls,
    )
    ready = f"stand-in for Customer.io listening on {url_of(listener, 'https' if tls else 'http')}"
    # uvicorn handles these signals itself, and raises them again once it has stopped.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _exit)
    _make_full_collections_rare()
    _Server(config, control, ready).run(sockets=[listener])


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(0)


def _make_full_collections_rare() -> None:
    """Make full garbage collections rare: each stops the server, for long with a million people in memory.

    Young objects are still collected; closed connections leave their reference cycles there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 1000)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, control: Control, ready: str) -> None:
        super().__init__(config)
        self._control = control
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._ready, flush=True)  # noqa: T201 - the command's output

    async def on_tick(self, counter: int) -> bool:
        """Close idle connections. uvicorn calls this ten times a second."""
        limit_seconds = self._control.idle_close_seconds
        if limit_seconds is not None:
            self._close_idle(limit_seconds)
        elif counter % _TICKS_PER_MINUTE == 0:
            self._close_idle(_KEEP_ALIVE_SECONDS)
        return await super().on_tick(counter)

    def _close_idle(self, limit_seconds: float) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, StandinProtocol) and connection.idle_seconds() >= limit_seconds:
                connection.transport.close()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cancel requests that hang or wait, instead of waiting for them."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)
