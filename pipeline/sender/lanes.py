"""A lane: operations that are delivered in order, one batch after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from pipeline.operation import Operation
from pipeline.outcome import Outcome


@dataclass(frozen=True)
class QueuedOperation:
    """An operation in the sender.

    Args:
        number: its place in the order in which operations were added.
        added_at: the event loop's time when it was added, seconds.
        size: the bytes that it adds to a batch.
        future: its outcome.
    """

    number: int
    added_at: float
    operation: Operation
    size: int
    future: asyncio.Future[Outcome]


@dataclass
class Lane:
    """The waiting operations of one lane. It is ``busy`` while a batch carries earlier ones."""

    name: str
    waiting: deque[QueuedOperation] = field(default_factory=deque)
    bytes: int = 0
    busy: bool = False

    def __lt__(self, other: Lane) -> bool:
        """Order lanes by the time at which their first operation was added."""
        return self.waiting[0].number < other.waiting[0].number

    def add(self, item: QueuedOperation) -> None:
        """Append an operation."""
        self.waiting.append(item)
        self.bytes += item.size

    def take(self, most_items: int, most_bytes: int, at_least_one: bool) -> list[QueuedOperation]:
        """Remove and return the first operations that fit, in order."""
        taken: list[QueuedOperation] = []
        while self.waiting and len(taken) < most_items:
            first = self.waiting[0]
            if first.size > most_bytes and not (at_least_one and not taken):
                break
            most_bytes -= first.size
            self.bytes -= first.size
            taken.append(self.waiting.popleft())
        return taken
