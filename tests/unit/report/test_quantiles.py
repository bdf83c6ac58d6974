"""Percentiles of rows together: never below the truth, and exact for a single row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.html.series import surely_above, upper_bounds
from report.rows import Row, TrendPoints
from tests.unit.report.run_folder import percentile

PERCENTS = (50, 90, 95, 99, 100)
VALUES = st.lists(st.integers(0, 1000).map(float), min_size=1, max_size=150)


def weighted(values: list[float]) -> tuple[int, TrendPoints]:
    ordered = sorted(values)
    med, p90, p95, p99 = (percentile(ordered, percent) for percent in (50, 90, 95, 99))
    return len(ordered), TrendPoints(ordered[0], med, p90, p95, p99, ordered[-1])


@given(VALUES)
def test_one_row_gives_its_own_percentiles(values: list[float]) -> None:
    assert upper_bounds([weighted(values)], PERCENTS) == [
        percentile(sorted(values), percent) for percent in PERCENTS
    ]


@given(st.lists(VALUES, min_size=1, max_size=6))
def test_several_rows_give_upper_bounds_within_the_values(parts: list[list[float]]) -> None:
    everything = sorted(value for part in parts for value in part)
    bounds = upper_bounds([weighted(part) for part in parts], PERCENTS)
    assert all(
        percentile(everything, percent) <= bound <= everything[-1]
        for percent, bound in zip(PERCENTS, bounds, strict=True)
    )
    assert bounds == sorted(bounds)
    assert bounds[-1] == everything[-1]


def test_no_values_have_no_percentiles() -> None:
    with pytest.raises(ValueError, match="at least one"):
        upper_bounds([], PERCENTS)


@given(st.lists(VALUES, min_size=1, max_size=5), st.integers(0, 1000))
def test_never_more_values_are_above_a_bound_than_there_were(parts: list[list[float]], bound: int) -> None:
    rows = [Row(0, "start_lag", "trend", "a", "", len(values), 0.0, weighted(values)[1]) for values in parts]
    known = surely_above(rows, "start_lag", bound)
    assert known <= sum(value > bound for values in parts for value in values)
    assert (known > 0) == any(value > bound for values in parts for value in values)
