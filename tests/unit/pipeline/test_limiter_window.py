"""The limiter's arithmetic: the bound in every sliding window, how much is used, slower after a 429."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.limiter.server_clock import ServerClock
from pipeline.limiter.slowdown import FLOOR, Slowdown
from pipeline.limiter.window import GUARD_SHARE, SLACK_SHARE, StartWindow

LATENESS = st.floats(0.0, 0.3)


def most_in_a_window(starts: list[float], window: float) -> int:
    """The most starts in any closed window of that length."""
    return max(sum(start <= other <= start + window for other in starts) for start in starts)


@settings(deadline=None)
@given(
    requests=st.integers(1, 12),
    gap=st.sampled_from([0.0, 0.01, 0.08]),
    moments=st.lists(st.tuples(LATENESS, st.booleans()), min_size=1, max_size=120),
)
def test_no_sliding_window_holds_more_than_the_limit(
    requests: int, gap: float, moments: list[tuple[float, bool]]
) -> None:
    window = StartWindow(requests, 1.0, gap)
    starts: list[float] = []
    now = 100.0
    for late, at_once in moments:
        # As early as it may, or some time later; a start may come at any moment from the earliest on.
        now = max(now, window.earliest(requests)) + (0.0 if at_once else late)
        window.take(now, requests)
        starts.append(now)
    assert most_in_a_window(starts, 1.0) <= requests
    assert all(later - start >= gap - 1e-9 for start, later in itertools.pairwise(starts))


@settings(deadline=None)
@given(
    allowed=st.lists(st.integers(1, 8), min_size=1, max_size=80),
    late=st.lists(st.floats(0.0, 0.05), min_size=80, max_size=80),
)
def test_a_limit_that_changes_holds_for_the_window_before_each_start(
    allowed: list[int], late: list[float]
) -> None:
    window = StartWindow(8, 1.0, 0.0)
    starts: list[float] = []
    now = 0.0
    for limit, seconds in zip(allowed, late, strict=False):
        now = max(now, window.earliest(limit)) + seconds
        window.take(now, limit)
        starts.append(now)
        assert sum(now - 1.0 <= start for start in starts) <= limit


@settings(deadline=None)
@given(st.lists(st.floats(0.0, SLACK_SHARE), min_size=1, max_size=20), st.integers(1, 5))
def test_lateness_within_the_slack_does_not_add_up(lateness: list[float], requests: int) -> None:
    window = StartWindow(requests, 1.0, 0.0)
    now = 0.0
    spans = 50
    for _, late in zip(range(requests * spans), itertools.cycle(lateness), strict=False):
        earliest = window.earliest(requests)
        # Who has to wait is woken late.
        now = now if earliest <= now else earliest + late
        window.take(now, requests)
    assert now <= (spans - 1) * (1.0 + GUARD_SHARE) + SLACK_SHARE + 1e-9
    assert 1.0 / (1.0 + GUARD_SHARE) >= 0.97


def test_a_start_too_early_is_an_error() -> None:
    window = StartWindow(1, 1.0, 0.0)
    window.take(5.0, 1)
    with pytest.raises(ValueError, match="too early"):
        window.take(6.0, 1)


def test_tokens_come_back_one_by_one() -> None:
    window = StartWindow(3, 1.0, 0.0)
    for now in (0.0, 0.5, 0.6):
        window.take(now, 3)
    assert [window.tokens_left(now, 3) for now in (0.6, 1.1, 1.55, 3.0)] == [0, 1, 2, 3]


def test_many_429_in_a_window_are_one_sign() -> None:
    slowdown = Slowdown(80, 1.0)
    for now in (10.0, 10.0, 10.2, 10.9):
        slowdown.throttle(now)
    assert slowdown.allowed(10.0) == 40
    slowdown.throttle(11.0)
    assert slowdown.allowed(11.0) == 22  # half of 40 and what had come back by then


def test_it_comes_back_in_equal_steps_and_stays_at_the_full_rate() -> None:
    slowdown = Slowdown(80, 1.0)
    slowdown.throttle(0.0)
    assert [slowdown.allowed(now) for now in (0.0, 1.0, 5.0, 9.0, 10.0, 99.0)] == [40, 44, 60, 76, 80, 80]


@settings(deadline=None)
@given(st.lists(st.floats(0.0, 3.0), max_size=40), st.integers(1, 100))
def test_it_never_stops_altogether(pauses: list[float], requests: int) -> None:
    slowdown = Slowdown(requests, 1.0)
    now = 0.0
    for pause in pauses:
        now += pause
        slowdown.throttle(now)
        assert max(1, int(requests * FLOOR)) <= slowdown.allowed(now) <= requests


@settings(deadline=None)
@given(
    distance=st.floats(-1000.0, 1000.0),
    calls=st.lists(st.tuples(st.floats(0.0, 0.2), st.floats(0.0, 0.2), st.floats(0.0, 1.0)), min_size=1),
)
def test_the_servers_clock_lies_within_its_bounds(
    distance: float, calls: list[tuple[float, float, float]]
) -> None:
    clock = ServerClock()
    now = 50.0
    for there, back, pause in calls:
        clock.observe(now, now + there + back, now + there + distance)
        now += there + back + pause
    instant = now + distance
    assert clock.certainly_before(instant) - 1e-9 <= now <= clock.certainly_after(instant) + 1e-9
    assert clock.uncertainty <= calls[-1][0] + calls[-1][1] + 1e-9


def test_a_clock_that_was_set_is_believed_anew() -> None:
    clock = ServerClock()
    clock.observe(10.0, 10.002, 500.001)
    clock.observe(10.5, 10.502, 90.501)
    assert clock.certainly_after(90.0) == pytest.approx(10.001, abs=0.0011)
    assert clock.calls == 1
