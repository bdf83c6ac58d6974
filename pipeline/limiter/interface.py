"""The interface of every rate limiter, for one process or shared by many."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class LimiterSettings:
    """The limits. They hold for all processes that share the limiter together.

    Args:
        requests: the most requests that start in any ``window_seconds``.
        window_seconds: the length of the sliding window.
        concurrency: the most requests in flight at once.
        min_gap_seconds: the least time between two starts.
        max_queued: the most requests that wait for a slot in one process.
    """

    requests: int = 80
    window_seconds: float = 1.0
    concurrency: int = 20
    min_gap_seconds: float = 0.010
    max_queued: int = 1000


@dataclass(frozen=True)
class LimiterStats:
    """The state of a limiter at one moment, seen by this process.

    Args:
        running: requests in flight in this process.
        queued: requests of this process that wait for a slot.
        done: requests of this process that have ended.
        tokens_left: starts that the window still allows, as far as this process knows.
        requests_allowed: starts per window that are allowed now; fewer than the setting after a 429.
        throttled: 429 responses this process reported to the limiter.
        shared: whether other processes count towards the limit right now.
    """

    running: int
    queued: int
    done: int
    tokens_left: int
    requests_allowed: int
    throttled: int
    shared: bool


class LimiterQueueFullError(Exception):
    """``max_queued`` requests wait already. ``wait_for_room()`` waits until the queue has a free place."""


class RateLimiter(Protocol):
    """Serves callers first come, first served. A cancelled caller gives back its place and its permit."""

    #: Set while a caller waits and no start is allowed; cleared when starts are allowed again.
    depleted: asyncio.Event

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Return a context manager that waits for a start on entry; the request is in flight until the exit.

        Raises:
            LimiterQueueFullError: on entry, without waiting.
        """
        ...

    async def wait_for_room(self) -> None:
        """Wait until fewer than ``max_queued`` requests are in the queue."""
        ...

    def throttled(self, retry_after_seconds: float | None = None) -> None:
        """Report a 429: every process that shares the limiter slows down, then speeds up step by step.

        With ``retry_after_seconds`` no request starts before that time has passed.
        """
        ...

    def stats(self) -> LimiterStats:
        """Return the limiter's state."""
        ...

    async def aclose(self) -> None:
        """Give back all permits and reservations, and cancel every waiting caller."""
        ...
