"""Sends the messages of a source to the topic, at a rate or as fast as possible."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from pipeline.produce.outgoing import OutgoingMessage
from pipeline.produce.sources import Source

# The most messages that wait for their acknowledgement.
_MOST_UNDER_WAY = 10_000


class Target(Protocol):
    """Where the messages go."""

    async def enqueue(self, message: OutgoingMessage) -> asyncio.Future[Any]:
        """Take a message. The future is done when it is safe."""


@dataclass
class Sent:
    """Counts acknowledged messages by type, and the time since ``start_clock``."""

    by_type: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)

    def start_clock(self) -> None:
        """Begin to measure the time."""
        self.started = time.monotonic()

    @property
    def total(self) -> int:
        """The number of acknowledged messages."""
        return self.by_type.total()

    @property
    def seconds(self) -> float:
        """The seconds since ``start_clock``."""
        return time.monotonic() - self.started

    @property
    def per_second(self) -> float:
        """Acknowledged messages per second."""
        return self.total / max(self.seconds, 1e-9)


async def pump(
    source: Source, target: Target, rate: float | None, sent: Sent, show: Callable[[], None]
) -> None:
    """Send every message of a source, and wait until all are acknowledged.

    Args:
        source: yields the messages.
        target: an open producer, or a file.
        rate: messages per second; ``None`` for no limit.
        sent: counts acknowledged messages, and stays correct if an error is raised.
        show: called after each message.

    Raises:
        ConfigError: a line of the source is wrong. The messages before it are acknowledged.
        KafkaError: a message was not acknowledged.
    """
    under_way: deque[tuple[str, asyncio.Future[Any]]] = deque()
    sent.start_clock()
    try:
        async with aclosing(source.messages()) as messages:
            number = 0
            async for message in messages:
                if rate is not None:
                    # Counted from the start, so that delays do not add up.
                    await _sleep_until(sent.started + number / rate)
                number += 1
                under_way.append((message.kind, await target.enqueue(message)))
                while under_way and (under_way[0][1].done() or len(under_way) > _MOST_UNDER_WAY):
                    kind, acknowledged = under_way.popleft()
                    await acknowledged
                    sent.by_type[kind] += 1
                show()
    finally:
        await _wait_for(under_way, sent)
        show()


async def _wait_for(under_way: deque[tuple[str, asyncio.Future[Any]]], sent: Sent) -> None:
    ends = await asyncio.gather(*(acknowledged for _, acknowledged in under_way), return_exceptions=True)
    failures = [end for end in ends if isinstance(end, BaseException)]
    for (kind, _), end in zip(under_way, ends, strict=True):
        sent.by_type[kind] += not isinstance(end, BaseException)
    if failures:
        raise failures[0]


async def _sleep_until(instant: float) -> None:
    left = instant - time.monotonic()
    if left > 0:
        await asyncio.sleep(left)
