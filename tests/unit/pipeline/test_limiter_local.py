"""The limiter of one process, on a clock that the test moves: order, cancellation, queue, 429, closing."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator

import pytest

from config.errors import ConfigError
from pipeline.limiter import LimiterQueueFullError, LimiterSettings, SharedSettings, open_limiter
from pipeline.limiter.local import LocalLimiter
from tests.unit.pipeline.virtual_loop import VirtualLoop


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    loop = VirtualLoop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


class Callers:
    """Callers of a limiter, by number; each stays inside until it is told to end."""

    def __init__(self, loop: VirtualLoop, settings: LimiterSettings) -> None:
        self.loop = loop
        self.limiter = loop.run_until_complete(self._made(settings))
        self.starts: list[tuple[int, float]] = []
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.inside: dict[int, asyncio.Event] = {}

    @staticmethod
    async def _made(settings: LimiterSettings) -> LocalLimiter:
        return LocalLimiter(settings)

    def call(self, *numbers: int) -> None:
        for number in numbers:
            self.tasks[number] = self.loop.create_task(self._call(number))
        self.loop.settle()

    async def _call(self, number: int) -> None:
        async with self.limiter.slot():
            self.starts.append((number, self.loop.time()))
            self.inside[number] = asyncio.Event()
            try:
                await self.inside[number].wait()
            finally:
                del self.inside[number]

    def end_all(self) -> None:
        for event in self.inside.values():
            event.set()
        self.loop.settle()

    def advance(self, seconds: float, step: float = 0.002) -> None:
        for _ in range(round(seconds / step)):
            self.loop.advance(step)

    def stats(self) -> tuple[int, int, int]:
        async def read() -> tuple[int, int, int]:
            stats = self.limiter.stats()
            return stats.running, stats.queued, stats.done

        return self.loop.run_until_complete(read())

    @property
    def order(self) -> list[int]:
        return [number for number, _ in self.starts]


def settings(
    requests: int = 10, concurrency: int = 100, min_gap_seconds: float = 0.01, max_queued: int = 1000
) -> LimiterSettings:
    return LimiterSettings(requests, 1.0, concurrency, min_gap_seconds, max_queued)


def test_first_come_first_served_with_the_gap_between(loop: VirtualLoop) -> None:
    callers = Callers(loop, settings(requests=5))
    callers.call(*range(12))
    callers.advance(2.2)
    assert callers.order == list(range(12))
    times = [time for _, time in callers.starts]
    assert all(later - time >= 0.01 - 1e-9 for time, later in itertools.pairwise(times))
    assert all(later - time >= 1.0 for time, later in zip(times, times[5:], strict=False))
    callers.end_all()


def test_a_permit_is_needed_as_well(loop: VirtualLoop) -> None:
    callers = Callers(loop, settings(concurrency=2))
    callers.call(*range(5))
    callers.advance(0.5)
    assert callers.order == [0, 1]
    callers.inside[1].set()
    callers.advance(0.1)
    assert callers.order == [0, 1, 2]
    while callers.stats()[:2] != (0, 0):
        callers.end_all()
        callers.advance(0.02)


def test_a_busy_loop_passes_nothing_on(loop: VirtualLoop) -> None:
    callers = Callers(loop, settings(requests=5, min_gap_seconds=0.0))
    callers.call(*range(30))
    rng = random.Random(3)
    while callers.stats()[1]:
        # Each step is a moment in which the loop could do nothing.
        loop.advance(rng.choice([0.001, 0.01, 0.05, 0.4]))
    times = [time for _, time in callers.starts]
    assert all(later - time >= 1.0 for time, later in zip(times, times[5:], strict=False))
    callers.end_all()


@pytest.mark.parametrize("seed", range(20))
def test_cancelled_at_any_moment_nothing_is_lost(loop: VirtualLoop, seed: int) -> None:
    rng = random.Random(seed)
    callers = Callers(loop, settings(requests=6, concurrency=3, max_queued=50))
    for number in range(60):
        callers.tasks[number] = loop.create_task(callers._call(number))
        if rng.random() < 0.5:
            # Between any two turns of the loop: queued, woken and not yet run, inside.
            loop.run_until_complete(_turns(rng.randrange(4)))
        if rng.random() < 0.5:
            loop.advance(rng.choice([0.0, 0.01, 0.2]))
        for victim in rng.sample(sorted(callers.tasks), k=min(2, len(callers.tasks))):
            if rng.random() < 0.4:
                callers.tasks[victim].cancel()
        if rng.random() < 0.3:
            for event in list(callers.inside.values()):
                event.set()
    while callers.stats()[:2] != (0, 0):
        callers.end_all()
        loop.advance(0.05)
    assert callers.order == sorted(callers.order)
    loop.run_until_complete(asyncio.gather(*callers.tasks.values(), return_exceptions=True))

    # As good as new: the full window and all permits.
    loop.advance(2.0)
    done = len(callers.starts)
    callers.call(*range(100, 110))
    callers.advance(0.1)
    assert callers.order[done:] == [100, 101, 102]
    while callers.stats()[:2] != (0, 0):
        callers.end_all()
        loop.advance(0.05)
    assert len(callers.starts) == done + 10


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_full_queue_refuses_and_tells_when_there_is_room(loop: VirtualLoop) -> None:
    callers = Callers(loop, settings(requests=1, max_queued=2))
    callers.call(0, 1, 2, 3)
    assert isinstance(callers.tasks[3].exception(), LimiterQueueFullError)
    room = loop.create_task(callers.limiter.wait_for_room())
    loop.settle()
    assert not room.done()
    callers.tasks[2].cancel()
    loop.settle()
    assert room.done()
    loop.run_until_complete(callers.limiter.wait_for_room())
    loop.run_until_complete(callers.limiter.aclose())
    callers.end_all()


def test_depleted_while_somebody_waits_in_vain(loop: VirtualLoop) -> None:
    callers = Callers(loop, settings(requests=2))
    depleted = callers.limiter.depleted
    callers.call(0, 1)
    assert not depleted.is_set()
    callers.advance(0.05)
    callers.call(2)
    assert depleted.is_set()
    callers.advance(1.1)
    assert callers.order == [0, 1, 2]
    assert not depleted.is_set()
    callers.end_all()


def test_after_a_429_slower_and_not_before_the_time_given(loop: VirtualLoop) -> None:
    callers = Callers(loop, settings(requests=10))

    async def throttled() -> None:
        callers.limiter.throttled()
        callers.limiter.throttled(2.0)
        stats = callers.limiter.stats()
        assert (stats.requests_allowed, stats.throttled, stats.tokens_left) == (5, 2, 0)
        assert not stats.shared

    loop.run_until_complete(throttled())
    callers.call(*range(20))
    callers.advance(1.99)
    assert not callers.starts
    callers.advance(1.0)
    assert len(callers.starts) == 6  # half of ten, and a tenth of the rate in two seconds
    loop.run_until_complete(callers.limiter.aclose())
    callers.end_all()


def test_closing_cancels_who_waits_and_lets_the_others_end(loop: VirtualLoop) -> None:
    callers = Callers(loop, settings(requests=1, max_queued=2))
    callers.call(0, 1, 2)
    room = loop.create_task(callers.limiter.wait_for_room())
    loop.settle()
    loop.run_until_complete(callers.limiter.aclose())
    loop.settle()
    assert [callers.tasks[number].cancelled() for number in (1, 2)] == [True, True]
    assert room.cancelled()
    assert callers.stats() == (1, 0, 0)
    callers.end_all()
    assert callers.stats() == (0, 0, 1)
    callers.call(4)
    assert "closed" in str(callers.tasks[4].exception())


@pytest.mark.parametrize(
    ("limits", "shared", "named"),
    [
        (LimiterSettings(requests=0), None, "requests: expected 1 or more"),
        (LimiterSettings(max_queued=0), None, "max_queued: expected 1 or more"),
        (LimiterSettings(window_seconds=float("nan")), None, "window_seconds: expected more than 0"),
        (LimiterSettings(min_gap_seconds=-1), None, "min_gap_seconds: expected 0 or more"),
        (LimiterSettings(concurrency=7), SharedSettings(), "max_processes: expected 1 to 7"),
        (LimiterSettings(), SharedSettings(name="a{b"), "name: expected a name without braces"),
    ],
)
def test_settings_that_cannot_be(limits: LimiterSettings, shared: SharedSettings | None, named: str) -> None:
    url = None if shared is None else "redis://127.0.0.1:1"
    with pytest.raises(ConfigError, match=named):
        asyncio.run(open_limiter(limits, url, shared))


def test_a_wrong_url_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="Redis URL: expected redis://") as caught:
        asyncio.run(open_limiter(None, "http://user:secret@host"))
    assert "secret" not in str(caught.value)
