"""The schedule of a profile's dump, and the points that lines are drawn through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.html.series import MAX_POINTS, averaged, failures, highest, step_for, trend
from report.json_object import JsonObject
from report.rows import read_rows
from report.scenarios import peak_rate, planned_scenarios
from tests.unit.report.run_folder import counter_row, profile, second_of, trend_row, write_folder


def test_the_peak_is_that_of_all_scenarios_together() -> None:
    two = profile(rate=10, seconds=4)
    later = profile(rate=7, seconds=4, start_time=3.0)["scenarios"]["a"]
    apart = profile(rate=30, seconds=1, start_time=20.0)["scenarios"]["a"]
    assert peak_rate(planned_scenarios(JsonObject(two))) == pytest.approx(10)
    two["scenarios"]["b"] = later
    assert peak_rate(planned_scenarios(JsonObject(two))) == pytest.approx(17)
    two["scenarios"]["c"] = apart
    assert peak_rate(planned_scenarios(JsonObject(two))) == pytest.approx(30)


def test_a_jump_at_the_very_end_is_not_a_peak() -> None:
    jump: dict[str, Any] = profile(
        rate=10, stages=[{"target": 10, "duration": 5.0}, {"target": 99, "duration": 0.0}]
    )
    assert peak_rate(planned_scenarios(JsonObject(jump))) == pytest.approx(10)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=300), st.integers(1, 20))
def test_fewer_points_keep_the_sum(values: list[int], step: int) -> None:
    points = averaged(lambda second: values[second], len(values), step)
    widths = [min(start + step, len(values)) - start for start in range(0, len(values), step)]
    total = sum(value * width for (_, value), width in zip(points, widths, strict=True))
    assert total == pytest.approx(sum(values))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=300), st.integers(1, 20))
def test_fewer_points_keep_the_highest(values: list[float], step: int) -> None:
    points = highest(range(len(values)), values, step)
    assert max(value for _, value in points) == max(values)


@given(st.integers(1, 1_000_000))
def test_a_line_never_has_too_many_points(seconds: int) -> None:
    assert -(-seconds // step_for(seconds)) <= MAX_POINTS


def test_a_trend_over_time_knows_whether_it_is_exact(tmp_path: Path) -> None:
    rows = [
        trend_row(0, "identify_duration", [1, 2, 3], status="200"),
        trend_row(2, "identify_duration", [4, 5, 9], status="200"),
        trend_row(2, "start_lag", [4, 5, 9]),
    ]
    folder = write_folder(tmp_path / "r", rows)
    found = trend(read_rows(folder / "metrics.csv"), "identify_duration")
    assert (found.seconds, found.values[50], found.values[100]) == ([0, 2], [2, 5], [3, 9])
    assert found.is_exact
    mixed = [*rows, trend_row(2, "identify_duration", [2000], status="0", error="timeout")]
    found = trend(read_rows(write_folder(tmp_path / "r", mixed) / "metrics.csv"), "identify_duration")
    assert found.values[100] == [3, 2000]
    assert not found.is_exact


def test_failures_are_counted_by_cause_and_second(tmp_path: Path) -> None:
    rows = [
        *second_of(0, 5),
        *second_of(1, 3, error="timeout"),
        counter_row(1, "http_reqs", 2, error="429 rate limited"),
    ]
    found = failures(read_rows(write_folder(tmp_path / "r", rows) / "metrics.csv"))
    assert found == {"timeout": {1: 3}, "429 rate limited": {1: 2}}
