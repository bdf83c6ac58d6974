"""What every rate limiter offers: one interface, whether it counts for a process or for many."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class LimiterSettings:
    """The limits, for all who share the limiter.

    Args:
        requests: so many requests at most start in any ``window_seconds``.
        concurrency: so many at most are under way at once.
        min_gap_seconds: between two starts.
        max_queued: so many at most wait for their turn in one process.
    """

    requests: int = 80
    window_seconds: float = 1.0
    concurrency: int = 20
    min_gap_seconds: float = 0.010
    max_queued: int = 1000


@dataclass(frozen=True)
class LimiterStats:
    """A limiter's state at one moment, of this process unless said otherwise.

    Args:
        running: requests under way.
        queued: requests that wait for their turn.
        done: requests that have ended.
        tokens_left: starts that the window still allows now, as far as this process knows.
        requests_allowed: starts per window that are allowed at the moment: less than the setting after a 429.
        throttled: how many 429 this process has told of.
        shared: whether the limit is counted together with other processes right now.
    """

    running: int
    queued: int
    done: int
    tokens_left: int
    requests_allowed: int
    throttled: int
    shared: bool


class LimiterQueueFullError(Exception):
    """``max_queued`` requests wait already; ``wait_for_room()`` returns when there is a place."""


class RateLimiter(Protocol):
    """First come, first served; a caller that is cancelled gives its place and its permit back."""

    #: Set while somebody waits and no start is allowed; cleared when starts are allowed again.
    depleted: asyncio.Event

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Waits for the turn on entry; the request is under way until the exit.

        Raises:
            LimiterQueueFullError: on entry, at once.
        """
        ...

    async def wait_for_room(self) -> None:
        """Returns when fewer than ``max_queued`` wait."""
        ...

    def throttled(self, retry_after_seconds: float | None = None) -> None:
        """Tells of a 429: everybody who shares the limiter slows down, and comes back step by step.

        With ``retry_after_seconds`` nobody starts before that time has passed.
        """
        ...

    def stats(self) -> LimiterStats: ...

    async def aclose(self) -> None:
        """Gives everything back; whoever still waits is cancelled."""
        ...
