"""A TCP server whose every byte and pause is the test's own, for what no HTTP library would send."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import gevent
from gevent.event import Event

Script = Callable[["Peer"], None]


class Peer:
    """One accepted connection, as a script sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = b""

    def request(self) -> bytes:
        """Read one whole request; empty if the client has closed."""
        while b"\r\n\r\n" not in self._received:
            if not self._receive():
                return b""
        head, _, rest = self._received.partition(b"\r\n\r\n")
        lengths = [
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ]
        length = lengths[0] if lengths else 0
        while len(rest) < length:
            if not self._receive():
                return b""
            rest = self._received.partition(b"\r\n\r\n")[2]
        self._received = rest[length:]
        return head + b"\r\n\r\n" + rest[:length]

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def wait_for_close(self) -> None:
        """Return when the client has closed its side."""
        with suppress(OSError):
            while self._receive():
                pass

    def reset(self) -> None:
        """Close with a RST in place of a FIN."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def close(self) -> None:
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _receive(self) -> bytes:
        received = self._connection.recv(65_536)
        self._received += received
        return received


class ScriptedServer:
    """Runs the next script on each connection, and the last one on all that follow.

    ``connections`` counts them, ``requests`` has what scripts have read.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self._scripts = list(scripts)
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.last_ended = Event()

    @contextmanager
    def serving(self) -> Iterator[ScriptedServer]:
        acceptor = gevent.spawn(self._accept)
        try:
            yield self
        finally:
            acceptor.kill()
            self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            script = self._scripts[min(self.connections, len(self._scripts) - 1)]
            self.connections += 1
            gevent.spawn(self._run, connection, script)

    def _run(self, connection: socket.socket, script: Script) -> None:
        # A client that does not trust us, or has had enough, is the test's business and not an error here.
        with suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            peer = Peer(connection)
            try:
                script(peer)
            finally:
                peer.close()
        self.last_ended.set()
