"""Lets callers through in order, each as soon as the plan allows a start."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from pipeline.limiter.interface import LimiterQueueFullError


class StartPlan(Protocol):
    """Decides when requests may start. Instants are the event loop's seconds."""

    def next_start(self, now: float, running: int) -> float | None:
        """Return when the next request may start; ``None`` if that depends on a change."""
        ...

    def start(self, now: float, running: int) -> bool:
        """Book a start at ``now``; return ``False`` if no start is allowed at this instant."""
        ...


class _Turn:
    """The place of one caller in the queue; ``woken`` is done when the caller should try to start."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.woken: asyncio.Future[None] = loop.create_future()


class Gate:
    """A bounded queue, first come, first served. A caller that is cancelled leaves no trace.

    Each caller books its own start, once it runs. Nothing is awaited between the booking and the start of
    the request, so a cancellation cannot lose a permit.

    Args:
        plan: decides when a start is allowed.
        max_queued: the most callers that may wait.
        min_gap_seconds: a longer wait sets ``depleted``.
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
        self._waiting_for_room: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def queued(self) -> int:
        """The number of callers in the queue."""
        return len(self._queue)

    async def enter(self) -> None:
        """Wait until the caller may start. It counts as running until it calls ``leave``.

        Raises:
            LimiterQueueFullError: ``max_queued`` callers wait already.
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
            raise LimiterQueueFullError(f"{self._max_queued} requests wait already")
        turn = _Turn(loop)
        self._queue.append(turn)
        self.advance()
        self._on_change()
        try:
            await self._wait_for_turn(turn, loop)
        finally:
            if turn in self._queue:
                self._queue.remove(turn)
            self._wake_for_room()
            self.advance()
            self._on_change()

    async def _wait_for_turn(self, turn: _Turn, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            await turn.woken
            if self._closed:
                raise asyncio.CancelledError("the limiter was closed")
            if self._plan.start(loop.time(), self.running):
                self.running += 1
                return
            # The event loop was busy and the instant has passed. The caller stays first in the queue.
            turn.woken = loop.create_future()
            self.advance()
            self._on_change()

    def leave(self) -> None:
        """End a request that had entered."""
        self.running -= 1
        self.done += 1
        self.advance()
        self._on_change()

    def advance(self) -> None:
        """Wake the first caller in the queue, now or when the plan allows it."""
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
        """Wait until fewer than ``max_queued`` callers are in the queue."""
        while len(self._queue) >= self._max_queued:
            room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting_for_room.add(room)
            try:
                await room
            finally:
                self._waiting_for_room.discard(room)

    def _wake_for_room(self) -> None:
        if len(self._queue) < self._max_queued:
            for room in self._waiting_for_room:
                if not room.done():
                    room.set_result(None)

    def close(self) -> None:
        """Cancel every waiting caller and let no caller in from now on."""
        self._closed = True
        waiting = [turn.woken for turn in self._queue] + list(self._waiting_for_room)
        self._queue.clear()
        for future in waiting:
            future.cancel()
        self.advance()
