"""What a metric's values add up to: k6's Counter, Gauge, Rate and Trend.

A type of metric is one class here: what it adds up, how it travels to another process, and what each
writer shows of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

from metrics.catalog import MetricType
from metrics.sink_state import entries, finite_number, in_order, sample_count
from metrics.trend_sink import TREND_STATS, TrendSink

__all__ = [
    "AGGREGATIONS",
    "TREND_STATS",
    "AnySink",
    "CounterSink",
    "GaugeSink",
    "RateSink",
    "TrendSink",
    "merge",
    "new_sink",
    "row_of",
    "sink_from_state",
]


class AnySink(Protocol):
    """What every type of metric can do; ``seconds`` is the run's length so far, for rates per second."""

    metric_type: ClassVar[MetricType]

    aggregations: ClassVar[tuple[str, ...]]
    """What a threshold may ask of this type."""

    export_names: ClassVar[Mapping[str, str]]
    """Stats that k6's ``--summary-export`` names otherwise than its ``handleSummary``."""

    @property
    def is_empty(self) -> bool:
        """Whether no value was added."""

    def add_all(self, values: Sequence[float]) -> None:
        """Add values in the order in which they were measured."""

    def merge(self, other: Self) -> None:
        """Add what another process measured, or what was measured later."""

    def to_state(self) -> list[Any]:
        """Return plain values from which ``from_state`` makes an equal sink in another process."""

    @classmethod
    def from_state(cls, state: object) -> Self:
        """Return the sink that ``to_state`` described.

        Raises:
            ValueError: the state is none of this type: a wrong type or number of entries, NaN, an infinite
                or negative count, an absurd size, or a histogram that is not like ours.
        """

    def aggregate(self, aggregation: str, seconds: float) -> float:
        """Return one of ``aggregations``; ``KeyError`` if this type does not have it."""

    def stats(self, seconds: float) -> dict[str, float]:
        """Return the figures of a summary, under the names of k6's ``handleSummary``."""

    def texts(self, seconds: float) -> list[str]:
        """Return the figures of a summary as people read them."""

    def row(self) -> dict[str, float]:
        """Return the columns of ``metrics.csv`` that this type fills."""

    @classmethod
    def row_of(cls, values: Sequence[float]) -> dict[str, float]:
        """Return the same columns for the values of one window, of which there is at least one."""


class CounterSink:
    """A sum of increments; ``samples`` is how many."""

    metric_type: ClassVar = MetricType.COUNTER
    aggregations: ClassVar[tuple[str, ...]] = ("count", "rate")
    export_names: ClassVar[Mapping[str, str]] = {}

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
        self.count += other.count
        self.samples += other.samples

    def to_state(self) -> list[Any]:
        return [self.samples, self.count]

    @classmethod
    def from_state(cls, state: object) -> Self:
        sink = cls()
        samples, count = entries(state, "samples", "count")
        sink.samples = sample_count("samples", samples)
        sink.count = finite_number("count", count)
        if sink.count < 0:
            raise ValueError("count: expected a number that is not negative")
        return sink

    def aggregate(self, aggregation: str, seconds: float) -> float:
        return {"count": self.count, "rate": self.count / seconds if seconds > 0 else 0.0}[aggregation]

    def stats(self, seconds: float) -> dict[str, float]:
        return {"count": int(self.count), "rate": self.aggregate("rate", seconds)}

    def texts(self, seconds: float) -> list[str]:
        return [_plain(self.count), f"{self.aggregate('rate', seconds):.2f}/s"]

    def row(self) -> dict[str, float]:
        return {"count": self.samples, "value": self.count}

    @classmethod
    def row_of(cls, values: Sequence[float]) -> dict[str, float]:
        sink = cls()
        sink.add_all(values)
        return sink.row()


