"""uvicorn's HTTP connection: whole replies in one write, and a way to tear the connection down."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from standin.app import CONNECTION

# on, for 0 seconds: closing sends RST and throws away what is unsent.
_LINGER_ZERO = struct.pack("ii", 1, 0)


class StandinProtocol(HttpToolsProtocol):
    """Puts itself into each request's ASGI extensions, as the ``Connection`` that the application wants."""

    _replies: WholeReplies

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._replies = WholeReplies(transport)
        super().connection_made(self._replies)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]

    def on_response_complete(self) -> None:
        self._replies.flush()
        super().on_response_complete()

    @property
    def gone(self) -> bool:
        return self.transport.is_closing()

    def reset(self) -> None:
        peer = self.transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.transport.abort()


class WholeReplies(asyncio.Transport):
    """Holds the head of a reply back until the body is there, and writes both at once.

    uvicorn writes them one after the other. In two packets they cost the client a second wake-up, and
    where Nagle's algorithm meets delayed acknowledgements 40 ms that no request took.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._held: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if data[:10] == b"HTTP/1.1 1":
            self._transport.write(data)  # An interim answer, 100 Continue, is complete in itself.
        else:
            self._held.append(bytes(data))

    def flush(self) -> None:
        if self._held:
            self._transport.write(b"".join(self._held))
            self._held.clear()

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        self._held.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()
