"""A lane: operations that are delivered in their order, one batch after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from pipeline.operation import Operation
from pipeline.outcome import Outcome


@dataclass(frozen=True)
class QueuedOperation:
    """An operation in the sender: its place in the order of adding, the loop's time then, its bytes."""

    number: int
    added_at: float
    operation: Operation
    size: int
    future: asyncio.Future[Outcome]


@dataclass
class Lane:
    """The operations of one lane that wait; ``busy`` while earlier ones are under way."""

    name: str
    waiting: deque[QueuedOperation] = field(default_factory=deque)
    bytes: int = 0
    busy: bool = False

    def __lt__(self, other: Lane) -> bool:
        """The one whose first operation was added earlier comes first."""
        return self.waiting[0].number < other.waiting[0].number

    def add(self, item: QueuedOperation) -> None:
        self.waiting.append(item)
        self.bytes += item.size

    def take(self, most_items: int, most_bytes: int, at_least_one: bool) -> list[QueuedOperation]:
        """The first operations that fit, in their order."""
        taken: list[QueuedOperation] = []
        while self.waiting and len(taken) < most_items:
            first = self.waiting[0]
            if first.size > most_bytes and not (at_least_one and not taken):
                break
            most_bytes -= first.size
            self.bytes -= first.size
            taken.append(self.waiting.popleft())
        return taken
