"""Sessions of ``requests`` that connect only where they may, and whose answers are bounded in bytes and time.

``guard_session`` stands between a session and its connections, so nothing that is done with the session gets
around it: an absolute URL, a redirect, a proxy that the environment names.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from http.client import HTTPException, HTTPResponse
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from config.customerio.hosts import check_connection
from config.inflating import InflateError, inflated

MOST_HEADER_BYTES = 64 * 1024
"""Status line and headers of an answer, with those of the interim answers before it."""

MOST_BODY_BYTES = 1024 * 1024
"""An answer's body, as sent and as inflated."""

_PIECE_BYTES = 65_536
# After so many pieces of a body other greenlets get their turn: a body of one byte per chunk has a million.
_PIECES_PER_TURN = 1000

Within = Callable[[float], AbstractContextManager[object]]
"""Gives a context that ends after so many seconds with a ``TimeoutError``."""


def plain_session(most_body_bytes: int = MOST_BODY_BYTES, *, allow_live: bool = False) -> requests.Session:
    """Return a guarded session that takes nothing from the environment: no proxy, no ``.netrc``."""
    session = requests.Session()
    session.trust_env = False
    guard_session(session, allow_live=allow_live, most_body_bytes=most_body_bytes)
    follow_no_redirect(session)
    return session


def follow_no_redirect(session: requests.Session) -> None:
    """Let a redirect be an answer like any other, also one whose ``Location`` is no URL.

    With ``allow_redirects=False`` alone, requests prepares the next request and fails where it cannot.
    """
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign] # a public method


def guard_session(
    session: requests.Session,
    *,
    allow_live: bool,
    most_body_bytes: int | None = MOST_BODY_BYTES,
    within: Within = nullcontext,
) -> None:
    """Guard every connection that a session opens from now on.

    An answer that is too large has no content, and says why in ``body_flaw``. A request with ``stream=True``
    reads its body itself.

    Args:
        session: whose adapters are replaced by guarded ones.
        allow_live: whether it may connect to hosts under customer.io.
        most_body_bytes: of an answer; ``None`` leaves answers unbounded, as they are.
        within: limits the whole of a request to its ``timeout``. Without it that limits connecting, and
            then the answer.
    """
    for prefix, adapter in list(session.adapters.items()):
        session.mount(prefix, _GuardedAdapter(adapter, allow_live, most_body_bytes, within))


def body_flaw(response: requests.Response) -> str | None:
    """Return why the body of an answer was not read or inflated, or ``None``."""
    flaw: str | None = vars(response).get("body_flaw")
    return flaw


class _GuardedAdapter(BaseAdapter):
    def __init__(
        self, adapter: BaseAdapter, allow_live: bool, most_body_bytes: int | None, within: Within
    ) -> None:
        super().__init__()
        self._adapter = adapter
        self._allow_live = allow_live
        self._most_body_bytes = most_body_bytes
        self._within = within
        if most_body_bytes is not None and isinstance(adapter, HTTPAdapter):
            adapter.poolmanager.pool_classes_by_scheme = _pool_classes(
                MOST_HEADER_BYTES + 2 * most_body_bytes
            )

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        url = request.url or ""
        check_connection(url, allow_live=self._allow_live)
        proxy = select_proxy(url, proxies)
        if proxy:
            # A proxy is no workspace: none is allowed by --allow-live.
            check_connection(proxy if "://" in proxy else f"http://{proxy}", allow_live=False)
        reads_here = self._most_body_bytes is not None and not stream
        limit = self._within(timeout) if isinstance(timeout, int | float) else nullcontext()
        try:
            with limit:
                response = self._adapter.send(request, stream or reads_here, timeout, verify, cert, proxies)
                if self._most_body_bytes is not None and reads_here:
                    _read_body(response, self._most_body_bytes)
        except TimeoutError as error:
            raise requests.ReadTimeout(error, request=request) from error
        return response

    def close(self) -> None:
        self._adapter.close()


def _read_body(response: requests.Response, most_bytes: int) -> None:
    """Read the body into the response, as far as it may be."""
    body, flaw = b"", None
    try:
        body = _bounded_body(response, most_bytes)
        body = inflated(body, response.headers.get("Content-Encoding", ""), most_bytes)
    except (_ExcessError, InflateError) as error:
        body, flaw = b"", str(error)
        response.raw.close()
    except HTTPError as error:
        response.raw.close()
        excess = _excess_behind(error)
        if excess is None:
            raise requests.ConnectionError(error, request=response.request) from error
        flaw = str(excess)
    vars(response).update(_content=body, _content_consumed=True, body_flaw=flaw)


def _bounded_body(response: requests.Response, most_bytes: int) -> bytes:
    body = bytearray()
    for number, piece in enumerate(response.raw.stream(_PIECE_BYTES, decode_content=False)):
        body += piece
        if len(body) > most_bytes:
            raise _ExcessError(f"body of more than {most_bytes} bytes")
        if number % _PIECES_PER_TURN == _PIECES_PER_TURN - 1:
            time.sleep(0)
    return bytes(body)


class _ExcessError(HTTPException):
    """An answer goes beyond a bound."""


def _excess_behind(error: BaseException) -> _ExcessError | None:
    link: BaseException | None = error
    while link is not None and not isinstance(link, _ExcessError):
        link = link.__context__
    return link


class _BoundedStream(io.RawIOBase):
    """The bytes of one answer, up to a number and a deadline.

    Args:
        raw: the connection's.
        connection: whose timeout counts for the whole answer; by itself it starts anew with each byte.
    """

    def __init__(self, raw: io.RawIOBase, connection: socket.socket) -> None:
        self._raw = raw
        self._connection = connection
        self._left = MOST_HEADER_BYTES
        self._what = f"headers of more than {MOST_HEADER_BYTES} bytes"
        seconds = connection.gettimeout()
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def allow(self, most_bytes: int) -> None:
        """Allow so many further bytes."""
        self._left = most_bytes
        self._what = f"answer of more than {most_bytes} bytes"

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise _ExcessError(self._what)
        if self._deadline is not None:
            seconds = self._deadline - time.monotonic()
            if seconds <= 0:
                raise TimeoutError("no whole answer in time")
            self._connection.settimeout(seconds)
        count: int = self._raw.readinto(buffer)
        self._left -= count
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """An answer whose every byte comes through a ``_BoundedStream``; interim answers are passed over."""

    def __init__(self, connection: socket.socket, *given: Any, most_wire_bytes: int, **named: Any) -> None:
        super().__init__(connection, *given, **named)
        self._most_wire_bytes = most_wire_bytes
        raw = self.fp.detach()
        self._stream = _BoundedStream(raw, connection)
        self.fp = io.BufferedReader(self._stream)

    def begin(self) -> None:
        super().begin()
        # Python's client passes over a 100 alone, and takes another interim answer for the answer.
        while 100 <= self.status < 200 and self.status != 101:
            self.headers = self.msg = None  # type: ignore[assignment] # as before the first one
            super().begin()
        self._stream.allow(self._most_wire_bytes)


def _pool_classes(most_wire_bytes: int) -> dict[str, Any]:
    """Return the pools whose connections read bounded answers."""

    def response_of(*given: Any, **named: Any) -> _BoundedResponse:
        return _BoundedResponse(*given, most_wire_bytes=most_wire_bytes, **named)

    class Plain(HTTPConnection):
        response_class = staticmethod(response_of)  # type: ignore[assignment] # called, never subclassed

    class Tls(HTTPSConnection):
        response_class = staticmethod(response_of)  # type: ignore[assignment]

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}
