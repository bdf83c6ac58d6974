"""k6's Trend: a distribution of milliseconds, in an HDR histogram that can be sent and merged."""

from __future__ import annotations

import base64
import binascii
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

from hdrh.codec import HdrCookieException, HdrLengthException
from hdrh.histogram import HdrHistogram

from config.durations import format_milliseconds
from metrics.catalog import MetricType
from metrics.counted import HIGHEST_MICROSECONDS, MICROSECONDS_PER_MS, Counted, record
from metrics.sink_state import entries, finite_number, in_order, sample_count

TREND_STATS = ("avg", "min", "med", "max", "p(90)", "p(95)", "p(99)")
"""What a summary shows of a Trend: k6's own choice, and p(99)."""

# Trends are kept in whole microseconds from 1 us to an hour, to 3 significant digits.
_LOWEST_MICROSECONDS = 1
_SIGNIFICANT_DIGITS = 3

# An encoded histogram is base64 of a cookie, a length and zlib's stream; within that stream a header of
# these eight fields goes before the counts (HdrHistogram's V2 encoding).
_OUTER_HEADER_BYTES = 8
_HEADER = struct.Struct(">IIIIQQd")
_COUNT_BYTES = 9


class TrendSink:
    """A distribution of milliseconds: an HDR histogram beside exact count, sum, least and greatest value."""

    metric_type: ClassVar = MetricType.TREND
    aggregations: ClassVar[tuple[str, ...]] = ("avg", "min", "med", "max", "count", "p(N)")
    export_names: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self.min = 0.0
        self.max = 0.0

    @cached_property
    def _histogram(self) -> HdrHistogram:
        """The histogram, made when it is first used: 190 KB, and most of a run's thirty Trends stay empty."""
        return HdrHistogram(_LOWEST_MICROSECONDS, HIGHEST_MICROSECONDS, _SIGNIFICANT_DIGITS)

    @property
    def is_empty(self) -> bool:
        return self.count == 0

    def add_all(self, values: Sequence[float]) -> None:
        if values:
            self.add_counted(Counted.of(values))

    def add_counted(self, counted: Counted) -> None:
        """Add values that were counted before, as several sinks may take the same ones."""
        self.min = counted.min if self.is_empty else min(self.min, counted.min)
        self.max = counted.max if self.is_empty else max(self.max, counted.max)
        self.count += counted.count
        self.sum += counted.sum
        record(self._histogram, counted)

    def merge(self, other: TrendSink) -> None:
        """Take in another process's values, as if they had been added here."""
        if other.is_empty:
            return
        self.min = other.min if self.is_empty else min(self.min, other.min)
        self.max = other.max if self.is_empty else max(self.max, other.max)
        self.count += other.count
        self.sum += other.sum
        self._histogram.add(other._histogram)

    def to_state(self) -> list[Any]:
        return [self.count, self.sum, self.min, self.max, self._histogram.encode()]

    @classmethod
    def from_state(cls, state: object) -> Self:
        sink = cls()
        count, total, least, greatest, encoded = entries(state, "count", "sum", "min", "max", "histogram")
        sink.count = sample_count("count", count)
        sink.sum = finite_number("sum", total)
        sink.min = finite_number("min", least)
        sink.max = finite_number("max", greatest)
        in_order(sink.min, sink.max)
        sink._histogram = _decode_histogram(encoded)
        if sink._histogram.total_count != sink.count:
            raise ValueError(f"histogram: {sink._histogram.total_count} values, count says {sink.count}")
        return sink

    def percentile(self, percent: float) -> float:
        """Return the least value in milliseconds that ``percent`` of all do not exceed (nearest rank)."""
        if self.count == 0:
            return 0.0
        # The histogram rounds a percentile to the nearest rank; asked for a rank's own, it is exact.
        rank = max(1, math.ceil(round(self.count * percent / 100, 9)))
        value: float = self._histogram.get_value_at_percentile(100 * rank / self.count)
        value /= MICROSECONDS_PER_MS
        # A bucket's upper edge may lie beyond the greatest value that was measured.
        return min(max(value, self.min), self.max)

    def count_above(self, milliseconds: float) -> int:
        """Return how many values are above a bound.

        The count is exact for the histogram's buckets: a value in the bound's own bucket, which is at
        most a thousandth above it, does not count.
        """
        bucket = self._histogram.get_counts_array_index(_microseconds(milliseconds))
        return sum(self._histogram.counts[bucket + 1 :])

    def counts_up_to(self, bounds_ms: Sequence[float]) -> list[int]:
        """Return for each of ascending bounds how many values are at most that, to a thousandth of the bound.

        The buckets are gone through once, whatever the number of bounds.
        """
        counts, up_to, begin = [], 0, 0
        for bound in bounds_ms:
            end = self._histogram.get_counts_array_index(_microseconds(bound)) + 1
            up_to += sum(self._histogram.counts[begin:end])
            begin = max(begin, end)
            counts.append(up_to)
        return counts

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

    def stats(self, seconds: float) -> dict[str, float]:
        return {"count": self.count, **{stat: self.aggregate(stat, seconds) for stat in TREND_STATS}}

    def texts(self, seconds: float) -> list[str]:
        return [f"{stat}={format_milliseconds(self.aggregate(stat, seconds))}" for stat in TREND_STATS]

    def row(self) -> dict[str, float]:
        percentiles = {f"p{percent}": self.percentile(percent) for percent in (90, 95, 99)}
        return {
            "count": self.count,
            "min": self.min,
            "avg": self.aggregate("avg", 1),
            "med": self.percentile(50),
            **percentiles,
            "max": self.max,
        }

    @classmethod
    def row_of(cls, values: Sequence[float]) -> dict[str, float]:
        # From the values themselves the row is exact, and a hundred times faster than by a histogram.
        ordered = sorted(values)
        percentiles = {f"p{percent}": nearest_rank(ordered, percent) for percent in (90, 95, 99)}
        return {
            "count": len(values),
            "min": ordered[0],
            "avg": sum(values) / len(values),
            "med": nearest_rank(ordered, 50),
            **percentiles,
            "max": ordered[-1],
        }


