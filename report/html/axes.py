"""Where an axis has its ticks, and what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass

from report.html.numbers import clock_text, number_text

_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)

Tick = tuple[float, str]
"""A place on the axis, and its text."""


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high`` with its ticks; ``is_log`` when places are powers of ten."""

    low: float
    high: float
    ticks: tuple[Tick, ...]
    is_log: bool = False

    def place(self, value: float) -> float:
        """Return where a value lies, kept within the axis."""
        if self.is_log:
            value = math.log10(value) if value > 0 else self.low
        return min(max(value, self.low), self.high)


def time_axis(seconds: float, most: int) -> Axis:
    """Return an axis of the run's time with at most ``most`` steps."""
    seconds = max(1.0, seconds)
    fitting = (step for step in _TIME_STEPS if seconds / step <= most)
    step = next(fitting, math.ceil(seconds / most))
    ticks = tuple((t, clock_text(t)) for t in range(0, math.floor(seconds) + 1, step))
    return Axis(0.0, seconds, ticks)


def linear_axis(highest: float, most: int = 5) -> Axis:
    """Return an axis from 0 to a round number that is not below ``highest``."""
    highest = highest if highest > 0 else 1.0
    raw = highest / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    count = math.ceil(highest / step * (1 - 1e-9))
    return Axis(0.0, count * step, tuple((i * step, number_text(i * step)) for i in range(count + 1)))


def log_axis(lowest: float, highest: float) -> Axis:
    """Return a logarithmic axis over values above zero, with ticks at 1, 2 and 5 or at powers of ten."""
    low, high = math.log10(lowest), math.log10(max(highest, lowest))
    factors = (1, 2, 5) if high - low < 2.5 else (1,)
    values = [
        factor * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for factor in factors
    ]
    places = [math.log10(value) for value in values]
    first = max((i for i, place in enumerate(places) if place <= low + 1e-9), default=0)
    last = min((i for i, place in enumerate(places) if place >= high - 1e-9), default=len(places) - 1)
    last = max(last, first + 1)
    kept = tuple((places[i], number_text(values[i])) for i in range(first, min(last, len(values) - 1) + 1))
    return Axis(kept[0][0], kept[-1][0] + (1.0 if len(kept) == 1 else 0.0), kept, is_log=True)


def value_axis(values: list[float], *, log_from: float = 30.0) -> Axis:
    """Return a linear axis, or a logarithmic one if the highest value exceeds ``log_from`` medians."""
    positive = sorted(value for value in values if value > 0)
    if not positive:
        return linear_axis(1.0)
    if positive[-1] > log_from * positive[len(positive) // 2]:
        return log_axis(positive[0], positive[-1])
    return linear_axis(positive[-1])