class GaugeSink:
    """The last value, with the lowest and the highest."""

    metric_type: ClassVar = MetricType.GAUGE
    aggregations: ClassVar[tuple[str, ...]] = ("value", "min", "max")
    export_names: ClassVar[Mapping[str, str]] = {}

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
        if other.is_empty:
            return
        self.min = other.min if self.is_empty else min(self.min, other.min)
        self.max = other.max if self.is_empty else max(self.max, other.max)
        self.value = other.value
        self.samples += other.samples

    def to_state(self) -> list[Any]:
        return [self.samples, self.value, self.min, self.max]

    @classmethod
    def from_state(cls, state: object) -> Self:
        sink = cls()
        samples, value, least, greatest = entries(state, "samples", "value", "min", "max")
        sink.samples = sample_count("samples", samples)
        sink.value = finite_number("value", value)
        sink.min = finite_number("min", least)
        sink.max = finite_number("max", greatest)
        in_order(sink.min, sink.value)
        in_order(sink.value, sink.max)
        return sink

    def aggregate(self, aggregation: str, seconds: float) -> float:
        return {"value": self.value, "min": self.min, "max": self.max}[aggregation]

    def stats(self, seconds: float) -> dict[str, float]:
        return {"value": self.value, "min": self.min, "max": self.max}

    def texts(self, seconds: float) -> list[str]:
        return [_plain(self.value), f"min={_plain(self.min)}", f"max={_plain(self.max)}"]

    def row(self) -> dict[str, float]:
        return {"count": self.samples, **self.stats(1)}

    @classmethod
    def row_of(cls, values: Sequence[float]) -> dict[str, float]:
        sink = cls()
        sink.add_all(values)
        return sink.row()


class RateSink:
    """The share of values that are not zero."""

    metric_type: ClassVar = MetricType.RATE
    aggregations: ClassVar[tuple[str, ...]] = ("rate",)
    export_names: ClassVar[Mapping[str, str]] = {"rate": "value"}

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
        # Counted in C: 6 us per 1000 values in place of 22.
        self.passes += len(values) - values.count(0)

    def merge(self, other: RateSink) -> None:
        self.total += other.total
        self.passes += other.passes

    def to_state(self) -> list[Any]:
        return [self.total, self.passes]

    @classmethod
    def from_state(cls, state: object) -> Self:
        sink = cls()
        total, passes = entries(state, "total", "passes")
        sink.total = sample_count("total", total)
        sink.passes = sample_count("passes", passes)
        if sink.passes > sink.total:
            raise ValueError("passes: more than total")
        return sink

    def aggregate(self, aggregation: str, seconds: float) -> float:
        return {"rate": self.passes / self.total if self.total else 0.0}[aggregation]

    def stats(self, seconds: float) -> dict[str, float]:
        return {"passes": self.passes, "fails": self.fails, "rate": self.aggregate("rate", seconds)}

    def texts(self, seconds: float) -> list[str]:
        return [f"{self.aggregate('rate', seconds):.2%}", f"{self.passes} of {self.total}"]

    def row(self) -> dict[str, float]:
        return {"count": self.total, "value": self.aggregate("rate", 1)}

    @classmethod
    def row_of(cls, values: Sequence[float]) -> dict[str, float]:
        sink = cls()
        sink.add_all(values)
        return sink.row()


_SINKS: dict[MetricType, type[AnySink]] = {
    sink.metric_type: sink for sink in (CounterSink, GaugeSink, RateSink, TrendSink)
}

AGGREGATIONS: dict[MetricType, tuple[str, ...]] = {
    metric_type: sink.aggregations for metric_type, sink in _SINKS.items()
}
"""What a threshold may ask of each type of metric."""


def new_sink(metric_type: MetricType) -> AnySink:
    """Return an empty sink for a type of metric."""
    return _SINKS[metric_type]()


def sink_from_state(metric_type: MetricType, state: object) -> AnySink:
    """Return the sink that another process described by ``to_state``; ``ValueError`` if it is none."""
    return _SINKS[metric_type].from_state(state)


def row_of(metric_type: MetricType, values: Sequence[float]) -> dict[str, float]:
    """Return the columns of ``metrics.csv`` for the values of one window."""
    return _SINKS[metric_type].row_of(values)


def merge(target: AnySink, other: AnySink) -> None:
    """Merge a sink into another of the same type; ``TypeError`` if it is of another."""
    if type(target) is not type(other):
        raise TypeError(f"a {type(other).__name__} does not go into a {type(target).__name__}")
    target.merge(other)


def _plain(value: float) -> str:
    """Return all digits of a whole number, six significant ones of any other."""
    return f"{value:.0f}" if value == int(value) else f"{value:g}"
