"""The shared limiter against a real Redis: many limiters, one limit, whatever becomes of Redis or of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from config.errors import ConfigError
from pipeline.limiter import LimiterSettings, SharedSettings, TooManyProcessesError, open_limiter
from pipeline.limiter.shared import SharedLimiter
from pipeline.limiter.shared_plan import HEARTBEAT_SECONDS
from tests.programs.waiting import until
from tests.proofs.limiter_bound import most_at_once, most_in_a_second, run_with_fault
from tests.servers.redis_server import RedisServer

# A short window: what is closed for a window is open again soon. Clocks have to be known the better for it.
SMALL = LimiterSettings(requests=16, window_seconds=0.2, concurrency=4, min_gap_seconds=0.001)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


async def opened(
    redis: RedisServer,
    name: str,
    settings: LimiterSettings | None = None,
    max_processes: int = 4,
) -> SharedLimiter:
    """A limiter as a process of its own would have it."""
    limiter = await open_limiter(settings, redis.url, SharedSettings(name, max_processes))
    assert isinstance(limiter, SharedLimiter)
    return limiter


async def abandon(limiter: SharedLimiter) -> None:
    """As if its process had been killed: it never signs off."""
    assert limiter._task is not None
    limiter._task.cancel()
    await asyncio.wait([limiter._task])
    await limiter._link.aclose()


class Backlog:
    """Callers that never stop coming, on several limiters."""

    def __init__(self, *limiters: SharedLimiter, seconds_each: float = 0.02, callers: int = 25) -> None:
        self.spans: list[tuple[float, float]] = []
        self._seconds = seconds_each
        self._tasks = [
            asyncio.create_task(self._call(limiter)) for limiter in limiters for _ in range(callers)
        ]

    async def _call(self, limiter: SharedLimiter) -> None:
        while True:
            async with limiter.slot():
                start = time.monotonic()
                await asyncio.sleep(self._seconds)
                self.spans.append((start, time.monotonic()))

    @property
    def starts(self) -> list[float]:
        return sorted(start for start, _ in self.spans)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)


async def stormy(limiter: SharedLimiter, backlog: int) -> None:
    """Callers that are cancelled at every moment of their wait."""

    async def call() -> None:
        async with limiter.slot():
            await asyncio.sleep(0.005)

    for number in range(backlog):
        task = asyncio.create_task(call())
        await asyncio.sleep(0.001 * (number % 7))
        task.cancel()
        await asyncio.wait([task])


def test_limiters_share_one_limit_also_after_redis_forgot_it(redis: RedisServer) -> None:
    async def run() -> None:
        begin = time.monotonic()
        limiters = [await opened(redis, "bound") for _ in range(3)]
        backlog = Backlog(*limiters)
        await until(lambda: len(backlog.spans) > 85)
        # The loop stands still: what is due meanwhile is started later or given back.
        time.sleep(0.05)
        redis.flush()
        await stormy(limiters[0], 50)
        forgot = len(backlog.spans)
        await until(lambda: len(backlog.spans) > forgot + 10)
        calls = sum(limiter.calls for limiter in limiters)
        done = sum(limiter.stats().done for limiter in limiters)
        heartbeats = 3 * (time.monotonic() - begin) / HEARTBEAT_SECONDS
        await backlog.stop()
        assert [(limiter.stats().running, limiter.stats().queued) for limiter in limiters] == [(0, 0)] * 3
        for limiter in limiters:
            await limiter.aclose()
        assert most_in_a_second(backlog.starts) <= 80
        assert most_at_once(backlog.spans) <= 20
        # Those that were cancelled have asked as well.
        assert calls <= done + 50 + heartbeats

    asyncio.run(run())


@pytest.mark.alone
def test_without_redis_each_keeps_to_its_part_and_comes_back(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pipeline.limiter")

    async def run() -> None:
        with RedisServer() as own:
            limiters = [await opened(own, "gone", SMALL, max_processes=4) for _ in range(2)]
            backlog = Backlog(*limiters, seconds_each=0.001)
            await until(lambda: len(backlog.spans) > 30)
            own.kill()
            killed = time.monotonic()
            await until(lambda: not any(limiter.stats().shared for limiter in limiters))
            await until(lambda: backlog.starts[-1] > killed + 2.0)
            own.start()
            back = time.monotonic()
            await until(lambda: all(limiter.stats().shared for limiter in limiters))
            joined = time.monotonic()
            counted = len(backlog.spans)
            await until(lambda: len(backlog.spans) > counted + 30)
            await backlog.stop()
            for limiter in limiters:
                await limiter.aclose()
        starts = backlog.starts
        # What was reserved is used up, then nothing for a while, then a part each: 4 of 16 per window.
        assert not [start for start in starts if killed + 0.3 < start < killed + 1.75]
        alone = [start for start in starts if killed + 1.75 < start < back]
        assert alone
        assert all(alone[i + 8] - alone[i] >= 0.2 for i in range(len(alone) - 8))
        assert all(starts[i + 16] - starts[i] >= 0.2 for i in range(len(starts) - 16))
        # Closed until everybody has left its part.
        assert not [start for start in starts if joined < start < back + 0.95]
        messages = [record.getMessage() for record in caplog.records]
        assert sum("Redis is gone" in message for message in messages) == 2
        assert sum("shared by" in message for message in messages) >= 2

    asyncio.run(run())


def test_processes_come_and_go(redis: RedisServer) -> None:
    async def permits() -> None:
        dead = await opened(redis, "permits", SMALL)
        held = [asyncio.create_task(_hold(dead)) for _ in range(4)]
        await until(lambda: dead.stats().running == 4)
        alive = await opened(redis, "permits", SMALL)
        backlog = Backlog(alive)
        await until(lambda: alive.stats().queued == 25)
        await asyncio.sleep(2 * HEARTBEAT_SECONDS)
        assert not backlog.spans
        await abandon(dead)
        died = time.monotonic()
        await until(lambda: bool(backlog.spans))
        assert backlog.starts[0] >= died + 1.5
        await backlog.stop()
        await alive.aclose()
        await _cancel(held)

    async def place() -> None:
        dead = await opened(redis, "place", SMALL, max_processes=1)
        await abandon(dead)
        # Waits for the lease to end.
        await (await opened(redis, "place", SMALL, max_processes=1)).aclose()

    async def no_place() -> None:
        first = await opened(redis, "full", SMALL, max_processes=1)
        with pytest.raises(TooManyProcessesError, match="'full' is shared by 1 processes already"):
            await opened(redis, "full", SMALL, max_processes=1)
        await first.aclose()

    async def fair() -> None:
        first, second = [await opened(redis, "fair", SMALL) for _ in range(2)]
        early = [asyncio.create_task(_hold(first)) for _ in range(10)]
        await until(lambda: first.stats().running == 4)
        late = [asyncio.create_task(_hold(second)) for _ in range(10)]
        await until(lambda: second.stats().queued == 10)
        # Who comes later gets its half as soon as permits are free.
        await _cancel(early[:4])
        await until(lambda: (first.stats().running, second.stats().running) == (2, 2))
        await _cancel(early + late)
        await first.aclose()
        await second.aclose()

    async def before_redis() -> None:
        with RedisServer() as own:
            own.kill()
            limiter = await opened(own, "early", SMALL)
            backlog = Backlog(limiter)
            await until(lambda: limiter.calls >= 3)
            assert not limiter.stats().shared
            assert not backlog.spans
            own.start()
            await until(lambda: bool(backlog.spans))
            await backlog.stop()
            await limiter.aclose()

    async def run() -> None:
        # They wait for leases most of the time: at once.
        await asyncio.gather(permits(), place(), no_place(), fair(), before_redis())

    asyncio.run(run())


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _hold(limiter: SharedLimiter) -> None:
    async with limiter.slot():
        await asyncio.Event().wait()


def test_a_429_slows_down_all(redis: RedisServer) -> None:
    async def run() -> None:
        first, second = [await opened(redis, "throttled") for _ in range(2)]
        for _ in range(5):
            first.throttled()
        # It hears of it within a heartbeat, in which a step or two have come back.
        await until(lambda: 40 <= second.stats().requests_allowed <= 60)
        heard = second.stats().requests_allowed
        await until(lambda: second.stats().requests_allowed > heard)
        assert (first.stats().throttled, second.stats().throttled) == (5, 0)
        await first.aclose()
        await second.aclose()

    asyncio.run(run())


def test_closing_cancels_who_waits_and_signs_off(redis: RedisServer) -> None:
    async def run() -> None:
        limiter = await opened(redis, "closing", SMALL, max_processes=1)
        backlog = Backlog(limiter)
        await until(lambda: bool(backlog.spans))
        await limiter.aclose()
        await asyncio.wait(backlog._tasks, timeout=5)
        assert all(task.done() for task in backlog._tasks)
        await backlog.stop()
        with suppress(RuntimeError):
            async with limiter.slot():
                raise AssertionError("closed")
        # The place is free at once.
        before = time.monotonic()
        await (await opened(redis, "closing", SMALL, max_processes=1)).aclose()
        assert time.monotonic() < before + 1.0

    asyncio.run(run())


def test_the_strictest_settings_hold_for_all_but_windows_must_agree(redis: RedisServer) -> None:
    async def run() -> None:
        large = await opened(redis, "mixed", LimiterSettings(requests=80))
        small = await opened(redis, "mixed", LimiterSettings(requests=30))
        await until(lambda: large.stats().requests_allowed == 30)
        with pytest.raises(ConfigError, match="in use with a window of 1 s"):
            await opened(redis, "mixed", SMALL)
        await small.aclose()
        await until(lambda: large.stats().requests_allowed == 80)
        await large.aclose()

    asyncio.run(run())


def test_a_wrong_password_is_said_at_once_and_not_repeated() -> None:
    async def run() -> None:
        with RedisServer("--requirepass", "right") as own:
            url = own.url.replace("redis://", "redis://:wrong-secret@")
            with pytest.raises(ConfigError, match="refuses the user, the password") as caught:
                await open_limiter(None, url)
            assert "wrong-secret" not in str(caught.value)
            with pytest.raises(ConfigError, match="refuses"):
                await open_limiter(None, own.url)

    asyncio.run(run())


@pytest.mark.alone
def test_the_server_never_sees_too_many_in_a_second() -> None:
    bound = run_with_fault("kill-process", seconds=4.0, processes=4)
    assert bound.most_starts <= 80
    assert set(bound.broken()) <= {"arrivals"}
    # On a machine that is busy otherwise, a request may take 15 ms longer on its way than those after it,
    # which no limiter can know of; four more in a second are a difference of 50 ms.
    assert bound.most_arrivals <= 84
    assert bound.used[0] >= 0.5
