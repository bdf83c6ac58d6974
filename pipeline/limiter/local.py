"""The limiter of one process that does not share its limit."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from pipeline.limiter.interface import LimiterSettings, LimiterStats
from pipeline.limiter.slots import GatedSlots
from pipeline.limiter.slowdown import Slowdown
from pipeline.limiter.window import StartWindow


class LocalPlan:
    """Plans the starts of this process alone.

    Args:
        settings: the limits.
    """

    is_shared = False

    def __init__(self, settings: LimiterSettings) -> None:
        self._settings = settings
        self._window = StartWindow(settings.requests, settings.window_seconds, settings.min_gap_seconds)
        self._slowdown = Slowdown(settings.requests, settings.window_seconds)
        self._closed_until = float("-inf")

    def next_start(self, now: float, running: int) -> float | None:
        if running >= self._settings.concurrency:
            return None
        return max(self._window.earliest(self.allowed(now)), self._closed_until)

    def start(self, now: float, running: int) -> bool:
        earliest = self.next_start(now, running)
        if earliest is None or now < earliest:
            return False
        self._window.take(now, self.allowed(now))
        return True

    def allowed(self, now: float) -> int:
        return self._slowdown.allowed(now)

    def tokens_left(self, now: float) -> int:
        return 0 if now < self._closed_until else self._window.tokens_left(now, self.allowed(now))

    def throttle(self, now: float, retry_after_seconds: float | None) -> None:
        self._slowdown.throttle(now)
        if retry_after_seconds is not None:
            self.close_until(now + retry_after_seconds)

    def permit_freed(self) -> None:
        """Do nothing: ``next_start`` is given the number of running requests."""

    def close_until(self, instant: float) -> None:
        """Allow no start before ``instant``."""
        self._closed_until = max(self._closed_until, instant)


class LocalLimiter:
    """A ``RateLimiter`` for one process. Create and use it inside one running event loop.

    Args:
        settings: the limits.
    """

    def __init__(self, settings: LimiterSettings) -> None:
        self._slots = GatedSlots(LocalPlan(settings), settings)
        self.depleted = self._slots.gate.depleted

    def slot(self) -> AbstractAsyncContextManager[None]:
        return self._slots.slot()

    async def wait_for_room(self) -> None:
        await self._slots.gate.wait_for_room()

    def throttled(self, retry_after_seconds: float | None = None) -> None:
        self._slots.throttled(retry_after_seconds)

    def stats(self) -> LimiterStats:
        return self._slots.stats()

    async def aclose(self) -> None:
        self._slots.gate.close()
