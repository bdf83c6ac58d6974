"""What a run has measured since its start: a total per metric and tags, for receivers that keep time series.

Such a receiver takes totals (it subtracts one reading from the next), not single samples. A reading that
never arrived is made good by the next one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from metrics.catalog import Metric, MetricType, Tags, tags
from metrics.k6_tags import k6_tags
from metrics.sinks import AnySink, CounterSink, GaugeSink, RateSink, new_sink
from metrics.store import Cell, MergedCell
from metrics.trend_sink import TrendSink
from shapes.ledger import Ledger

BOUNDS_MS = (
    *(round(step * 10.0**decade, 4) for decade in range(-1, 5) for step in (1, 1.5, 2, 3, 5, 7)),
    100_000.0,
)
"""Upper bounds of a Trend's buckets: six per decade from 0.1 ms to 100 s, so that 10 ms (the limit of the
verdict for a late start) and 500 ms (a usual threshold) are bounds."""

ARRIVALS = "arrivals"
"""The ledger as a metric, with the tag ``state``."""

_LIVE_STATES = {"start_lag": "started", "dropped_iterations": "dropped", "iterations": "completed"}


@dataclass
class TrendTotal:
    """A Trend's values in milliseconds: how many lie up to each bound and above the one before.

    The last of ``buckets`` has those above the last bound.
    """

    buckets: list[int]
    count: int = 0
    sum: float = 0.0
    min: float = field(default=float("inf"))
    max: float = field(default=float("-inf"))


class RunningTotals:
    """The totals of one run.

    Args:
        scheduled: the arrivals of each scenario's schedule.
        bounds_ms: the upper bounds of a Trend's buckets.
    """

    def __init__(self, scheduled: Mapping[str, int], bounds_ms: Sequence[float] = BOUNDS_MS) -> None:
        self.bounds_ms = bounds_ms
        self._sinks: dict[tuple[Metric, Tags], AnySink] = {}
        self._trends: dict[tuple[Metric, Tags], TrendTotal] = {}
        self._arrivals = {
            scenario: {"scheduled": total, "started": 0, "dropped": 0, "completed": 0}
            for scenario, total in scheduled.items()
        }

    def add(self, cells: Iterable[Cell | MergedCell]) -> None:
        """Add what was measured in a second."""
        for cell in cells:
            key = (cell.metric, tuple(sorted(k6_tags(cell.metric.name, cell.tags).items())))
            if cell.metric.type is MetricType.TREND:
                count = self._add_trend(key, cell)
            else:
                count = self._add_plain(key, cell)
            self._count_arrivals(cell, count)

    def close(self, ledgers: Mapping[str, Ledger]) -> None:
        """Set the arrivals to what the closed ledgers say, which is known at the run's end alone."""
        for scenario, ledger in ledgers.items():
            self._arrivals[scenario] = {
                "scheduled": ledger.scheduled,
                "started": ledger.started,
                "dropped": ledger.dropped,
                "completed": ledger.completed,
                "interrupted": ledger.interrupted,
                "lost": ledger.lost,
                "not_yet_due": ledger.not_yet_due,
            }

    def counters(self) -> Iterator[tuple[str, Tags, float]]:
        """Yield the name, tags and sum of each Counter, both counts of each Rate, and the arrivals.

        A Rate is two counts, told apart by the tag ``condition``: ``nonzero`` and ``zero``, as in k6.
        """
        for scenario, states in self._arrivals.items():
            for state, count in states.items():
                yield ARRIVALS, tags(scenario=scenario, state=state), count
        for (metric, found), sink in self._sinks.items():
            if isinstance(sink, CounterSink):
                yield metric.name, found, sink.count
            elif isinstance(sink, RateSink):
                yield metric.name, (*found, ("condition", "nonzero")), sink.passes
                yield metric.name, (*found, ("condition", "zero")), sink.fails

    def gauges(self) -> Iterator[tuple[str, Tags, float]]:
        """Yield the name, tags and last value of each Gauge."""
        for (metric, found), sink in self._sinks.items():
            if isinstance(sink, GaugeSink):
                yield metric.name, found, sink.value

    def trends(self) -> Iterator[tuple[str, Tags, TrendTotal]]:
        """Yield the name, tags and values of each Trend."""
        for (metric, found), total in self._trends.items():
            yield metric.name, found, total

    def _add_plain(self, key: tuple[Metric, Tags], cell: Cell | MergedCell) -> int:
        sink = self._sinks.get(key)
        if sink is None:
            sink = self._sinks[key] = new_sink(cell.metric.type)
        added = cell.aggregate() if isinstance(cell, Cell) else cell.sink
        sink.merge(added)
        return round(added.count) if isinstance(added, CounterSink) else 0

    def _add_trend(self, key: tuple[Metric, Tags], cell: Cell | MergedCell) -> int:
        total = self._trends.get(key)
        if total is None:
            total = self._trends[key] = TrendTotal([0] * (len(self.bounds_ms) + 1))
        if isinstance(cell, Cell):
            # To sort the values costs a tenth of recording them in a histogram one by one.
            ordered = sorted(cell.values)
            up_to = [bisect_right(ordered, bound) for bound in self.bounds_ms]
            count, added, least, greatest = len(ordered), sum(ordered), ordered[0], ordered[-1]
        elif isinstance(cell.sink, TrendSink) and not cell.sink.is_empty:
            up_to = cell.sink.counts_up_to(self.bounds_ms)
            count, added, least, greatest = cell.sink.count, cell.sink.sum, cell.sink.min, cell.sink.max
        else:
            return 0
        before = 0
        for index, so_far in enumerate([*up_to, count]):
            total.buckets[index] += so_far - before
            before = so_far
        total.count += count
        total.sum += added
        total.min, total.max = min(total.min, least), max(total.max, greatest)
        return count

    def _count_arrivals(self, cell: Cell | MergedCell, count: int) -> None:
        state, scenario = _LIVE_STATES.get(cell.metric.name), dict(cell.tags).get("scenario")
        if state is not None and scenario in self._arrivals:
            self._arrivals[scenario][state] += count
