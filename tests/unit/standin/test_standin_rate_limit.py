"""The rate limit's window."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from standin.endpoint import Quota
from standin.quotas import Quotas
from standin.sliding_window import WINDOW_SECONDS, SlidingWindow

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# Whole milliseconds keep the sums exact enough to ask for exactly N per window.
gaps = st.lists(st.integers(0, 400).map(lambda milliseconds: milliseconds / 1024), max_size=200)


@patient
@given(st.integers(1, 5), gaps)
def test_no_window_holds_more_than_the_limit_and_none_is_refused_without_need(
    limit: int, gaps: list[float]
) -> None:
    window = SlidingWindow(limit)
    admitted: list[float] = []
    for now in accumulate(gaps):
        recent = sum(1 for instant in admitted if now - instant < WINDOW_SECONDS)
        wait = window.admit(now)
        if recent < limit:
            assert wait == 0.0
            admitted.append(now)
        else:
            assert 0.0 < wait <= WINDOW_SECONDS


@patient
@given(st.integers(1, 5), gaps)
def test_who_waits_as_told_is_admitted(limit: int, gaps: list[float]) -> None:
    window = SlidingWindow(limit)
    now = 0.0
    for gap in gaps:
        now += gap
        wait = window.admit(now)
        if wait > 0.0:
            now += wait
            assert window.admit(now) == 0.0


def test_a_steady_rate_at_the_limit_is_never_refused() -> None:
    window = SlidingWindow(128)

    assert all(window.admit(number / 128) == 0.0 for number in range(1000))


def test_each_limit_of_the_app_api_has_a_window_of_its_own() -> None:
    quotas = Quotas()

    assert [quotas.admit(Quota.BROADCAST, now) for now in (0.0, 0.5, 9.5, 10.0)] == [0.0, 9.5, 0.5, 0.0]
    assert sum(quotas.admit(Quota.TRANSACTIONAL, 0.0) == 0.0 for _ in range(200)) == 100
    assert sum(quotas.admit(Quota.APP, 0.0) == 0.0 for _ in range(200)) == 10