def nearest_rank(ordered: Sequence[float], percent: int) -> float:
    """Return the least value that ``percent`` of the values do not exceed (nearest-rank percentile)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _microseconds(milliseconds: float) -> int:
    """Return what the histogram records of a value: whole microseconds within its range."""
    return min(max(0, round(milliseconds * MICROSECONDS_PER_MS)), HIGHEST_MICROSECONDS)


_LONGEST_PAYLOAD = _HEADER.size + _COUNT_BYTES * TrendSink()._histogram.counts_len
# Incompressible counts with zlib's own bytes, in base64: more than this, no histogram of ours can take.
_LONGEST_ENCODED = 4 * (_LONGEST_PAYLOAD + _LONGEST_PAYLOAD // 100 + 1024) // 3


def _decode_histogram(encoded: object) -> HdrHistogram:
    """Return the histogram of another process, which must have the range and precision of ours.

    What the header says is checked before the library acts on it, as that allocates what the header asks
    for; and no more is decompressed than a histogram of ours can have.

    Raises:
        ValueError: it cannot be decoded, or is not of our range and precision.
    """
    if not isinstance(encoded, bytes) or len(encoded) > _LONGEST_ENCODED:
        raise ValueError(f"histogram: expected at most {_LONGEST_ENCODED} bytes")
    try:
        compressed = base64.b64decode(encoded, validate=True)[_OUTER_HEADER_BYTES:]
        payload = zlib.decompressobj().decompress(compressed, _LONGEST_PAYLOAD + 1)
        if len(payload) > _LONGEST_PAYLOAD:
            raise ValueError(f"histogram: more than {_LONGEST_PAYLOAD} bytes when decompressed")
        _, _, offset, digits, lowest, highest, ratio = _HEADER.unpack_from(payload)
        if (lowest, highest, digits) != (_LOWEST_MICROSECONDS, HIGHEST_MICROSECONDS, _SIGNIFICANT_DIGITS):
            raise ValueError("histogram: of another range or precision")
        if (offset, ratio) != (0, 1.0):
            raise ValueError("histogram: shifted or scaled")
        return HdrHistogram.decode(encoded)
    except (
        binascii.Error,
        zlib.error,
        struct.error,
        HdrCookieException,
        HdrLengthException,
        OverflowError,
        IndexError,
    ) as error:
        raise ValueError(f"histogram: cannot be decoded ({error})") from error
