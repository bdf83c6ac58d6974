"""The seconds of a run as a page draws them while it is going."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

from metrics.sinks import GaugeSink, RateSink
from metrics.store import Cell, MergedCell
from metrics.trend_sink import TrendSink, nearest_rank

LATENCY = "http_req_duration"
PERCENTILES = (50, 95, 99)

# Two days of a run. A page that draws them is sent about 10 MB once, and then what is new.
_MOST_SECONDS = 172_800


@dataclass(frozen=True)
class LiveSecond:
    """One second over all scenarios: arrivals, latency percentiles and start lag in milliseconds, VUs.

    A percentile is ``None`` where nothing was measured.
    """

    second: int
    scheduled: int
    started: int
    dropped: int
    failed: int
    p50: float | None
    p95: float | None
    p99: float | None
    start_lag_p99: float | None
    vus: int
    vus_max: int

    def to_row(self) -> list[int | float | None]:
        """Return the figures in the order of the fields."""
        return list(astuple(self))


class LiveSeconds:
    """An output that keeps each second of a run for the web UI.

    Args:
        scheduled_by: returns how many arrivals the run has up to a second.
        yield_to_arrivals: called after each cell, for arrivals that are due meanwhile.
    """

    name = "the web UI"
    takes_whole_seconds = True

    def __init__(
        self, scheduled_by: Callable[[float], int], yield_to_arrivals: Callable[[], object] = lambda: None
    ) -> None:
        self.seconds: list[LiveSecond] = []
        self._scheduled_by = scheduled_by
        self._yield_to_arrivals = yield_to_arrivals

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        """Keep one second."""
        sums = dict.fromkeys(("dropped_iterations", "errors", "vus", "vus_max"), 0.0)
        latency, lag = _Values(), _Values()
        for cell in cells:
            name = cell.metric.name
            if name == LATENCY:
                latency.add(cell)
            elif name == "start_lag":
                lag.add(cell)
            elif name in sums:
                sums[name] += _sum(cell)
            self._yield_to_arrivals()
        if len(self.seconds) >= _MOST_SECONDS:
            return
        p50, p95, p99 = latency.percentiles(PERCENTILES)
        (lag_p99,) = lag.percentiles((99,))
        self.seconds.append(
            LiveSecond(
                second=second,
                scheduled=self._scheduled_by(second + 1) - self._scheduled_by(second),
                started=lag.count,
                dropped=round(sums["dropped_iterations"]),
                failed=round(sums["errors"]),
                p50=p50,
                p95=p95,
                p99=p99,
                start_lag_p99=lag_p99,
                vus=round(sums["vus"]),
                vus_max=round(sums["vus_max"]),
            )
        )

    def stop(self) -> str | None:
        """Return nothing: there is nothing to close."""
        return None


class _Values:
    """The values of a Trend in one second: as they came, or as histograms of several processes."""

    def __init__(self) -> None:
        self._values: list[float] = []
        self._merged: TrendSink | None = None

    def add(self, cell: Cell | MergedCell) -> None:
        if isinstance(cell, Cell):
            self._values += cell.values
        elif isinstance(cell.sink, TrendSink):
            self._merged = self._merged or TrendSink()
            self._merged.merge(cell.sink)

    @property
    def count(self) -> int:
        return len(self._values) + (self._merged.count if self._merged else 0)

    def percentiles(self, percents: Sequence[int]) -> list[float | None]:
        if self._merged is not None and not self._merged.is_empty:
            return [round(self._merged.percentile(percent), 3) for percent in percents]
        if not self._values:
            return [None] * len(percents)
        ordered = sorted(self._values)
        return [round(nearest_rank(ordered, percent), 3) for percent in percents]


def _sum(cell: Cell | MergedCell) -> float:
    """Return a Gauge's last value, how often a Rate was not zero, or a Counter's sum."""
    if isinstance(cell, Cell):
        return cell.values[-1] if cell.metric.name.startswith("vus") and cell.values else sum(cell.values)
    if isinstance(cell.sink, GaugeSink):
        return cell.sink.value
    return cell.sink.passes if isinstance(cell.sink, RateSink) else cell.sink.aggregate("count", 1)
