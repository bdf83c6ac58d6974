"""Connections to one host: each request ends in a reply, or in the fault that kept it from coming."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass

import aiohttp
from yarl import URL

from config.customerio.hosts import check_connection
from config.customerio.paths import PIPELINES_PATH
from config.inflating import InflateError, inflated
from config.settings import Credentials, parse_base_url
from pipeline.client.retry_after import parse_retry_after

# A 207 that refuses every item of the largest batch is about 1 MB; nothing else is near it.
_MAX_REPLY_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Reply:
    """A complete reply.

    Args:
        status: its HTTP status.
        body: all of it, decompressed; empty if it is too long or damaged: a part would mean something else.
        retry_after_seconds: how long the server asks to wait, if it does.
        location: where it redirects to.
    """

    status: int
    body: bytes = b""
    retry_after_seconds: float | None = None
    location: str | None = None


@dataclass(frozen=True)
class Fault:
    """What may pass by itself: another attempt may succeed.

    Args:
        word: for a counter: ``429``, ``503``, ``timeout``, ``connection`` ...
        text: for people; without credentials, and without the person whom the request was about.
        retry_after_seconds: how long the server asks to wait, if it does.
    """

    word: str
    text: str
    retry_after_seconds: float | None = None


class Connections:
    """Opens connections as they are needed, and keeps them for the next requests.

    Args:
        base_url: ``http(s)://host[:port]``.
        credentials: sent with every request.
        timeout_seconds: for a whole exchange, from the wait for a free connection to the body's last byte.
        connections: open at once. With fewer than there are requests, some wait within their timeout.
        ca_file: a PEM file of the authorities to trust instead of the system's.

    Raises:
        ConfigError: ``base_url`` has another form, or is that of a live host over plain http.
    """

    def __init__(
        self,
        base_url: str,
        credentials: Credentials,
        timeout_seconds: float,
        connections: int,
        ca_file: str | None,
    ) -> None:
        self.base_url = parse_base_url(base_url, "base_url")
        check_connection(self.base_url, allow_live=True)
        self._headers = {
            "Authorization": credentials.authorization,
            "Content-Type": "application/json",
            "User-Agent": "customerio-load",
            # Replies are a few bytes; a compressed one has to be bounded twice.
            "Accept-Encoding": "identity",
        }
        self._timeout_seconds = timeout_seconds
        self._connections = connections
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool; nothing is connected to yet.

        Raises:
            OSError: ``ca_file`` cannot be read (``ssl.SSLError``: it is not a PEM file).
        """
        context = True if self._ca_file is None else ssl.create_default_context(cafile=self._ca_file)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, ssl=context),
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=self._timeout_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_RequestOnQuietConnection,
            # aiohttp takes what it could inflate of a body that was cut short for all of it.
            auto_decompress=False,
        )
        # aiohttp itself repeats a PUT whose kept connection breaks, past the rate limit and every count of
        # attempts. It has no public switch for that; its own test client uses this one.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(self, method: str, path: str, body: bytes | None) -> Reply | Fault:
        """Make one request and return its reply. Cancelling it closes its connection.

        Args:
            method: of the request.
            path: percent-encoded; sent unchanged.
            body: JSON, or ``None`` for no body.

        Raises:
            RuntimeError: the connections are not open.
        """
        if self._session is None:
            raise RuntimeError("the client is not open; use it as: async with TrackClient(...) as client")
        url = URL(self.base_url + path, encoded=True)
        # By default the Pipelines API answers 200 to what it ignores, and nobody would see a loss.
        headers = {"X-Strict-Mode": "1"} if path.startswith(PIPELINES_PATH) else None
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                return await _read(response)
        except TimeoutError:
            return Fault("timeout", f"no answer within {self._timeout_seconds:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Fault("connection", _describe(error))


class _RequestOnQuietConnection(aiohttp.ClientRequest):
    """A request that is not sent where bytes came that no request had asked for.

    aiohttp would take them for the answer: a proxy's stray 200 would deliver what the next answer refuses.
    """

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        if conn.protocol is None or conn.protocol.should_close:
            raise aiohttp.ServerDisconnectedError
        return await super().send(conn)


async def _read(response: aiohttp.ClientResponse) -> Reply:
    """Return the reply. aiohttp closes a connection with an unread rest, and does not use it again."""
    body = bytearray()
    while piece := await response.content.read(_MAX_REPLY_BYTES + 1 - len(body)):
        body += piece
    return Reply(
        response.status,
        _whole(bytes(body), response.headers.get("Content-Encoding", "")),
        parse_retry_after(response.headers.get("Retry-After"), datetime.datetime.now(datetime.UTC)),
        response.headers.get("Location"),
    )


def _whole(body: bytes, coding: str) -> bytes:
    if len(body) > _MAX_REPLY_BYTES:
        return b""
    try:
        return inflated(body, coding, _MAX_REPLY_BYTES)
    except InflateError:
        return b""


def _describe(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error)  # the host and the cause
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "connection closed before the answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "connection closed within the answer"
    if isinstance(error, OSError) and error.strerror:
        return f"connection broken: {error.strerror}"
    # The text of any other error may hold the URL, and with it the person's id.
    return f"no answer that is HTTP: {type(error).__name__}"
