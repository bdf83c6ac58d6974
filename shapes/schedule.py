"""The arithmetic of arrivals under rates that ramp linearly: pure, and free of Locust.

Within a stage from rate a to rate b over d seconds, the arrivals due t seconds into the stage are
the integral of the rate,

    n(t) = a t + (b - a) t^2 / (2 d),

and arrival m of the stage is due where n(t) = m. Solved for t with the root that does not cancel:

    t(m) = 2 m / (a + sqrt(a^2 + 2 m (b - a) / d)),

which covers a = b and a = 0 without cases of their own. Whole arrivals are counted over all stages:
the fraction left at a stage's end carries over into the next.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

# Sums of stage areas carry rounding errors of about 1e-12 arrivals; an arrival that is due up to
# this fraction of an arrival after the end is due at the end.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Stage:
    """The rate moves linearly to ``target`` (arrivals per time unit) over ``duration`` seconds.

    A duration of 0 is a jump.
    """

    target: float
    duration: float


@dataclass(frozen=True)
class _Segment:
    """A stage of non-zero duration with its place in the whole; rates in arrivals per second."""

    start: float
    duration: float
    start_rate: float
    end_rate: float
    arrivals_before: float

    def rate_at(self, t: float) -> float:
        return self.start_rate + (self.end_rate - self.start_rate) * t / self.duration

    def arrivals_by(self, t: float) -> float:
        return self.start_rate * t + (self.end_rate - self.start_rate) * t * t / (2 * self.duration)

    def time_of(self, m: float) -> float:
        slope = (self.end_rate - self.start_rate) / self.duration
        root = math.sqrt(max(0.0, self.start_rate * self.start_rate + 2 * m * slope))
        return min(self.duration, 2 * m / (self.start_rate + root))

    @property
    def arrivals(self) -> float:
        return self.duration * (self.start_rate + self.end_rate) / 2


class Schedule:
    """Arrivals under ``stages`` that begin at ``start_rate``; rates are per ``time_unit`` seconds.

    Times are seconds from the schedule's start. Arrivals are numbered from 1.

    Raises:
        ValueError: a negative or non-finite rate or duration, or a time unit that is not positive.
    """

    def __init__(self, start_rate: float, stages: Iterable[Stage], time_unit: float = 1.0) -> None:
        stages = tuple(stages)
        numbers = [start_rate, *(stage.target for stage in stages), *(stage.duration for stage in stages)]
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError("rates and durations must be finite and not negative")
        if not (math.isfinite(time_unit) and time_unit > 0):
            raise ValueError("the time unit must be finite and above zero")
        self._segments = _segments(start_rate / time_unit, stages, time_unit)
        self._starts = [segment.start for segment in self._segments]
        self._ends = [segment.arrivals_before + segment.arrivals for segment in self._segments]

    @cached_property
    def duration(self) -> float:
        """Seconds from the first stage's start to the last one's end."""
        return self._segments[-1].start + self._segments[-1].duration if self._segments else 0.0

    @cached_property
    def total(self) -> int:
        """Whole arrivals in all."""
        return math.floor(self._ends[-1] + _ROUNDING) if self._ends else 0

    @cached_property
    def peak_rate(self) -> float:
        """The highest rate, in arrivals per second."""
        return max((max(part.start_rate, part.end_rate) for part in self._segments), default=0.0)

    def rate_at(self, t: float) -> float:
        """Return the arrivals/s at ``t``: at a jump the new rate, before the start and from the end on 0."""
        if not 0 <= t < self.duration:
            return 0.0
        segment = self._segments[bisect_right(self._starts, t) - 1]
        return segment.rate_at(t - segment.start)

    def arrivals_by(self, t: float) -> float:
        """Return the integral of the rate from 0 to ``t``, a real number."""
        if t <= 0 or not self._segments:
            return 0.0
        segment = self._segments[bisect_right(self._starts, t) - 1]
        return segment.arrivals_before + segment.arrivals_by(min(t - segment.start, segment.duration))

    def arrival_time(self, n: int) -> float:
        """Return the instant at which arrival ``n`` is due.

        Raises:
            ValueError: ``n`` is not one of 1 ... ``total``.
        """
        if not 1 <= n <= self.total:
            raise ValueError(f"arrival {n} is not one of 1 to {self.total}")
        # The first segment that reaches n: an arrival on a border belongs to the earlier one.
        index = min(bisect_left(self._ends, n - _ROUNDING), len(self._segments) - 1)
        segment = self._segments[index]
        return segment.start + segment.time_of(n - segment.arrivals_before)

    def due_by(self, t: float) -> int:
        """Return how many whole arrivals have an ``arrival_time`` of at most ``t``."""
        n = min(self.total, math.floor(self.arrivals_by(t)))
        # The integral and its inverse may disagree in the last bit; arrival_time decides.
        while n < self.total and self.arrival_time(n + 1) <= t:
            n += 1
        while n > 0 and self.arrival_time(n) > t:
            n -= 1
        return n


def _segments(rate: float, stages: tuple[Stage, ...], time_unit: float) -> tuple[_Segment, ...]:
    segments: list[_Segment] = []
    start = 0.0
    arrivals = 0.0
    for stage in stages:
        target = stage.target / time_unit
        if stage.duration > 0:
            segment = _Segment(start, stage.duration, rate, target, arrivals)
            segments.append(segment)
            start += stage.duration
            arrivals += segment.arrivals
        rate = target
    return tuple(segments)
