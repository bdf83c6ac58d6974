"""Wakers let every sleeper go at its instant, in order, and forget those that were ended."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import gevent
import pytest
from gevent import monkey
from gevent.event import Event

from users.waking import GeventWaker, TimerfdWaker, Waker


@pytest.fixture(params=[TimerfdWaker, GeventWaker])
def waker(request: pytest.FixtureRequest) -> Iterator[Waker]:
    made: Waker = request.param()
    yield made
    if isinstance(made, TimerfdWaker):
        made.close()


def test_nobody_wakes_before_the_instant_and_all_do_in_order(waker: Waker) -> None:
    begin = time.monotonic() + 0.2
    instants = [begin + step / 2000 for step in range(200)]
    woken: list[float] = []
    asleep: set[float] = set()

    def sleep(instant: float) -> None:
        if time.monotonic() < begin:
            asleep.add(instant)
        waker.sleep_until(instant)
        # gevent's own timers may fire a fraction of a millisecond early.
        assert time.monotonic() >= instant - (0.001 if isinstance(waker, GeventWaker) else 0)
        woken.append(instant)

    order = random.Random(1).sample(instants, len(instants))
    gevent.joinall([gevent.spawn(sleep, instant) for instant in order], raise_error=True)
    assert sorted(woken) == instants
    if isinstance(waker, TimerfdWaker):
        # A busy machine may let some be asked too late to sleep at all.
        slept = [instant for instant in woken if instant in asleep]
        assert slept == sorted(asleep)


def test_an_instant_that_has_passed_is_no_sleep(waker: Waker) -> None:
    waker.sleep_until(time.monotonic() - 1)
    waker.sleep_until(0.0)


def test_one_that_is_ended_in_its_sleep_wakes_nobody_and_keeps_nobody_up(waker: Waker) -> None:
    woken: list[str] = []

    def sleep(name: str, instant: float) -> None:
        waker.sleep_until(instant)
        woken.append(name)

    now = time.monotonic()
    ended = gevent.spawn(sleep, "ended", now + 0.5)
    stays = gevent.spawn(sleep, "stays", now + 0.6)
    gevent.sleep(0)
    ended.kill()
    stays.join()
    assert woken == ["stays"]


def test_a_greenlet_may_sleep_again_and_again(waker: Waker) -> None:
    rounds = {"a": 0, "b": 0}

    def sleep(name: str) -> None:
        for _ in range(100):
            waker.sleep_until(time.monotonic() + 0.0002)
            rounds[name] += 1

    gevent.joinall([gevent.spawn(sleep, name) for name in rounds], raise_error=True)
    assert rounds == {"a": 100, "b": 100}


def test_an_error_in_one_that_was_woken_leaves_the_others_alone(waker: Waker) -> None:
    others_done = Event()

    def fails(instant: float) -> None:
        waker.sleep_until(instant)
        raise gevent.GreenletExit

    def goes_on(instant: float) -> None:
        waker.sleep_until(instant)
        others_done.set()

    instant = time.monotonic() + 0.01
    gevent.spawn(fails, instant)
    gevent.spawn(goes_on, instant)
    assert others_done.wait(5)


def test_many_that_are_due_at_once_leave_the_event_loop_its_turn() -> None:
    """After a stall answers are read between the batches of those that are overdue."""
    waker = TimerfdWaker()
    woken = 0
    seen: list[int] = []
    # Long enough for all of them to be asleep before it, also on a machine that gives this process no core.
    instant = time.monotonic() + 1.0

    def sleep() -> None:
        nonlocal woken
        waker.sleep_until(instant)
        woken += 1

    def watches() -> None:
        while woken < 500:
            seen.append(woken)
            gevent.sleep(0)

    sleepers = [gevent.spawn(sleep) for _ in range(500)]
    gevent.sleep(0)
    watcher = gevent.spawn(watches)
    while time.monotonic() < instant:
        # The whole process stands still until all of them are overdue.
        monkey.get_original("time", "sleep")(0.01)
    gevent.joinall([*sleepers, watcher], raise_error=True)
    waker.close()
    assert any(0 < count < 500 for count in seen)
