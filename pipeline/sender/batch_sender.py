"""The batch sender: it accepts single operations, sends batches, and returns a future for each operation."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from config.customerio.limits import limit
from pipeline.operation import AnyOperation
from pipeline.outcome import Held, Outcome, Refused
from pipeline.sender.lanes import Lane, QueuedOperation
from pipeline.sender.lone_retries import LoneRetries
from pipeline.sender.ready_lanes import ReadyLanes

#: Delivers operations and returns one outcome for each, in the same order.
Deliver = Callable[[Sequence[AnyOperation]], Awaitable[Sequence[Outcome | Held]]]


@dataclass(frozen=True)
class BatchLimits:
    """The limits of batches, and of what the sender holds.

    Args:
        items: the most operations in a batch.
        bytes: the most bytes in a batch, as the sum of its operations' sizes.
        wait_seconds: the longest time that an operation waits for its batch to fill.
        concurrency: the most batches in flight at once.
        buffer: the most operations without a result; ``add`` waits while there are that many.
    """

    items: int = 100
    bytes: int = limit("v2_batch_bytes")
    wait_seconds: float = 1.0
    concurrency: int = 10
    buffer: int = 10_000


class SenderClosedError(RuntimeError):
    """The sender is closed and accepts no more operations."""


class BatchSender:
    """Collects operations into batches and delivers the operations of a lane in the order they were added.

    Only one batch at a time carries operations of a lane, so a later operation never overtakes an earlier one
    that is being retried. Within a batch Customer.io keeps the order. Every operation ends: its future holds
    an outcome or the error that ``deliver`` raised. After an error nothing more of its lanes is delivered:
    the operations behind, also those that are added later, end with the same error.

    An operation that ``deliver`` holds is retried alone. Its lane waits; during a pause it counts for the
    buffer alone, so that other lanes go on.

    Args:
        deliver: sends one batch.
        limits: when a batch is full and when it is due.
        size: returns the bytes that an operation adds to a batch.
        lone_retries: how held operations are retried; ``None`` if ``deliver`` never holds one.
    """

    def __init__(
        self,
        deliver: Deliver,
        limits: BatchLimits,
        size: Callable[[AnyOperation], int],
        lone_retries: LoneRetries | None = None,
    ) -> None:
        self._deliver = deliver
        self._lone_retries = lone_retries
        self._lone: deque[Lane] = deque()  # whose first operation is to be retried now
        self._pauses: dict[str, asyncio.TimerHandle] = {}
        self._limits = limits
        self._size = size
        self._lanes: dict[str, Lane] = {}
        self._ready = ReadyLanes()
        self._added = 0
        self._flushed = 0  # operations up to this number do not wait until a batch is full
        self._unfinished: set[asyncio.Future[Outcome]] = set()
        self._batches: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._room = asyncio.Semaphore(limits.buffer)
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._aborted = False

    @property
    def unfinished(self) -> int:
        """The number of operations without a result."""
        return len(self._unfinished)

    @property
    def in_flight(self) -> int:
        """The number of operations in batches that are being sent."""
        return self._in_flight

    async def add(self, operation: AnyOperation) -> asyncio.Future[Outcome]:
        """Add an operation and return the future of its outcome. Yields only while the buffer is full.

        Cancelling the future does not cancel the operation.

        Raises:
            SenderClosedError: ``close`` or ``abort`` was called.
        """
        await self._room.acquire()
        try:
            return self._put(operation)
        except BaseException:
            self._room.release()
            raise

    async def flush(self) -> None:
        """Send all added operations without waiting for full batches, and wait until each has a result."""
        before = set(self._unfinished)
        self._flushed = self._added
        self._start_batches()
        if before:
            await asyncio.wait(before)

    async def close(self) -> None:
        """Accept no more operations, and wait until all added ones have a result."""
        self._closed = True
        await self.flush()
        if self._batches:
            await asyncio.wait(self._batches)

    async def abort(self) -> None:
        """Accept no more operations and cancel those without a result. A sent request may still arrive."""
        self._closed = self._aborted = True
        self._set_timer()
        for pause in self._pauses.values():
            pause.cancel()
        self._pauses.clear()
        for batch in self._batches:
            batch.cancel()
        if self._batches:
            await asyncio.wait(self._batches)
        # Operations that wait in lanes, and batches that were cancelled before they first ran.
        for future in list(self._unfinished):
            self._end(future)
            future.cancel()

    def _put(self, operation: AnyOperation) -> asyncio.Future[Outcome]:
        if self._closed:
            raise SenderClosedError("the sender is closed")
        loop = asyncio.get_running_loop()
        item = QueuedOperation(
            self._added + 1, loop.time(), operation, self._size(operation), loop.create_future()
        )
        self._added += 1
        self._unfinished.add(item.future)
        lane = self._lanes.get(operation.lane)
        if lane is None:
            lane = self._lanes[operation.lane] = Lane(operation.lane)
        if lane.error is not None:
            self._end(item.future)
            item.future.set_exception(lane.error)
        elif lane.busy:
            lane.add(item)
        else:
            self._ready.add_item(lane, item)
            self._start_batches()
        return item.future

    # -- batches ----------------------------------------------------------------------------------

    def _start_batches(self) -> None:
        """Start every batch that is due, as far as ``concurrency`` allows."""
        if self._aborted:
            return
        loop = asyncio.get_running_loop()
        while self._lone and len(self._batches) < self._limits.concurrency:
            # Before the ready lanes: it has waited longer than they have.
            lane = self._lone.popleft()
            lane.held = False
            self._start_batch([lane], lane.take(1, 0, at_least_one=True), self._retry_alone)
        while self._ready and len(self._batches) < self._limits.concurrency and self._is_due(loop.time()):
            lanes, batch = self._ready.take_batch(self._limits.items, self._limits.bytes)
            for lane in lanes:
                lane.busy = True
            self._start_batch(lanes, batch, self._deliver)
        self._set_timer()

    def _start_batch(self, lanes: list[Lane], batch: list[QueuedOperation], deliver: Deliver) -> None:
        self._batches.add(asyncio.get_running_loop().create_task(self._send(lanes, batch, deliver)))
        self._in_flight += len(batch)

    async def _retry_alone(self, operations: Sequence[AnyOperation]) -> Sequence[Outcome | Held]:
        if self._lone_retries is None:
            raise RuntimeError("an operation was held by a sender without lone retries")
        return [await self._lone_retries.deliver(operation) for operation in operations]

    def _is_due(self, now: float) -> bool:
        return (
            self._ready.items >= self._limits.items
            or self._ready.bytes >= self._limits.bytes
            or self._ready.oldest.number <= self._flushed
            or self._ready.oldest.added_at + self._limits.wait_seconds <= now
        )

    def _set_timer(self) -> None:
        """Look again when the oldest operation has waited long enough.

        At full concurrency no timer is needed: the end of a batch starts the next one.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ready and not self._aborted and len(self._batches) < self._limits.concurrency:
            due_at = self._ready.oldest.added_at + self._limits.wait_seconds
            self._timer = asyncio.get_running_loop().call_at(due_at, self._start_batches)

    async def _send(self, lanes: list[Lane], batch: list[QueuedOperation], deliver: Deliver) -> None:
        try:
            outcomes = await deliver([item.operation for item in batch])
            if len(outcomes) != len(batch):
                raise RuntimeError(f"{len(outcomes)} outcomes for {len(batch)} operations")
            self._settle(lanes, batch, outcomes)
        except asyncio.CancelledError:
            self._finish(batch, lambda future: future.cancel())
            raise
        except Exception as error:  # noqa: BLE001 - passed to those who wait for the operations
            reason = error
            behind = [item for lane in lanes for item in lane.fail(reason)]
            self._finish([*batch, *behind], lambda future: future.set_exception(reason))
        finally:
            self._in_flight -= len(batch)
            self._free(lanes)

    def _settle(
        self, lanes: list[Lane], batch: list[QueuedOperation], outcomes: Sequence[Outcome | Held]
    ) -> None:
        """End the operations that have an outcome, and put those that are held back into their lanes."""
        held: dict[str, list[tuple[QueuedOperation, Held]]] = {}
        for item, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Held):
                held.setdefault(item.operation.lane, []).append((item, outcome))
            else:
                self._fulfil(item, outcome)
        for lane in lanes:
            if lane.name in held:
                self._hold(lane, held[lane.name])

    def _hold(self, lane: Lane, items: list[tuple[QueuedOperation, Held]]) -> None:
        """Retry the first of these after a pause; the others wait behind it."""
        if self._lone_retries is None:
            raise RuntimeError("an operation was held by a sender without lone retries")
        (first, held), *others = items
        waiting = [replace(item, attempts=item.attempts + since.attempts) for item, since in others]
        retried = self._lone_retries.after_failure(first, held)
        if isinstance(retried, Refused):
            self._fulfil(replace(first, attempts=0), retried)
        else:
            waiting.insert(0, retried)
            lane.held = True
            seconds = self._lone_retries.seconds_before(retried, held.retry_after_seconds)
            loop = asyncio.get_running_loop()
            self._pauses[lane.name] = loop.call_later(seconds, self._end_pause, lane)
        lane.put_back(waiting)

    def _end_pause(self, lane: Lane) -> None:
        del self._pauses[lane.name]
        self._lone.append(lane)
        self._start_batches()

    def _fulfil(self, item: QueuedOperation, outcome: Outcome) -> None:
        """End an operation; its outcome counts the attempts before it was held, too."""
        made = outcome.attempts + item.attempts
        self._end(item.future)
        if not item.future.done():
            item.future.set_result(replace(outcome, attempts=made) if made != outcome.attempts else outcome)

    def _finish(self, batch: list[QueuedOperation], end: Callable[[asyncio.Future[Outcome]], object]) -> None:
        for item in batch:
            if item.future not in self._unfinished:
                continue
            self._end(item.future)
            if not item.future.done():
                end(item.future)

    def _end(self, future: asyncio.Future[Outcome]) -> None:
        self._unfinished.discard(future)
        self._room.release()

    def _free(self, lanes: list[Lane]) -> None:
        """Make the lanes of a finished batch ready again, and drop those in which nothing waits."""
        task = asyncio.current_task()
        if task is not None:
            self._batches.discard(task)
        for lane in lanes:
            if lane.error is not None or (lane.held and not self._aborted):
                continue
            lane.busy = False
            if lane.waiting:
                self._ready.add_lane(lane)
            else:
                self._lanes.pop(lane.name, None)
        self._start_batches()
