"""What happened in each second of a run, from its rows, and fewer points for long runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from report.html.quantiles import Weighted, upper_bounds
from report.html.rows import Row

MAX_POINTS = 600
"""Points of a line: about two for every three pixels of a chart."""

Point = tuple[float, float]
"""Seconds of the run, and a value."""

PERCENTS = (50, 95, 99, 100)


@dataclass(frozen=True)
class TrendSeries:
    """A Trend over time: by percent, a value (ms) for each second that has values.

    ``is_exact`` when each second's values stood in a single row.
    """

    seconds: Sequence[int]
    values: dict[int, list[float]]
    is_exact: bool


def sums(rows: Iterable[Row], metric: str) -> Counter[int]:
    """The sum of a Counter's values by second."""
    found: Counter[int] = Counter()
    for row in rows:
        if row.metric == metric:
            found[row.second] += round(row.value)
    return found


def counts(rows: Iterable[Row], metric: str) -> Counter[int]:
    """How many values a metric has, by second."""
    found: Counter[int] = Counter()
    for row in rows:
        if row.metric == metric:
            found[row.second] += row.count
    return found


def gauge(rows: Iterable[Row], metric: str) -> dict[int, float]:
    """A Gauge's last value, by second."""
    return {row.second: row.value for row in rows if row.metric == metric}


def failures(rows: Iterable[Row]) -> dict[str, Counter[int]]:
    """Failed requests by cause, then by second."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for row in rows:
        if row.metric == "http_reqs" and row.error:
            found[row.error][row.second] += round(row.value)
    return dict(found)


def trend(rows: Iterable[Row], metric: str) -> TrendSeries:
    """A Trend's percentiles by second; all its rows of a second together."""
    by_second: dict[int, list[Weighted]] = defaultdict(list)
    for row in rows:
        if row.metric == metric and row.trend is not None and row.count:
            by_second[row.second].append((row.count, row.trend))
    seconds = sorted(by_second)
    columns = [upper_bounds(by_second[second], PERCENTS) for second in seconds]
    values = {percent: [column[i] for column in columns] for i, percent in enumerate(PERCENTS)}
    return TrendSeries(seconds, values, all(len(one) == 1 for one in by_second.values()))


def step_for(seconds: int) -> int:
    """How many seconds a point must stand for, so that a line has at most ``MAX_POINTS``."""
    return max(1, -(-seconds // MAX_POINTS))


def averaged(by_second: Callable[[int], float], seconds: int, step: int) -> list[Point]:
    """A point for every ``step`` seconds: the mean of them, at their middle."""
    points = []
    for start in range(0, seconds, step):
        part = range(start, min(start + step, seconds))
        points.append((start + len(part) / 2, sum(by_second(second) for second in part) / len(part)))
    return points


def highest(seconds: Sequence[int], values: Sequence[float], step: int) -> list[Point]:
    """A point for every ``step`` seconds that have a value: the highest one, at their middle."""
    found: dict[int, float] = {}
    for second, value in zip(seconds, values, strict=True):
        part = second // step
        found[part] = max(value, found.get(part, value))
    return [(part * step + step / 2, value) for part, value in sorted(found.items())]
