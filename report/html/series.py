"""What happened in each second of a run, from its rows, and fewer points for long runs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from report.rows import Row, TrendPoints

MAX_POINTS = 600
"""Points of a line: about two for every three pixels of a chart."""

Point = tuple[float, float]
"""Seconds of the run, and a value."""

SENT = ("http_reqs", "produced_messages")
"""Counters of what was sent: requests, or messages into a queue. Their rows have an error if it failed."""

PERCENTS = (50, 95, 99, 100)

Weighted = tuple[int, TrendPoints]
"""A row's count of values, and their percentiles."""


@dataclass(frozen=True)
class PercentilesOverTime:
    """A Trend over time: by percent, a value (ms) for each second that has values.

    ``is_exact`` when each second's values stood in a single row.
    """

    seconds: Sequence[int]
    values: dict[int, list[float]]
    is_exact: bool


def sums(rows: Iterable[Row], metric: str) -> Counter[int]:
    """Return the sum of a Counter's values by second."""
    found: Counter[int] = Counter()
    for row in rows:
        if row.metric == metric:
            found[row.second] += round(row.value)
    return found


def counts(rows: Iterable[Row], metric: str) -> Counter[int]:
    """Return how many values a metric has, by second."""
    found: Counter[int] = Counter()
    for row in rows:
        if row.metric == metric:
            found[row.second] += row.count
    return found


def gauge(rows: Iterable[Row], metric: str) -> dict[int, float]:
    """Return a Gauge's last value, by second."""
    return {row.second: row.value for row in rows if row.metric == metric}


def failures(rows: Iterable[Row]) -> dict[str, Counter[int]]:
    """Return failed requests and messages by cause, then by second."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for row in rows:
        if row.metric in SENT and row.error:
            found[row.error][row.second] += round(row.value)
    return dict(found)


def trend(rows: Iterable[Row], metric: str) -> PercentilesOverTime:
    """Return a Trend's percentiles by second, over all its rows of a second."""
    by_second: dict[int, list[Weighted]] = defaultdict(list)
    for row in rows:
        if row.metric == metric and row.trend is not None and row.count:
            by_second[row.second].append((row.count, row.trend))
    seconds = sorted(by_second)
    columns = [upper_bounds(by_second[second], PERCENTS) for second in seconds]
    values = {percent: [column[i] for column in columns] for i, percent in enumerate(PERCENTS)}
    return PercentilesOverTime(seconds, values, all(len(rows) == 1 for rows in by_second.values()))


def surely_above(rows: Iterable[Row], metric: str, bound: float) -> int:
    """Return how many of a Trend's values are above ``bound`` (ms) at least, as far as its rows tell."""
    found = 0
    for row in rows:
        if row.metric != metric or row.trend is None:
            continue
        points = row.trend
        known = ((0, points.min), (50, points.med), (90, points.p90), (95, points.p95), (99, points.p99))
        # The value at a rank and all after it are at least that.
        ranks = [max(1, -(-row.count * percent // 100)) for percent, value in known if value > bound]
        if ranks or points.max > bound:
            found += row.count - min(ranks, default=row.count) + 1
    return found


def step_for(seconds: int) -> int:
    """Return how many seconds a point must stand for, so that a line has at most ``MAX_POINTS``."""
    return max(1, -(-seconds // MAX_POINTS))


def averaged(by_second: Callable[[int], float], seconds: int, step: int) -> list[Point]:
    """Return a point for every ``step`` seconds: their mean, at their middle."""
    points = []
    for start in range(0, seconds, step):
        part = range(start, min(start + step, seconds))
        points.append((start + len(part) / 2, sum(by_second(second) for second in part) / len(part)))
    return points


def highest(seconds: Sequence[int], values: Sequence[float], step: int) -> list[Point]:
    """Return a point for every ``step`` seconds that have a value: the highest, at their middle."""
    found: dict[int, float] = {}
    for second, value in zip(seconds, values, strict=True):
        part = second // step
        found[part] = max(value, found.get(part, value))
    return [(part * step + step / 2, value) for part, value in sorted(found.items())]


def upper_bounds(rows: Sequence[Weighted], percents: Sequence[int]) -> list[float]:
    """Return for each percent a value that the nearest-rank percentile of all rows' values does not exceed.

    A row knows the values at six ranks only. Every value between two known ranks is taken for the upper
    one, so the result is never below the true percentile, and exact for a single row.

    Raises:
        ValueError: there are no values.
    """
    steps = sorted(step for count, points in rows for step in _steps(count, points))
    total = sum(count for count, _ in rows)
    if total < 1:
        raise ValueError("percentiles need at least one value")
    return [_value_at(steps, max(1, -(-total * percent // 100))) for percent in percents]


def _steps(count: int, points: TrendPoints) -> Iterable[tuple[float, int]]:
    """Yield pairs of a value and how many of the row's values it stands for."""
    yield points.min, min(count, 1)
    below = 1
    for percent, value in ((50, points.med), (90, points.p90), (95, points.p95), (99, points.p99)):
        rank = -(-count * percent // 100)
        if rank > below:
            yield value, rank - below
            below = rank
    if count > below:
        yield points.max, count - below


def _value_at(steps: Sequence[tuple[float, int]], rank: int) -> float:
    passed = 0
    for value, count in steps:
        passed += count
        if passed >= rank:
            return value
    return steps[-1][0]
