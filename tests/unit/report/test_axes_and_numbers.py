"""Ticks that cover the values, and numbers that people can read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.html.axes import linear_axis, log_axis, time_axis, value_axis
from report.html.numbers import (
    clock_text,
    decimals_text,
    duration_text,
    milliseconds_text,
    number_text,
    percent_text,
)

POSITIVE = st.floats(1e-6, 1e9)


@given(POSITIVE)
def test_a_linear_axis_covers_its_values_with_few_ticks(highest: float) -> None:
    axis = linear_axis(highest)
    assert axis.low == 0
    assert axis.high >= highest * (1 - 1e-9)
    assert axis.high <= highest * 2.1
    assert 2 <= len(axis.ticks) <= 7


@given(POSITIVE, POSITIVE)
def test_a_log_axis_covers_its_values(one: float, other: float) -> None:
    low, high = sorted((one, other))
    axis = log_axis(low, high)
    assert axis.low <= math.log10(low) + 1e-6
    assert axis.high >= math.log10(high) - 1e-6
    assert axis.low < axis.high
    assert axis.low <= axis.place(0.0) <= axis.high


@given(st.floats(0, 1e6), st.integers(2, 12))
def test_a_time_axis_has_at_most_the_ticks_that_fit(seconds: float, most: int) -> None:
    axis = time_axis(seconds, most)
    assert 1 <= len(axis.ticks) <= most + 1
    assert axis.high >= axis.ticks[-1][0]


def test_a_few_very_high_values_make_the_scale_logarithmic() -> None:
    assert not value_axis([1.0, 2.0, 20.0]).is_log
    assert value_axis([1.0, 2.0, 2000.0]).is_log
    assert value_axis([0.0]).high == 1.0


@given(st.floats(-1e12, 1e12))
def test_a_number_as_text_is_the_number_to_three_digits(value: float) -> None:
    text = number_text(value).replace("\u202f", "")
    assert float(text) == pytest.approx(value, rel=0.0051)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number_text(87600), "87\u202f600"),
        (number_text(1.2345), "1.23"),
        (number_text(0.5), "0.5"),
        (number_text(0), "0"),
        (number_text(2006.4), "2\u202f006"),
        (percent_text(0), "0%"),
        (percent_text(0.00001), "<0.1%"),
        (percent_text(0.99999), ">99.9%"),
        (percent_text(1), "100%"),
        (percent_text(0.3263), "32.6%"),
        (decimals_text(1234.5), "1\u202f234.50"),
        (decimals_text(0.003), "<0.01"),
        (decimals_text(0), "0.00"),
        (milliseconds_text(12_340), "12.3 s"),
        (milliseconds_text(1.5), "1.5 ms"),
        (duration_text(540.2), "9m"),
        (duration_text(5400), "1h30m"),
        (duration_text(2.5), "2.5s"),
        (duration_text(0), "0s"),
        (duration_text(59.97), "1m"),
        (clock_text(65), "1:05"),
        (clock_text(3600), "1:00:00"),
    ],
)
def test_numbers_as_people_write_them(text: str, expected: str) -> None:
    assert text == expected
