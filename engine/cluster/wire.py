"""What master and workers send each other, as plain data that Locust's transport can carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metrics.catalog import CATALOG, MetricType, Tags
from metrics.sinks import AnySink, CounterSink, GaugeSink, RateSink, TrendSink
from metrics.store import Cell
from shapes.share import Epoch

# Names of messages. From a worker:
HELLO = "load_test_hello"
COUNTS = "load_test_counts"
METRICS = "load_test_metrics"
LEAVING = "load_test_leaving"
# From the master:
WELCOME = "load_test_welcome"
REFUSE = "load_test_refuse"
OPEN = "load_test_open"
BEAT = "load_test_beat"
START = "load_test_start"
STOP = "load_test_stop"


def encode_epochs(epochs: Sequence[Epoch]) -> list[Any]:
    """Epochs as lists."""
    return [[epoch.start, list(epoch.members)] for epoch in epochs]


def decode_epochs(data: Sequence[Any]) -> list[Epoch]:
    """Epochs from ``encode_epochs``."""
    return [Epoch(float(start), tuple(members)) for start, members in data]


def encode_cell(cell: Cell) -> list[Any]:
    """One window's values of one metric, added up: a Trend as an HDR histogram."""
    return [cell.metric.name, [list(pair) for pair in cell.tags], _state(cell.aggregate())]


def decode_cell(data: Sequence[Any]) -> tuple[str, Tags, AnySink]:
    """Metric, tags and aggregate from ``encode_cell``."""
    name, pairs, state = data
    tags: Tags = tuple((str(key), str(value)) for key, value in pairs)
    return name, tags, _sink(CATALOG[name].type, state)


def _state(sink: AnySink) -> list[Any]:
    match sink:
        case CounterSink():
            return [sink.samples, sink.count]
        case GaugeSink():
            return [sink.samples, sink.value, sink.min, sink.max]
        case RateSink():
            return [sink.total, sink.passes]
        case TrendSink():
            return [sink.count, sink.sum, sink.min, sink.max, sink.encode()]


def _sink(metric_type: MetricType, state: Sequence[Any]) -> AnySink:
    match metric_type:
        case MetricType.COUNTER:
            counter = CounterSink()
            counter.samples, counter.count = state
            return counter
        case MetricType.GAUGE:
            gauge = GaugeSink()
            gauge.samples, gauge.value, gauge.min, gauge.max = state
            return gauge
        case MetricType.RATE:
            rate = RateSink()
            rate.total, rate.passes = state
            return rate
        case MetricType.TREND:
            return TrendSink.decode(*state)
