"""What both limiters have: a gate, and a plan that says when the gate opens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from pipeline.limiter.gate import Gate, StartPlan
from pipeline.limiter.interface import LimiterSettings, LimiterStats


class LimiterPlan(StartPlan, Protocol):
    """A gate's plan that can also be throttled and describe itself. Instants are the event loop's seconds."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes count towards the limit right now."""
        ...

    def permit_freed(self) -> None:
        """Note that a request has ended."""
        ...

    def throttle(self, now: float, retry_after_seconds: float | None) -> None:
        """Slow down because of a 429."""
        ...

    def allowed(self, now: float) -> int:
        """Return the starts per window that are allowed at the moment."""
        ...

    def tokens_left(self, now: float) -> int:
        """Return the starts that the window still allows."""
        ...


class GatedSlots:
    """Slots that open when a plan allows a start. Create and use it inside one running event loop.

    Args:
        plan: decides when a start is allowed.
        settings: the length of the queue, and the gap.
        on_change: called when the queue or the number of running requests has changed.
    """

    def __init__(
        self, plan: LimiterPlan, settings: LimiterSettings, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.gate = Gate(plan, settings.max_queued, settings.min_gap_seconds, on_change)
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._throttled = 0

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """See ``RateLimiter``."""
        await self.gate.enter()
        try:
            yield
        finally:
            self._plan.permit_freed()
            self.gate.leave()

    def throttled(self, retry_after_seconds: float | None = None) -> None:
        """See ``RateLimiter``."""
        self._throttled += 1
        self._plan.throttle(self._loop.time(), retry_after_seconds)
        self.gate.advance()

    def stats(self) -> LimiterStats:
        """See ``RateLimiter``."""
        now = self._loop.time()
        return LimiterStats(
            running=self.gate.running,
            queued=self.gate.queued,
            done=self.gate.done,
            tokens_left=self._plan.tokens_left(now),
            requests_allowed=self._plan.allowed(now),
            throttled=self._throttled,
            shared=self._plan.is_shared,
        )
