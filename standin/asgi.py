"""The types of the ASGI specification that the stand-in uses, and how it reads a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class BodyTooLarge(Exception):  # noqa: N818 - the condition's name, as in the HTTP status
    """The body is larger than the server is willing to keep in memory."""


class ClientGone(Exception):  # noqa: N818 - a condition, not an error of the server
    """The client closed the connection before its request was complete."""


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """Return the whole body of a request.

    Raises:
        BodyTooLarge: the body has more than ``max_bytes``.
        ClientGone: the connection closed first.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        # The common case: head and body arrive together, so there is nothing to join.
        body: bytes = message.get("body", b"")
        if len(body) > max_bytes:
            raise BodyTooLarge
        return body

    pieces = bytearray()
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        pieces += message.get("body", b"")
        if len(pieces) > max_bytes:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(pieces)
        message = await receive()


async def wait_for_disconnect(receive: Receive) -> None:
    """Wait until the client has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def header(scope: Scope, name: bytes) -> bytes:
    """Return the first value of a header, or ``b""``. ``name`` is in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return b""
