"""What both forms of the limiter have in common: a gate, and a plan that says when it opens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

from pipeline.limiter.gate import Gate, StartPlan
from pipeline.limiter.interface import LimiterSettings, LimiterStats


class LimiterPlan(StartPlan, Protocol):
    """A gate's plan that also knows how things stand. Instants are the event loop's seconds."""

    def permit_freed(self) -> None:
        """A request has ended."""
        ...

    def throttle(self, now: float, retry_after_seconds: float | None) -> None:
        """Tells of a 429."""
        ...

    def allowed(self, now: float) -> int:
        """Starts per window."""
        ...

    def tokens_left(self, now: float) -> int:
        """Starts that the window still has room for."""
        ...


PlanT = TypeVar("PlanT", bound=LimiterPlan)


class GatedLimiter(Generic[PlanT]):
    """A ``RateLimiter`` but for its end. Made and used inside one running event loop.

    Args:
        plan: when a start is allowed.
        settings: of the queue.
        on_change: called when the queue or the number of running requests has changed.
    """

    def __init__(
        self, plan: PlanT, settings: LimiterSettings, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._plan = plan
        self._gate = Gate(plan, settings.max_queued, settings.min_gap_seconds, on_change)
        self._loop = asyncio.get_running_loop()
        self._throttled = 0
        self.depleted = self._gate.depleted

    @property
    def is_shared(self) -> bool:
        """Whether the limit is counted together with other processes right now."""
        return False

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        await self._gate.enter()
        try:
            yield
        finally:
            self._plan.permit_freed()
            self._gate.leave()

    async def wait_for_room(self) -> None:
        await self._gate.wait_for_room()

    def throttled(self, retry_after_seconds: float | None = None) -> None:
        self._throttled += 1
        self._plan.throttle(self._loop.time(), retry_after_seconds)
        self._gate.advance()

    def stats(self) -> LimiterStats:
        now = self._loop.time()
        return LimiterStats(
            running=self._gate.running,
            queued=self._gate.queued,
            done=self._gate.done,
            tokens_left=self._plan.tokens_left(now),
            requests_allowed=self._plan.allowed(now),
            throttled=self._throttled,
            shared=self.is_shared,
        )
