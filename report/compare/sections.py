"""By how much a percentile differs between two runs, with an interval that knows of slow seconds.

Requests of one second are slow together, and so are neighbouring seconds: a pause of the server hits many at
once. Taking N requests for N independent ones makes intervals too narrow. *Sectioning* asks the run itself:

1. Each run is cut into up to 20 sections of whole seconds, with about as many values in each. Sections j of
   both runs lie at the same part of their arrivals, whatever the time scale.
2. d_j is the logarithm of section j's percentile in B over that in A, and d that of the whole runs. With m
   sections the variance of d is s^2 / m, where s^2 = sum (d_j - d)^2 / (m - 1), and
   (d - true d) / (s / sqrt m) follows Student's t with m - 1 degrees of freedom (Asmussen & Glynn,
   Stochastic Simulation, 2007, III.5a; Nakayama, ACM TOMACS 24(4), 2014, for percentiles). What the schedule
   does to latency is the same in sections j of both runs and cancels.
3. Sections that are short against the server's moods still depend on each other. If neighbours are alike,
   with r the correlation of d_j with d_(j+1), the variance is multiplied by (1 + r) / (1 - r), as for a
   first-order autoregression (Steiger et al., ACM TOMACS 15(1), 2005). It is never divided.
4. Runs of different schedules have no sections in common. Each then has a variance of its own, and they add.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from report.compare.distribution import PooledDistribution, QuantileRow
from report.compare.intervals import Difference, critical_value
from report.compare.reading import TrendSeries

MOST_SECTIONS = 20
FEWEST_SECTIONS = 5
"""With fewer, the interval is so wide that it says nothing."""

_SHORTEST_SECTION_SECONDS = 2
_FEWEST_BEYOND = 2
"""How many values of a section must lie beyond the percentile, or the section hardly knows it."""

_GREATEST_CORRELATION = 0.8
_SMALLEST_MS = 1e-6


def percentile_change(
    a: TrendSeries, b: TrendSeries, percent: int, confidence: float, *, same_schedule: bool
) -> Difference | None:
    """Return by how much a percentile of B differs from A's, or ``None`` if there are too few values.

    Args:
        a: the older run's Trend.
        b: the newer run's.
        percent: which percentile, one that both summaries have.
        confidence: of the interval, from 0 to 1.
        same_schedule: whether both runs had the same profile, at any time scale.
    """
    count = min(_sections_wanted(a, percent), _sections_wanted(b, percent))
    if count < FEWEST_SECTIONS:
        return None
    of_a, of_b = (_section_logs(run, percent, count) for run in (a, b))
    both = [index for index in range(count) if of_a[index] is not None and of_b[index] is not None]
    if len(both) < FEWEST_SECTIONS:
        return None
    whole_a, whole_b = (_log(run.percentiles[percent]) for run in (a, b))
    logs_a = [value for index in both if (value := of_a[index]) is not None]
    logs_b = [value for index in both if (value := of_b[index]) is not None]
    change = whole_b - whole_a
    if same_schedule:
        apart = [log_b - log_a for log_a, log_b in zip(logs_a, logs_b, strict=True)]
        variance = _variance_of_mean(apart, change)
    else:
        variance = _variance_of_mean(logs_a, whole_a) + _variance_of_mean(logs_b, whole_b)
    half = critical_value(confidence, len(both) - 1) * math.sqrt(variance)
    return Difference(math.expm1(change), math.expm1(change - half), _exponential(change + half))


def _sections_wanted(run: TrendSeries, percent: int) -> int:
    """Return how many sections a run is good for."""
    seconds = sum(1 for rows in run.seconds if rows)
    beyond = run.count * (1 - percent / 100)
    return min(
        MOST_SECTIONS, seconds // _SHORTEST_SECTION_SECONDS, math.floor(beyond / _FEWEST_BEYOND + 1e-9)
    )


def _section_logs(run: TrendSeries, percent: int, count: int) -> list[float | None]:
    """Return the logarithm of each section's percentile; ``None`` for a section without values.

    A second belongs to the section in which the middle of its values lies.
    """
    sections: list[list[QuantileRow]] = [[] for _ in range(count)]
    total = sum(row.count for rows in run.seconds for row in rows)
    before = 0
    for rows in run.seconds:
        values = sum(row.count for row in rows)
        place = (before + values / 2) / total
        sections[min(count - 1, math.floor(place * count))] += rows
        before += values
    return [_log(PooledDistribution(rows).value_at(percent / 100)) if rows else None for rows in sections]


def _variance_of_mean(values: Sequence[float], centre: float) -> float:
    """Return the variance of what ``values`` are the sections of, around the figure of the whole run."""
    count = len(values)
    mean = sum(values) / count
    around_mean = [value - mean for value in values]
    squares = sum(deviation * deviation for deviation in around_mean)
    products = sum(this * following for this, following in pairwise(around_mean))
    alike = min(max(0.0, products / squares), _GREATEST_CORRELATION) if squares > 0 else 0.0
    spread = sum((value - centre) ** 2 for value in values) / (count - 1)
    return spread / count * (1 + alike) / (1 - alike)


def _log(milliseconds: float) -> float:
    # A latency of zero does not occur outside of a broken clock.
    return math.log(max(milliseconds, _SMALLEST_MS))


def _exponential(value: float) -> float:
    """Return e to the power of ``value``, minus 1, or infinity beyond the greatest number."""
    return math.expm1(value) if value < 700 else math.inf
