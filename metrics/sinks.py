"""What a metric's values add up to: k6's Counter, Gauge, Rate and Trend."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hdrh.histogram import HdrHistogram

from metrics.catalog import MetricType

# Trends are kept in whole microseconds from 1 us to an hour, to 3 significant digits.
_MICROSECONDS_PER_MS = 1000
_HIGHEST_MICROSECONDS = 3_600_000_000
_SIGNIFICANT_DIGITS = 3


class CounterSink:
    """A sum of increments; ``samples`` is how many."""

    def __init__(self) -> None:
        self.count = 0.0
        self.samples = 0

    @property
    def is_empty(self) -> bool:
        return self.samples == 0

    def add_all(self, values: Sequence[float]) -> None:
        self.count += sum(values)
        self.samples += len(values)

    def merge(self, other: CounterSink) -> None:
        """Add what another process counted."""
        self.count += other.count
        self.samples += other.samples

    def aggregate(self, aggregation: str, seconds: float) -> float:
        return {"count": self.count, "rate": self.count / seconds if seconds > 0 else 0.0}[aggregation]


class GaugeSink:
    """The last value, with the lowest and the highest."""

    def __init__(self) -> None:
        self.value = 0.0
        self.min = 0.0
        self.max = 0.0
        self.samples = 0

    @property
    def is_empty(self) -> bool:
        return self.samples == 0

    def add_all(self, values: Sequence[float]) -> None:
        if not values:
            return
        self.value = values[-1]
        self.min = min(values) if self.is_empty else min(self.min, *values)
        self.max = max(values) if self.is_empty else max(self.max, *values)
        self.samples += len(values)

    def merge(self, other: GaugeSink) -> None:
        """Take in a later window."""
        if not other.is_empty:
            self.add_all([other.min, other.max, other.value])

    def aggregate(self, aggregation: str, seconds: float) -> float:
        return {"value": self.value, "min": self.min, "max": self.max}[aggregation]


class RateSink:
    """The share of values that are not zero."""

    def __init__(self) -> None:
        self.passes = 0
        self.total = 0

    @property
    def fails(self) -> int:
        """Values that are zero."""
        return self.total - self.passes

    @property
    def is_empty(self) -> bool:
        return self.total == 0

    def add_all(self, values: Sequence[float]) -> None:
        self.total += len(values)
        self.passes += sum(1 for value in values if value)

    def merge(self, other: RateSink) -> None:
        """Add what another process counted."""
        self.total += other.total
        self.passes += other.passes

    def aggregate(self, aggregation: str, seconds: float) -> float:
        return {"rate": self.passes / self.total if self.total else 0.0}[aggregation]


class TrendSink:
    """A distribution of milliseconds: an HDR histogram beside exact count, sum, least and greatest value."""

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self.min = 0.0
        self.max = 0.0
        self._histogram = HdrHistogram(1, _HIGHEST_MICROSECONDS, _SIGNIFICANT_DIGITS)

    @property
    def is_empty(self) -> bool:
        return self.count == 0

    def add_all(self, values: Sequence[float]) -> None:
        if not values:
            return
        self.min = min(values) if self.count == 0 else min(self.min, *values)
        self.max = max(self.max, *values)
        self.count += len(values)
        self.sum += sum(values)
        for value in values:
            microseconds = max(0, round(value * _MICROSECONDS_PER_MS))
            self._histogram.record_value(min(microseconds, _HIGHEST_MICROSECONDS))

    def merge(self, other: TrendSink) -> None:
        """Take in another process's values, as if they had been added here."""
        if other.is_empty:
            return
        self.min = other.min if self.is_empty else min(self.min, other.min)
        self.max = max(self.max, other.max)
        self.count += other.count
        self.sum += other.sum
        self._histogram.add(other._histogram)

    def encode(self) -> bytes:
        """The histogram in HdrHistogram's compressed form; count, sum and extremes are not in it."""
        encoded: bytes = self._histogram.encode()
        return encoded

    @classmethod
    def decode(cls, count: int, total: float, least: float, greatest: float, histogram: bytes) -> TrendSink:
        """A sink from another process's figures and its encoded histogram."""
        sink = cls()
        sink.count, sink.sum, sink.min, sink.max = count, total, least, greatest
        sink._histogram = HdrHistogram.decode(histogram)
        return sink

    def percentile(self, percent: float) -> float:
        """The least value in milliseconds that ``percent`` of all values do not exceed (nearest rank)."""
        if self.count == 0:
            return 0.0
        # The histogram rounds a percentile to the nearest rank; asked for a rank's own, it is exact.
        rank = max(1, math.ceil(round(self.count * percent / 100, 9)))
        value: float = self._histogram.get_value_at_percentile(100 * rank / self.count)
        value /= _MICROSECONDS_PER_MS
        # A bucket's upper edge may lie beyond the greatest value that was measured.
        return min(max(value, self.min), self.max)

    def aggregate(self, aggregation: str, seconds: float) -> float:
        if aggregation == "med":
            return self.percentile(50)
        if aggregation.startswith("p("):
            return self.percentile(float(aggregation[2:-1]))
        return {
            "count": float(self.count),
            "avg": self.sum / self.count if self.count else 0.0,
            "min": self.min,
            "max": self.max,
        }[aggregation]


AnySink = CounterSink | GaugeSink | RateSink | TrendSink
"""Takes a metric's values with ``add_all``, in the order they were measured, and gives their aggregations.

``aggregate`` takes one of k6's names and the run's length so far in seconds, for rates per second; it
raises ``KeyError`` for an aggregation that this type of metric does not have.
"""


def new_sink(metric_type: MetricType) -> AnySink:
    """An empty sink for a type of metric."""
    match metric_type:
        case MetricType.COUNTER:
            return CounterSink()
        case MetricType.GAUGE:
            return GaugeSink()
        case MetricType.RATE:
            return RateSink()
        case MetricType.TREND:
            return TrendSink()


def merge(target: AnySink, other: AnySink) -> None:
    """Merge a sink into another of the same type; ``TypeError`` if it is of another."""
    match target, other:
        case CounterSink(), CounterSink():
            target.merge(other)
        case GaugeSink(), GaugeSink():
            target.merge(other)
        case RateSink(), RateSink():
            target.merge(other)
        case TrendSink(), TrendSink():
            target.merge(other)
        case _:
            raise TypeError(f"a {type(other).__name__} does not go into a {type(target).__name__}")


AGGREGATIONS: dict[MetricType, tuple[str, ...]] = {
    MetricType.COUNTER: ("count", "rate"),
    MetricType.GAUGE: ("value", "min", "max"),
    MetricType.RATE: ("rate",),
    MetricType.TREND: ("avg", "min", "med", "max", "count", "p(N)"),
}
"""What a threshold may ask of each type of metric."""
