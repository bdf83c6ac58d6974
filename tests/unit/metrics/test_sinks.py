"""Sinks: what values add up to, against plain arithmetic over all of them."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.catalog import MetricType
from metrics.sinks import AGGREGATIONS, CounterSink, GaugeSink, RateSink, TrendSink, merge, new_sink

milliseconds = st.lists(st.floats(0, 100_000), min_size=1, max_size=300)


@given(st.lists(milliseconds, min_size=1, max_size=4), st.sampled_from([50.0, 90.0, 95.0, 99.0, 100.0]))
def test_a_percentile_is_that_of_all_values_to_three_digits(
    batches: list[list[float]], percent: float
) -> None:
    sink = TrendSink()
    for batch in batches:
        sink.add_all(batch)
    ordered = sorted(value for batch in batches for value in batch)
    rank = max(1, -(-len(ordered) * int(percent) // 100))
    assert sink.percentile(percent) == pytest.approx(ordered[rank - 1], rel=1e-3, abs=2e-3)


@given(milliseconds)
def test_count_average_and_extremes_are_exact(values: list[float]) -> None:
    sink = TrendSink()
    sink.add_all(values)
    assert sink.count == len(values)
    assert sink.aggregate("avg", 1) == pytest.approx(statistics.fmean(values))
    assert (sink.min, sink.max) == (min(values), max(values))
    assert sink.min <= sink.percentile(50) <= sink.max


def test_values_beyond_an_hour_count_as_an_hour_in_percentiles_and_as_themselves_in_max() -> None:
    sink = TrendSink()
    sink.add_all([1.0, 5e7])
    assert sink.max == 5e7
    assert sink.percentile(100) == pytest.approx(3.6e6, rel=1e-3)


@given(st.lists(st.booleans(), max_size=50))
def test_a_rate_is_the_share_of_values_that_are_not_zero(values: list[bool]) -> None:
    sink = RateSink()
    sink.add_all(values)
    assert (sink.passes, sink.fails) == (values.count(True), values.count(False))
    assert sink.aggregate("rate", 1) == (values.count(True) / len(values) if values else 0)


def test_a_counter_sums_and_divides_by_the_seconds() -> None:
    sink = CounterSink()
    sink.add_all([1, 2])
    sink.add_all([3])
    assert (sink.aggregate("count", 3), sink.aggregate("rate", 3)) == (6, 2)
    assert sink.aggregate("rate", 0) == 0


def test_a_gauge_keeps_the_last_the_lowest_and_the_highest() -> None:
    sink = GaugeSink()
    sink.add_all([5, 3])
    sink.add_all([4])
    sink.add_all([])
    assert (sink.value, sink.min, sink.max) == (4, 3, 5)


@pytest.mark.parametrize("metric_type", MetricType)
@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=5), max_size=4))
def test_merged_parts_are_the_whole(metric_type: MetricType, parts: list[list[float]]) -> None:
    merged, whole = new_sink(metric_type), new_sink(metric_type)
    for part in parts:
        sink = new_sink(metric_type)
        sink.add_all(part)
        merge(merged, sink)
        whole.add_all(part)
    assert merged.is_empty == whole.is_empty
    for name, figure in whole.row().items():
        assert merged.row()[name] == pytest.approx(figure), name


@pytest.mark.parametrize("metric_type", MetricType)
def test_every_aggregation_that_thresholds_may_ask_is_answered(metric_type: MetricType) -> None:
    empty, filled = new_sink(metric_type), new_sink(metric_type)
    filled.add_all([1.0])
    assert empty.is_empty
    assert not filled.is_empty
    for aggregation in AGGREGATIONS[metric_type]:
        asked = aggregation.replace("N", "95")
        assert empty.aggregate(asked, 1) == 0
        assert filled.aggregate(asked, 1) == pytest.approx(1)
    with pytest.raises(KeyError):
        filled.aggregate("no such aggregation", 1)
