"""The limiter of one process that shares its limit with nobody."""

from __future__ import annotations

from pipeline.limiter.gated import GatedLimiter
from pipeline.limiter.interface import LimiterSettings
from pipeline.limiter.slowdown import Slowdown
from pipeline.limiter.window import StartWindow


class LocalPlan:
    """Starts of this process alone, within the settings.

    Args:
        settings: the limits.
    """

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
        """Starts per window."""
        return self._slowdown.allowed(now)

    def tokens_left(self, now: float) -> int:
        return 0 if now < self._closed_until else self._window.tokens_left(now, self.allowed(now))

    def throttle(self, now: float, retry_after_seconds: float | None) -> None:
        """Tells of a 429."""
        self._slowdown.throttle(now)
        if retry_after_seconds is not None:
            self.close_until(now + retry_after_seconds)

    def permit_freed(self) -> None:
        """There is nobody to ask for it."""

    def close_until(self, instant: float) -> None:
        """No start before then."""
        self._closed_until = max(self._closed_until, instant)


class LocalLimiter(GatedLimiter[LocalPlan]):
    """A ``RateLimiter`` that counts in this process. Made and used inside one running event loop.

    Args:
        settings: the limits.
    """

    def __init__(self, settings: LimiterSettings) -> None:
        super().__init__(LocalPlan(settings), settings)

    async def aclose(self) -> None:
        self._gate.close()
