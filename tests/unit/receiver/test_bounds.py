"""A body that comes too slowly, and bodies that are too much together, are refused and hold no memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from receiver.app import MAX_BODY_BYTES, Message, Receiver
from receiver.event_log import EventLog
from receiver.seen import Seen
from receiver.signature import Signature

KEY = "the signing key"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(tmp_path / "events.jsonl")
    yield log
    log.close()


class Request:
    """One webhook, of which the test sends as much as it likes."""

    def __init__(self, receiver: Receiver, headers: list[tuple[bytes, bytes]]) -> None:
        self._pieces: asyncio.Queue[Message] = asyncio.Queue()
        self._sent: list[Message] = []
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}
        self._done = asyncio.create_task(receiver(scope, self._pieces.get, self._send))

    async def _send(self, message: Message) -> None:
        self._sent.append(message)

    def piece(self, data: bytes, *, is_last: bool = False) -> None:
        self._pieces.put_nowait({"type": "http.request", "body": data, "more_body": not is_last})

    async def status(self) -> int:
        await self._done
        return int(self._sent[0]["status"])


def signed(body: bytes) -> list[tuple[bytes, bytes]]:
    timestamp = str(int(time.time())).encode()
    signature = Signature(KEY, 300).of(timestamp, body)
    return [(b"x-cio-timestamp", timestamp), (b"x-cio-signature", signature)]


async def send(receiver: Receiver, body: bytes) -> int:
    request = Request(receiver, signed(body))
    request.piece(body, is_last=True)
    return await request.status()


def run(main: Any) -> None:
    asyncio.run(asyncio.wait_for(main, 30))


def test_a_body_that_takes_too_long_is_refused(log: EventLog) -> None:
    receiver = Receiver(Signature(KEY, 300), log, Seen(10), body_seconds=0.05)

    async def main() -> None:
        slow = Request(receiver, signed(b"{}"))
        slow.piece(b"{")
        assert await slow.status() == 408
        assert await send(receiver, b'{"event_id": "next"}') == 200

    run(main())
    assert receiver.results == {"slow": 1, "kept": 1}


def test_bodies_of_more_than_64_mib_together_are_refused_until_some_have_ended(log: EventLog) -> None:
    receiver = Receiver(Signature(KEY, 300), log, Seen(10))

    async def main() -> None:
        started = [Request(receiver, signed(b"")) for _ in range(64)]
        for request in started:
            request.piece(bytes(MAX_BODY_BYTES))
        await asyncio.sleep(0)
        assert await send(receiver, b'{"event_id": "too much"}') == 503
        for request in started:
            request.piece(b"", is_last=True)
        assert {await request.status() for request in started} == {401}
        assert await send(receiver, b'{"event_id": "next"}') == 200

    run(main())
    assert receiver.results == {"busy": 1, "signature or age": 64, "kept": 1}
