"""Values counted by whole microseconds, so that a histogram takes equal ones together.

``HdrHistogram.record_value`` takes 1.1 us in Python. A Trend's values of a second are counted in C first
(0.15 us a value), which is done once for all sinks that take them, and each different one then costs
0.25 us per sink. No kept library does more: ``hdrhistogram`` has C code for encoding alone, and the
bindings of the C library are for other languages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hdrh.histogram import HdrHistogram

MICROSECONDS_PER_MS = 1000
HIGHEST_MICROSECONDS = 3_600_000_000
"""An hour; a longer value is counted as this."""

# 0.3 ms, in which no VU of this process can start.
_VALUES_AT_ONCE = 2000


@dataclass(frozen=True)
class Counted:
    """How often each number of microseconds came, beside exact figures of the values in milliseconds."""

    count: int
    sum: float
    min: float
    max: float
    microseconds: Mapping[int, int]

    @classmethod
    def of(cls, values: Sequence[float], yield_to_arrivals: Callable[[], object] = lambda: None) -> Counted:
        """Count milliseconds, of which there is at least one.

        ``yield_to_arrivals`` is called every 2000 values, for the caller to let others run.
        """
        counts: Counter[int] = Counter()
        for begin in range(0, len(values), _VALUES_AT_ONCE):
            if begin:
                yield_to_arrivals()
            piece = values[begin : begin + _VALUES_AT_ONCE]
            counts.update([round(value * MICROSECONDS_PER_MS) for value in piece])
        least, greatest = min(values), max(values)
        if least < 0 or greatest * MICROSECONDS_PER_MS > HIGHEST_MICROSECONDS:
            counts = _clamped(counts)
        return cls(len(values), sum(values), least, greatest, counts)


def _clamped(counts: Mapping[int, int]) -> Counter[int]:
    clamped: Counter[int] = Counter()
    for microseconds, count in counts.items():
        clamped[min(max(0, microseconds), HIGHEST_MICROSECONDS)] += count
    return clamped


def record(histogram: HdrHistogram, counted: Counted) -> None:
    """Do what ``record_value`` does for each value, with its arithmetic written out.

    HDR's buckets double in width; the first, and each half of those after it, has ``sub_bucket_half_count``
    counters of its own. A value's bucket is how many bits it has beyond the first bucket's.
    """
    counts = histogram.counts
    half_bits = histogram.sub_bucket_half_count_magnitude
    first_bits = half_bits + 1
    for microseconds, count in counted.microseconds.items():
        bucket = microseconds.bit_length() - first_bits
        if bucket < 0:
            bucket = 0
        counts[(bucket << half_bits) + (microseconds >> bucket)] += count
    histogram.total_count += counted.count
    histogram.min_value = min(histogram.min_value, *counted.microseconds)
    histogram.max_value = max(histogram.max_value, *counted.microseconds)
