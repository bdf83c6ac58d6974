"""The receiver as an ASGI application: check, keep, answer."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from receiver.event_log import EventLog
from receiver.seen import Seen
from receiver.signature import Signature

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: The largest body that is accepted. An e-mail's content can be part of an event.
MAX_BODY_BYTES = 1024 * 1024
# What all requests in progress may hold together. Beyond that the sender is told to come back.
_MAX_HELD_BYTES = 64 * 1024 * 1024
_BODY_SECONDS = 4.0


class Refused(Exception):  # noqa: N818 - a result, not an error of the receiver
    """A request that is not kept."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Receiver:
    """Keeps each genuine, recent and new event, and answers 200 when it is on the disk.

    An event that was kept before is answered with 200 as well, so that the sender does not repeat it.

    Args:
        signature: of the webhook.
        log: keeps the events.
        seen: the ids of those that were kept.
        body_seconds: how long a body may take; the sender gives up after 4 s.
    """

    def __init__(
        self, signature: Signature, log: EventLog, seen: Seen, *, body_seconds: float = _BODY_SECONDS
    ) -> None:
        self._signature = signature
        self._log = log
        self._seen = seen
        self._body_seconds = body_seconds
        self._held_bytes = 0
        # Events that are being written, with what those who send them again meanwhile wait for.
        self._in_progress: dict[str, asyncio.Future[bool]] = {}
        self.results: Counter[str] = Counter()
        self.health: Callable[[], dict[str, Any]] = dict

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "GET" and scope["path"] == "/health":
            await _answer(send, 200, {"results": dict(self.results), **self.health()})
            return
        try:
            result = await self._accept(scope, receive)
        except Refused as refused:
            self.results[refused.reason] += 1
            await _answer(send, refused.status, {"error": refused.reason})
        else:
            self.results[result] += 1
            await _answer(send, 200, {})

    async def _accept(self, scope: Scope, receive: Receive) -> str:
        """Keep the event of a request, and return what became of it.

        Raises:
            Refused: it is not kept.
        """
        if scope["method"] != "POST":
            raise Refused(405, "method")
        headers = dict(scope["headers"])
        body = await self._read(headers, receive)
        try:
            timestamp, signature = headers.get(b"x-cio-timestamp", b""), headers.get(b"x-cio-signature", b"")
            if not self._signature.accepts(timestamp, signature, body, time.time()):
                raise Refused(401, "signature or age")
            return await self._keep(body)
        finally:
            self._held_bytes -= len(body)

    async def _keep(self, body: bytes) -> str:
        event_id = event_id_of(body)
        if event_id in self._seen:
            return "duplicate"
        if event_id in self._in_progress:
            if not await asyncio.shield(self._in_progress[event_id]):
                raise Refused(503, "disk")
            return "duplicate"
        kept = self._in_progress[event_id] = asyncio.get_running_loop().create_future()
        try:
            await self._log.append(event_id, time.time(), body.decode(errors="backslashreplace"))
        except OSError:
            kept.set_result(False)
            raise Refused(503, "disk") from None
        else:
            self._seen.add(event_id)
            kept.set_result(True)
        finally:
            del self._in_progress[event_id]
        return "kept"

    async def _read(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """Return the whole body, and count its bytes as held.

        Raises:
            Refused: it is too large, too slow or cut off, or too much is held already.
        """
        declared = headers.get(b"content-length", b"0")
        if not declared.isdigit() or len(declared) > 12 or int(declared) > MAX_BODY_BYTES:
            raise Refused(413, "size")
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds):
                await self._read_into(body, receive)
        except TimeoutError:
            self._held_bytes -= len(body)
            raise Refused(408, "slow") from None
        except Refused:
            self._held_bytes -= len(body)
            raise
        return bytes(body)

    async def _read_into(self, body: bytearray, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                # The connection is gone, so that nobody gets this answer.
                raise Refused(400, "truncated")
            piece = message.get("body", b"")
            body += piece
            self._held_bytes += len(piece)
            if len(body) > MAX_BODY_BYTES:
                raise Refused(413, "size")
            if self._held_bytes > _MAX_HELD_BYTES:
                raise Refused(503, "busy")
            if not message.get("more_body", False):
                return


def event_id_of(body: bytes) -> str:
    """Return the event's id. A signed body without one is genuine too: its id is its hash."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        event = None
    event_id = event.get("event_id") if isinstance(event, dict) else None
    if isinstance(event_id, str) and 0 < len(event_id) <= 100:
        return event_id
    return "sha256:" + hashlib.sha256(body).hexdigest()


async def _answer(send: Send, status: int, content: dict[str, Any]) -> None:
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if status >= 400:
        # A part of the request may be unread.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
