"""What a sink sends of itself makes an equal sink; anything else is refused with ``ValueError``."""

from __future__ import annotations

import base64
import math
import struct
import zlib

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.catalog import MetricType
from metrics.sinks import AGGREGATIONS, TrendSink, new_sink, row_of, sink_from_state

ENTRIES = {MetricType.COUNTER: 2, MetricType.GAUGE: 4, MetricType.RATE: 2, MetricType.TREND: 5}

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def state_of(metric_type: MetricType, values: list[float]) -> list[object]:
    sink = new_sink(metric_type)
    sink.add_all(values)
    return sink.to_state()


def histogram_state(histogram: HdrHistogram, count: int) -> list[object]:
    return [count, 5.0, 1.0, 5.0, histogram.encode()]


@pytest.mark.parametrize("metric_type", MetricType)
# How long an example takes is the machine\'s business.
@settings(deadline=None)
@given(values=st.lists(st.floats(0, 4e6), max_size=40))
def test_a_sink_made_from_a_state_answers_as_the_one_that_sent_it(
    metric_type: MetricType, values: list[float]
) -> None:
    sent = new_sink(metric_type)
    sent.add_all(values)
    received = sink_from_state(metric_type, sent.to_state())
    assert received.is_empty == sent.is_empty
    assert received.stats(2) == sent.stats(2)
    assert received.texts(2) == sent.texts(2)
    assert received.row() == sent.row()


@pytest.mark.parametrize("metric_type", MetricType)
def test_stats_contain_every_aggregation_of_the_type(metric_type: MetricType) -> None:
    sink = new_sink(metric_type)
    sink.add_all([1.0, 3.0])
    named = [name for name in AGGREGATIONS[metric_type] if name != "p(N)"]
    assert {name: sink.stats(2)[name] for name in named} == {name: sink.aggregate(name, 2) for name in named}


@pytest.mark.parametrize("metric_type", MetricType)
def test_a_row_of_values_has_the_columns_of_a_row_of_the_sink(metric_type: MetricType) -> None:
    sink = new_sink(metric_type)
    sink.add_all([1.0, 3.0])
    assert row_of(metric_type, [1.0, 3.0]) == pytest.approx(sink.row())


@pytest.mark.parametrize("metric_type", MetricType)
@settings(deadline=None)
@given(state=plain_values)
def test_a_state_that_is_anything_else_is_refused(metric_type: MetricType, state: object) -> None:
    try:
        sink = sink_from_state(metric_type, state)
    except ValueError:
        return
    # What was taken can be shown and merged: no NaN, no infinity, nothing negative.
    target = new_sink(metric_type)
    target.merge(sink)
    assert all(math.isfinite(figure) for figure in target.stats(1).values())


@pytest.mark.parametrize("metric_type", MetricType)
@pytest.mark.parametrize(
    "wrong", [None, True, "7", b"7", -1, math.nan, math.inf, -math.inf, 1e300, 10**400, [], {}]
)
def test_no_entry_of_a_state_may_be_wrong(metric_type: MetricType, wrong: object) -> None:
    good = state_of(metric_type, [2.0, 1.0])
    for position in range(ENTRIES[metric_type]):
        if wrong == -1 and metric_type in (MetricType.GAUGE, MetricType.TREND) and position in (1, 2):
            continue  # A gauge, and the sum and least value of a Trend, may be below zero.
        state = [*good[:position], wrong, *good[position + 1 :]]
        with pytest.raises(ValueError, match=r"expected|says|above max|more than total|decoded"):
            sink_from_state(metric_type, state)


@pytest.mark.parametrize("metric_type", MetricType)
def test_a_state_of_another_length_is_refused(metric_type: MetricType) -> None:
    good = state_of(metric_type, [1.0])
    for state in ([], good[:-1], [*good, 0], dict.fromkeys(range(len(good)), 1), "12345", None):
        with pytest.raises(ValueError, match="expected"):
            sink_from_state(metric_type, state)


def test_a_rate_with_more_passes_than_values_is_refused() -> None:
    with pytest.raises(ValueError, match="passes"):
        sink_from_state(MetricType.RATE, [1, 2])


@pytest.mark.parametrize(
    "histogram",
    [
        HdrHistogram(1, 3_600_000_000, 2),
        HdrHistogram(1, 7_200_000_000, 3),
        HdrHistogram(2, 3_600_000_000, 3),
        HdrHistogram(1, 3_600_000_000, 5),
    ],
    ids=["digits", "highest", "lowest", "more digits"],
)
def test_a_histogram_of_another_range_or_precision_is_refused(histogram: HdrHistogram) -> None:
    histogram.record_value(5000)
    with pytest.raises(ValueError, match="range or precision"):
        sink_from_state(MetricType.TREND, histogram_state(histogram, 1))


def test_a_histogram_that_disagrees_with_the_count_is_refused() -> None:
    histogram = HdrHistogram(1, 3_600_000_000, 3)
    histogram.record_value(5000)
    with pytest.raises(ValueError, match="count says 2"):
        sink_from_state(MetricType.TREND, histogram_state(histogram, 2))


def test_no_more_of_a_histogram_is_decompressed_than_ours_can_have() -> None:
    bomb = zlib.compress(bytes(100_000_000))
    encoded = base64.b64encode(struct.pack(">II", 0x1C849314, len(bomb)) + bomb)
    with pytest.raises(ValueError, match="when decompressed"):
        sink_from_state(MetricType.TREND, [1, 5.0, 5.0, 5.0, encoded])


@settings(deadline=None)
@given(st.data())
def test_a_damaged_histogram_is_refused_or_has_as_many_values_as_it_says(data: st.DataObject) -> None:
    state = state_of(MetricType.TREND, [1.0, 20.0, 300.0])
    raw = bytearray(base64.b64decode(state[4]))  # type: ignore[arg-type]
    payload = bytearray(zlib.decompress(bytes(raw[8:])))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    packed = zlib.compress(bytes(payload[: data.draw(st.integers(0, len(payload)))]))
    state[4] = base64.b64encode(struct.pack(">II", 0x1C849314, len(packed)) + packed)
    try:
        sink = sink_from_state(MetricType.TREND, state)
    except ValueError:
        return
    assert isinstance(sink, TrendSink)
    assert sink.count_above(0) <= sink.count == 3
    assert 1.0 <= sink.percentile(99) <= 300.0


@settings(deadline=None)
@given(st.lists(st.floats(0, 1000), max_size=60), st.floats(0, 1000))
def test_values_above_a_bound_are_counted_to_three_digits(values: list[float], bound: float) -> None:
    sink = TrendSink()
    sink.add_all(values)
    surely = sum(value > bound * 1.001 + 0.002 for value in values)
    at_most = sum(value > bound - 0.002 for value in values)
    assert surely <= sink.count_above(bound) <= at_most


def test_a_merged_sink_counts_the_values_of_both_above_a_bound() -> None:
    sink, other = TrendSink(), TrendSink()
    sink.add_all([1.0, 10.0, 10.5])
    other.add_all([9.9, 11.0, 5e9])
    sink.merge(other)
    assert sink.count_above(10) == 3
