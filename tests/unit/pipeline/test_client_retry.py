"""When a request is made again: the policy's arithmetic, and the header by which a server asks for a wait."""

from __future__ import annotations

import datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.client.retry import MAX_RETRY_AFTER_SECONDS, RetryPolicy
from pipeline.client.retry_after import parse_retry_after

NOW = datetime.datetime(2026, 11, 25, 12, 0, 0, tzinfo=datetime.UTC)

seconds = st.floats(0.0, 1e9, allow_nan=False)
jitters = st.floats(0.0, 1.0)
attempts = st.integers(1, 10**9)
asked = st.none() | seconds


@given(st.integers(1, 100), attempts, seconds, jitters, asked)
def test_the_budget_of_attempts_is_kept(
    most: int, made: int, elapsed: float, jitter: float, ask: float | None
) -> None:
    policy = RetryPolicy(attempts=most, total_seconds=None)
    assert (policy.wait_seconds(made, elapsed, jitter, ask) is None) == (made >= most)


@given(st.floats(0.0, 1e6), attempts, seconds, jitters, asked)
def test_the_budget_of_time_is_kept(
    total: float, made: int, elapsed: float, jitter: float, ask: float | None
) -> None:
    wait = RetryPolicy(attempts=None, total_seconds=total).wait_seconds(made, elapsed, jitter, ask)
    left = total - elapsed
    assert (wait is None) == (left <= 0.0 or (ask is not None and ask > left))
    if wait is not None:
        assert (ask or 0.0) <= wait <= left


@given(attempts, jitters, asked, st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_without_a_budget_of_time_every_wait_is_bounded(
    made: int, jitter: float, ask: float | None, base: float, cap: float
) -> None:
    policy = RetryPolicy(attempts=None, total_seconds=None, base_seconds=base, cap_seconds=cap)
    wait = policy.wait_seconds(made, 1e9, jitter, ask)
    assert wait is not None
    floor = min(ask or 0.0, MAX_RETRY_AFTER_SECONDS)
    assert floor <= wait <= floor + cap


def test_the_longest_wait_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(attempts=None, base_seconds=0.1, cap_seconds=1.0)
    longest = [policy.wait_seconds(made, 0.0, 1.0) for made in range(1, 7)]
    assert longest == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    assert policy.wait_seconds(3, 0.0, 0.5) == 0.2
    assert policy.wait_seconds(3, 0.0, 0.0) == 0.0


def test_the_jitter_comes_on_top_of_what_the_server_asks_for() -> None:
    assert RetryPolicy().wait_seconds(1, 0.0, 0.5, 7.0) == 7.05
    # ... and does not reach beyond the budget.
    assert RetryPolicy(total_seconds=7.01).wait_seconds(1, 0.0, 0.5, 7.0) == 7.01
    assert RetryPolicy(total_seconds=6.99).wait_seconds(1, 0.0, 0.5, 7.0) is None


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"total_seconds": -1.0}, {"base_seconds": -0.1}, {"cap_seconds": float("nan")}]
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30.0),
        ("Wednesday, 25-Nov-26 12:00:30 GMT", 30.0),
        ("Wed Nov 25 12:00:30 2026", 30.0),
        ("Wed, 25 Nov 2026 11:59:00 GMT", 0.0),
        ("9" * 400, float("inf")),
    ],
)
def test_seconds_and_dates(text: str, wait: float) -> None:
    assert parse_retry_after(text, NOW) == wait


@pytest.mark.parametrize(
    "text",
    [None, "", "soon", "-1", "+1", "1e3", "٣", "nan", "inf", "0x10", "Wed, 99 Nov 2026 12:00:30 GMT", "1,5"],
)
def test_nonsense_is_ignored(text: str | None) -> None:
    assert parse_retry_after(text, NOW) is None


@given(st.text())
def test_any_text_is_a_wait_or_none(text: str) -> None:
    wait = parse_retry_after(text, NOW)
    assert wait is None or wait >= 0.0


@given(
    st.datetimes(
        datetime.datetime(1970, 1, 1), datetime.datetime(9999, 1, 1), timezones=st.just(datetime.UTC)
    )
)
def test_any_date_is_the_distance_from_now(date: datetime.datetime) -> None:
    date = date.replace(microsecond=0)
    wait = parse_retry_after(format_datetime(date, usegmt=True), NOW)
    assert wait == max(0.0, (date - NOW).total_seconds())
