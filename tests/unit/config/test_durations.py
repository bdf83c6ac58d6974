"""Durations in k6's grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.durations import format_duration, format_milliseconds, parse_duration_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m30s", 90), ("100ms", 0.1), ("0s", 0), ("1.5h", 5400), ("2h45m", 9900), ("1d", 86400),
     ("500us", 5e-4),
     ("500", 0.5), (" 10s ", 10), (".5s", 0.5), ("1m0.5s", 60.5)],
)  # fmt: skip
def test_durations_are_read_as_k6_reads_them(text: str, seconds: float) -> None:
    assert parse_duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", " ", "10 s", "-1s", "10x", "s", "1m30", "ten", "1e3s", "1s,2s", "nan"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected a duration such as '1m30s'"):
        parse_duration_seconds(text)


@given(st.integers(0, 10_000_000))
def test_what_is_shown_reads_back_as_the_same_seconds(seconds: int) -> None:
    assert parse_duration_seconds(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(540, "9m"), (54.8, "54.8s"), (0.1, "100ms"), (3725, "1h2m5s"), (59.9999, "60s"), (0, "0ms")],
)
def test_durations_are_shown_as_people_write_them(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0µs"),
        (0.25, "250µs"),
        (0.9996, "1.00ms"),
        (2.126, "2.13ms"),
        (9.996, "10.0ms"),
        (12.34, "12.3ms"),
        (99.96, "100ms"),
        (999.4, "999ms"),
        (999.6, "1.00s"),
        (12_345, "12.3s"),
        (3_600_000, "3600s"),
    ],
)
def test_milliseconds_are_shown_with_three_digits(milliseconds: float, text: str) -> None:
    assert format_milliseconds(milliseconds) == text
