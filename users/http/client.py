"""The client of one VU: one request, one answer or one failure, and what to do about a stale connection."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import certifi

from config.customerio.hosts import check_connection
from config.shown import shown_url
from users.answer_text import AnswerText
from users.http.answer import NO_HEADERS, AnswerError, BodyError
from users.http.connection import (
    KEPT_CONNECTION_CLOSED,
    Connection,
    DeadlineError,
    Server,
    StaleConnectionError,
)
from users.outcome import Failure, FailureKind

_DETAIL_CHARACTERS = 300


class Judge(Protocol):
    """Says what is wrong with an answer, or ``None``."""

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure | None: ...


class Exchange(NamedTuple):
    """What became of one request.

    ``status`` is 0 and ``version`` empty where no whole answer came. ``started`` is the monotonic instant of
    the first byte sent, or of connecting before it; ``duration_ms`` is from there to the last byte received.
    """

    started: float
    duration_ms: float
    failure: Failure | None
    status: int = 0
    version: str = ""
    headers: Mapping[str, str] = NO_HEADERS
    body: bytes = b""


@dataclass(frozen=True)
class Site:
    """Where a client's requests go, and what they all carry.

    With ``is_traced`` each request has a ``traceparent`` of its own.
    """

    base_url: str
    server: Server
    path_prefix: str
    host_header: str
    authorization: str = field(repr=False)
    text: AnswerText
    is_traced: bool = False

    @classmethod
    @lru_cache(maxsize=8)
    def of(
        cls,
        base_url: str,
        authorization: str,
        ca_file: str | None = None,
        *,
        allow_live: bool = False,
        is_traced: bool = False,
    ) -> Site:
        """Return the site of a base URL such as ``https://standin:8443``.

        All VUs share what the first one made: to read certifi's bundle takes 18 ms.

        Args:
            base_url: scheme, host, and port and path if need be.
            authorization: the value of the Authorization header.
            ca_file: PEM certificates to trust in place of certifi's.
            allow_live: whether it may be a host under customer.io.
            is_traced: whether each request has a ``traceparent``.

        Raises:
            ValueError: not such a URL.
            ConfigError: connections to it are refused.
            OSError: the CA file cannot be read.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"expected http(s)://host, got {shown_url(base_url)}")
        check_connection(base_url, allow_live=allow_live)
        is_tls = parts.scheme == "https"
        server = Server(
            parts.hostname,
            parts.port or (443 if is_tls else 80),
            _trust(ca_file) if is_tls else None,
        )
        text = AnswerText.of(authorization)
        host_header = parts.netloc.rpartition("@")[2]
        path_prefix = parts.path.rstrip("/")
        return cls(base_url.rstrip("/"), server, path_prefix, host_header, authorization, text, is_traced)


def _trust(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that trusts what ``requests`` trusts: the file or folder, or certifi's bundle."""
    path = ca_file or certifi.where()
    if Path(path).is_dir():
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)


class FastClient:
    """Sends prepared requests over one kept connection.

    Args:
        server: where to.
        timeout_seconds: for the whole of a request: connecting, sending, and all of the answer.
        resend_all: also send a request that is not idempotent once more when its kept connection turns out
            to be closed. It may then arrive twice.
        on_resent: called when a request is sent once more.
    """

    def __init__(
        self,
        server: Server,
        timeout_seconds: float,
        *,
        resend_all: bool = False,
        on_resent: Callable[[], object] = lambda: None,
    ) -> None:
        self._connection = Connection(server)
        self._timeout_seconds = timeout_seconds
        self._resend_all = resend_all
        self._on_resent = on_resent

    def send(self, request: bytes, judge: Judge, *, is_idempotent: bool) -> Exchange:
        """Send a request, and once more on a fresh connection if the kept one was closed.

        That is what browsers and Go's client do for idempotent requests: RFC 9110, section 9.2.2. Of
        another request it cannot be known whether the server acted on it, so it fails with
        ``KEPT_CONNECTION_CLOSED``.
        """
        connection = self._connection
        if not is_idempotent:
            # A failure here is not made good, so it is worth a look whether the server has closed (1.7 us).
            connection.look()
        started = time.monotonic()
        deadline = started + self._timeout_seconds
        try:
            try:
                connection.exchange(request, deadline)
            except StaleConnectionError:
                if not (is_idempotent or self._resend_all):
                    raise
                self._on_resent()
                connection.exchange(request, deadline)
        except (AnswerError, DeadlineError, StaleConnectionError, OSError) as error:
            return self._failed(error, judge, started, (time.monotonic() - started) * 1000)
        duration_ms = (connection.received_at - started) * 1000
        reader = connection.reader
        status, headers, body = reader.status, reader.headers, reader.body
        return Exchange(
            started, duration_ms, judge(status, headers, body), status, reader.version, headers, body
        )

    def close(self) -> None:
        """Close the connection, if there is one."""
        self._connection.end()

    def _failed(self, error: Exception, judge: Judge, started: float, duration_ms: float) -> Exchange:
        if isinstance(error, BodyError):
            # A status that is a failure by itself stays that failure, whatever is wrong with the body.
            failure = judge(error.status, NO_HEADERS, b"")
            if 200 <= error.status < 300:
                failure = Failure(FailureKind.BAD_BODY, f"HTTP {error.status}, {error}")
            return Exchange(started, duration_ms, failure, error.status)
        if isinstance(error, StaleConnectionError):
            return Exchange(started, duration_ms, Failure(FailureKind.CONNECTION, KEPT_CONNECTION_CLOSED))
        is_timeout = isinstance(error, DeadlineError | TimeoutError)
        kind = FailureKind.TIMEOUT if is_timeout else FailureKind.CONNECTION
        detail = f"{type(error).__name__}: {error}"[:_DETAIL_CHARACTERS]
        return Exchange(started, duration_ms, Failure(kind, detail))
