"""The abort switch: it watches the last seconds of a run, and says when they are too bad to go on."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from config.abort_bounds import AbortBounds
from config.durations import format_duration, format_milliseconds
from metrics.live_seconds import LATENCY
from metrics.sinks import CounterSink, RateSink, TrendSink
from metrics.store import Cell, MergedCell

_PERCENT = 95


class AbortSwitch:
    """An output that keeps the seconds of a window and compares them with bounds.

    A threshold is about the whole run: after two good hours it takes minutes of errors to fail. The switch
    looks at the last seconds only.

    Args:
        bounds: what the window is compared with.
    """

    name = "the abort switch"
    takes_whole_seconds = True

    def __init__(self, bounds: AbortBounds) -> None:
        self._bounds = bounds
        # A second is the finest that is measured.
        self._seconds: deque[_Tally] = deque(maxlen=max(1, round(bounds.window)))

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        """Take one second, and forget the one that has left the window."""
        self._seconds.append(_Tally.of(cells))

    def stop(self) -> str | None:
        """Return nothing: there is nothing to close."""
        return None

    @property
    def exceeded(self) -> str | None:
        """Which bound the window is above, with its figure; ``None`` if it is above none."""
        window = _Tally()
        for second in self._seconds:
            window.add(second)
        if window.iterations < self._bounds.least:
            return None
        over = f"over the last {format_duration(self._bounds.window)}"
        for name, share, bound in (
            ("errors", window.failed / window.iterations, self._bounds.errors),
            ("429 responses", window.throttled / max(1.0, window.requests), self._bounds.throttled),
        ):
            if share > bound:
                return f"{name} {share:.1%}, above {bound:.3g} {over}"
        latency_ms = window.latency.percentile(_PERCENT)
        if latency_ms > self._bounds.latency * 1000:
            latency = format_milliseconds(latency_ms)
            return f"p({_PERCENT}) {latency}, above {format_duration(self._bounds.latency)} {over}"
        return None


@dataclass
class _Tally:
    """What the bounds are about, in one second or in several; ``latency`` in milliseconds."""

    iterations: int = 0
    failed: int = 0
    requests: float = 0.0
    throttled: float = 0.0
    latency: TrendSink = field(default_factory=TrendSink)

    @classmethod
    def of(cls, cells: Sequence[Cell | MergedCell]) -> _Tally:
        tally = cls()
        for cell in cells:
            if cell.metric.name not in ("errors", "http_reqs", LATENCY):
                continue
            match cell.aggregate() if isinstance(cell, Cell) else cell.sink:
                case RateSink() as errors:
                    tally.iterations += errors.total
                    tally.failed += errors.passes
                case CounterSink() as requests:
                    tally.requests += requests.count
                    if dict(cell.tags).get("status") == "429":
                        tally.throttled += requests.count
                case TrendSink() as latency:
                    tally.latency.merge(latency)
        return tally

    def add(self, other: _Tally) -> None:
        self.iterations += other.iterations
        self.failed += other.failed
        self.requests += other.requests
        self.throttled += other.throttled
        self.latency.merge(other.latency)
