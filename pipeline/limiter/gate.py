"""Lets callers through in their order, each when the plan allows a start."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from pipeline.limiter.interface import LimiterQueueFullError


class StartPlan(Protocol):
    """Decides when requests may start. Instants are the event loop's seconds."""

    def next_start(self, now: float, running: int) -> float | None:
        """From when on the next may start; ``None``: not before something changes."""
        ...

    def start(self, now: float, running: int) -> bool:
        """Books a start that happens now; ``False`` if it is not allowed at this instant."""
        ...


class _Turn:
    """One caller's place in the queue; the future is done when it should try to start."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.woken: asyncio.Future[None] = loop.create_future()


class Gate:
    """First come, first served, bounded; whoever is cancelled leaves no trace.

    A start is booked by the caller itself, once it runs: between the booking and the request's start
    nothing is awaited, so there is no moment at which a cancellation could lose a permit.

    Args:
        plan: when a start is allowed.
        max_queued: so many may wait.
        min_gap_seconds: a wait that is longer than this makes ``depleted``.
        on_change: called when the queue or the number of running requests has changed.
    """

    def __init__(
        self,
        plan: StartPlan,
        max_queued: int,
        min_gap_seconds: float,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.depleted = asyncio.Event()
        self.running = 0
        self.done = 0
        self._plan = plan
        self._max_queued = max_queued
        self._min_gap = min_gap_seconds
        self._on_change = on_change
        self._queue: deque[_Turn] = deque()
        self._wait_for_room: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def queued(self) -> int:
        return len(self._queue)

    async def enter(self) -> None:
        """Waits for the turn; counts as running from its return on.

        Raises:
            LimiterQueueFullError: too many wait.
            RuntimeError: the gate is closed.
        """
        if self._closed:
            raise RuntimeError("the limiter is closed")
        loop = asyncio.get_running_loop()
        if not self._queue and self._plan.start(loop.time(), self.running):
            self.running += 1
            self._on_change()
            return
        if len(self._queue) >= self._max_queued:
            raise LimiterQueueFullError(f"{self._max_queued} wait already")
        turn = _Turn(loop)
        self._queue.append(turn)
        self.advance()
        self._on_change()
        try:
            await self._turn_comes(turn, loop)
        finally:
            if turn in self._queue:
                self._queue.remove(turn)
            self._tell_room()
            self.advance()
            self._on_change()

    async def _turn_comes(self, turn: _Turn, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            await turn.woken
            if self._closed:
                raise asyncio.CancelledError("the limiter was closed")
            if self._plan.start(loop.time(), self.running):
                self.running += 1
                return
            # The loop was busy and the instant has passed. Still the first in the queue.
            turn.woken = loop.create_future()
            self.advance()
            self._on_change()

    def leave(self) -> None:
        """One that had entered has ended."""
        self.running -= 1
        self.done += 1
        self.advance()
        self._on_change()

    def advance(self) -> None:
        """Wakes the first in the queue, now or when the plan says so."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._queue or self._closed:
            self.depleted.clear()
            return
        first = self._queue[0]
        if first.woken.done():
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        instant = self._plan.next_start(now, self.running)
        if instant is None or instant > now + self._min_gap:
            self.depleted.set()
        else:
            self.depleted.clear()
        if instant is None:
            return
        if instant <= now:
            first.woken.set_result(None)
        else:
            self._timer = loop.call_at(instant, self.advance)

    async def wait_for_room(self) -> None:
        """Returns when fewer than ``max_queued`` wait."""
        while len(self._queue) >= self._max_queued:
            room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._wait_for_room.add(room)
            try:
                await room
            finally:
                self._wait_for_room.discard(room)

    def _tell_room(self) -> None:
        if len(self._queue) < self._max_queued:
            for room in self._wait_for_room:
                if not room.done():
                    room.set_result(None)

    def close(self) -> None:
        """Cancels whoever waits and lets nobody in any more."""
        self._closed = True
        waiting = [turn.woken for turn in self._queue] + list(self._wait_for_room)
        self._queue.clear()
        for future in waiting:
            future.cancel()
        self.advance()
