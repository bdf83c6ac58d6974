"""A lane: operations that are delivered in order, one batch after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.operation import AnyOperation
from pipeline.outcome import Outcome


@dataclass(frozen=True)
class QueuedOperation:
    """An operation in the sender.

    Args:
        number: its place in the order in which operations were added.
        added_at: the event loop's time when it was added, seconds.
        size: the bytes that it adds to a batch.
        future: its outcome.
        attempts: the requests that have carried it, if it was held.
        retries: the retries that it needed or needs, the next one included; 0 if it was never held.
        blamed: how many of these retries failed while Customer.io accepted another write.
    """

    number: int
    added_at: float
    operation: AnyOperation
    size: int
    future: asyncio.Future[Outcome]
    attempts: int = 0
    retries: int = 0
    blamed: int = 0


@dataclass
class Lane:
    """The waiting operations of one lane. It is ``busy`` while a batch carries earlier ones.

    It is ``held`` while its first operation is to be retried alone; it is busy then, too. After an ``error``
    it stays busy: whatever followed would overtake operations that were not delivered.
    """

    name: str
    waiting: deque[QueuedOperation] = field(default_factory=deque)
    bytes: int = 0
    busy: bool = False
    held: bool = False
    error: Exception | None = None

    def __lt__(self, other: Lane) -> bool:
        """Order lanes by the time at which their first operation was added."""
        return self.waiting[0].number < other.waiting[0].number

    def add(self, item: QueuedOperation) -> None:
        """Append an operation."""
        self.waiting.append(item)
        self.bytes += item.size

    def put_back(self, items: Sequence[QueuedOperation]) -> None:
        """Put operations that were taken in this order before all others."""
        self.waiting.extendleft(reversed(items))
        self.bytes += sum(item.size for item in items)

    def fail(self, error: Exception) -> list[QueuedOperation]:
        """Take no more operations; remove and return those that wait."""
        self.error = error
        waiting = list(self.waiting)
        self.waiting.clear()
        self.bytes = 0
        return waiting

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
