"""One connection of one VU: sends a request's bytes, waits for the whole answer, stays open for the next.

The event loop calls ``_on_readable`` itself, outside any greenlet, so a VU is switched to once per
answer, when the whole of it is there. The watcher stays armed between requests: that saves a system
call per request, and shows at once when the server closes an idle connection.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gevent
from gevent import monkey
from gevent import socket as gevent_socket

from users.http.addresses import Address, Addresses
from users.http.answer import AnswerError, AnswerReader
from users.http.tls import TlsLayer

if TYPE_CHECKING:
    from greenlet import greenlet

_PIECE_BYTES = 65_536
# What libev calls the two events of a file.
_READABLE = 1
_WRITABLE = 2

# gevent's socket class waits inside send and recv; the connection has a watcher of its own for that.
_PlainSocket: type[socket.socket] = monkey.get_original("socket", "socket")


class DeadlineError(Exception):
    """The whole answer was not there in time."""


class StaleConnectionError(Exception):
    """A kept connection was closed by the server before any byte of an answer."""


KEPT_CONNECTION_CLOSED = "kept connection closed while idle"
"""The detail of a failure that says more of the server's keep-alive time than of the request."""


@dataclass(frozen=True)
class Server:
    """Where connections go; ``tls`` says whom to trust, ``None`` is plain HTTP.

    ``addresses`` are those of the host, for all connections to this server.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    addresses: Addresses = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "addresses", Addresses(self.host, self.port))


class Connection:
    """Sends requests one after another; ``reader`` has the last answer, ``received_at`` when it was whole.

    Not for more than one greenlet at a time. Deadlines must not go back: the timer is set for the first.

    Args:
        server: where to connect to, at the first request and after each loss of the connection.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._hub = gevent.get_hub()
        self.reader = AnswerReader()
        self._socket: socket.socket | None = None
        self._tls: TlsLayer | None = None
        self._watcher: Any = None
        self._write_watcher: Any = None
        self._unsent = b""
        self._waiting: greenlet | None = None
        self._fault: Exception | None = None
        # The monotonic instant of the last bytes received: before they are parsed and the VU's turn comes.
        self.received_at = 0.0
        self._deadline = 0.0
        self._timer: Any = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection that a request can be sent on."""
        return self._socket is not None

    def look(self) -> None:
        """Close the connection if the server has closed it, or has sent what nobody asked for.

        The event loop sees that by itself when its turn comes; this looks at once.
        """
        if self._socket is not None:
            self._on_readable()

    def exchange(self, request: bytes, deadline: float) -> None:
        """Send a request and wait for its whole answer, until the monotonic instant ``deadline``.

        Raises:
            StaleConnectionError: the connection was kept from an earlier request, and closed meanwhile.
            DeadlineError: not all of it was there in time.
            AnswerError: what came is no HTTP answer, is not whole, or is too large.
            OSError: no connection, or it broke.
        """
        is_kept = self._socket is not None
        if not is_kept:
            self._connect(deadline)
        self._fault = None
        try:
            self._send(request if self._tls is None else self._tls.encrypt(request))
        except OSError as error:
            self._fault = error
        # Nothing is read before the VU waits, so the request need not wait for this.
        self.reader.begin()
        if self._fault is None:
            self._watch_deadline(deadline)
            self._wait()
        if self._fault is None:
            if not self.reader.may_keep_connection or self._unsent:
                self.close()
            self.reader.inflate_body()
            return
        fault, self._fault = self._fault, None
        is_stale = is_kept and not self.reader.has_begun and not isinstance(fault, DeadlineError)
        self.close()
        if is_stale:
            raise StaleConnectionError(KEPT_CONNECTION_CLOSED) from fault
        raise fault

    def close(self) -> None:
        """Close the connection, if there is one."""
        for watcher in (self._watcher, self._write_watcher):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._watcher = self._write_watcher = None
        if self._socket is not None:
            # Answers broken off have a parser that is in the middle of something.
            self.reader = self.reader if self.reader.is_complete else AnswerReader()
            self._socket.close()
        self._socket = self._tls = None
        self._unsent = b""

    def end(self) -> None:
        """Close for good: the timer goes too."""
        self.close()
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    # In the VU's greenlet.

    def _connect(self, deadline: float) -> None:
        """Look up the name, connect and shake hands, all by the deadline."""
        seconds = max(0.0, deadline - time.monotonic())
        with gevent.Timeout(seconds, DeadlineError(f"no connection within {seconds:.3g} s")):
            waiting_socket = _connected(self._server.addresses)
            try:
                waiting_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._server.tls is not None:
                    self._tls = _shake_hands(waiting_socket, self._server.tls, self._server.host)
            except BaseException:
                self._tls = None
                waiting_socket.close()
                raise
        family, kind, protocol = waiting_socket.family, waiting_socket.type, waiting_socket.proto
        self._socket = _PlainSocket(family, kind, protocol, fileno=waiting_socket.detach())
        self._socket.setblocking(False)
        self.reader = AnswerReader()
        self._watcher = self._hub.loop.io(self._socket.fileno(), _READABLE)
        self._watcher.start(self._on_readable)

    def _send(self, data: bytes) -> None:
        """Send what the socket takes now; the rest goes when it takes more."""
        open_socket = self._socket
        if open_socket is None:
            raise OSError(errno.ENOTCONN, "connection is closed")
        try:
            sent = open_socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
            # The server may have answered before it closed: reading decides.
            self._unsent = data
            return
        if sent < len(data):
            self._unsent = data[sent:]
            if self._write_watcher is None:
                self._write_watcher = self._hub.loop.io(open_socket.fileno(), _WRITABLE)
                self._write_watcher.start(self._on_writable)

    def _wait(self) -> None:
        """Let others run until the answer or a fault is there."""
        self._waiting = gevent.getcurrent()
        try:
            self._hub.switch()
        except BaseException:
            # The VU is being stopped; the answer that is still under way is nobody's.
            self._waiting = None
            self.close()
            raise

    def _watch_deadline(self, deadline: float) -> None:
        # The timer is left running from request to request, and looks at the deadline when it fires: one
        # start per timeout and VU in place of a start and a stop per request (0.3 us).
        self._deadline = deadline
        if self._timer is None:
            self._start_timer()

    # In the event loop; nothing here may wait or raise.

    def _start_timer(self) -> None:
        self._timer = self._hub.loop.timer(max(0.0, self._deadline - time.monotonic()))
        self._timer.start(self._on_timer, update=True)

    def _on_timer(self) -> None:
        self._timer.close()
        self._timer = None
        if self._waiting is None:
            return
        if self._deadline > time.monotonic():
            self._start_timer()
        else:
            self._finish(DeadlineError("no whole answer in time"))

    def _on_writable(self) -> None:
        open_socket = self._socket
        if open_socket is None:
            return
        is_broken = False
        try:
            self._unsent = self._unsent[open_socket.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            # As above: reading decides what became of the request.
            is_broken = True
        if is_broken or not self._unsent:
            self._write_watcher.stop()
            self._write_watcher.close()
            self._write_watcher = None

    def _on_readable(self) -> None:
        open_socket = self._socket
        if open_socket is None:
            return
        try:
            data = open_socket.recv(_PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._finish(error)
            return
        self.received_at = time.monotonic()
        has_ended = not data
        try:
            if self._tls is not None and data:
                data, reply, has_ended = self._tls.decrypt(data)
                if reply:
                    self._send(self._unsent + reply)
            if data:
                if self._waiting is None:
                    raise AnswerError("bytes that nobody asked for")
                self.reader.feed(data)
            if has_ended and not self.reader.is_complete:
                self.reader.end()
        except (AnswerError, OSError) as error:
            self._finish(error)
            return
        if has_ended:
            self.reader.may_keep_connection = False
        if self._waiting is None:
            if has_ended:
                self.close()
        elif self.reader.is_complete:
            self._finish(None)

    def _finish(self, fault: Exception | None) -> None:
        """Switch to the VU that waits; with nobody waiting the connection is of no more use."""
        self._fault = fault
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            self.close()
        else:
            waiting.switch()


def _connected(addresses: Addresses) -> Any:
    """Return a socket of gevent's that is connected to the first address that answers.

    Raises:
        OSError: none does; that of the last one.
    """
    fault: OSError = ConnectionError("the name has no address")
    for address in addresses.get():
        try:
            return _connected_to(address)
        except OSError as error:
            fault = error
    addresses.forget()
    raise fault


def _connected_to(address: Address) -> Any:
    family, socket_address = address
    waiting_socket = gevent_socket.socket(family, socket.SOCK_STREAM)
    try:
        waiting_socket.connect(socket_address)
    except BaseException:
        waiting_socket.close()
        raise
    return waiting_socket


def _shake_hands(waiting_socket: Any, context: ssl.SSLContext, hostname: str) -> TlsLayer:
    layer = TlsLayer(context, hostname)
    to_send, is_done = layer.handshake(b"")
    while True:
        if to_send:
            waiting_socket.sendall(to_send)
        if is_done:
            return layer
        received = waiting_socket.recv(_PIECE_BYTES)
        if not received:
            raise ConnectionError("connection closed within the TLS handshake")
        to_send, is_done = layer.handshake(received)
