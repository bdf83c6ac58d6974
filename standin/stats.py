"""What arrived and how it was answered, counted exactly."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from typing import Any

from hdrh.histogram import HdrHistogram

# Outcomes that are no status code.
RESET = "reset"
HUNG = "hung"
DISCONNECTED = "disconnected"

_HOUR_MICROSECONDS = 3_600_000_000
_SIGNIFICANT_DIGITS = 3
_PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


class Stats:
    """Counts of one measurement, from a reset to the next.

    Every arrival ends in exactly one outcome: ``requests`` = ``statuses`` + ``in_flight``.
    Instants are ``time.perf_counter()`` seconds; memory grows by a line per second with arrivals, and
    by eight bytes per request if arrivals are recorded.
    """

    def __init__(self, record_arrivals: bool = False) -> None:
        self.arrivals: dict[str, array[float]] | None = {} if record_arrivals else None
        self.first_arrival_unix: float | None = None
        self.dropped = 0
        self.items_taken: Counter[str] = Counter()
        self.items_refused = 0
        self._first = 0.0
        self._last = 0.0
        self._per_second: dict[int, dict[str, int]] = {}
        self._statuses: dict[str, int] = {}
        self._in_flight = 0
        self._latency = HdrHistogram(1, _HOUR_MICROSECONDS, _SIGNIFICANT_DIGITS)

    def arrive(self, operation: str, now: float) -> None:
        """Counts a request, before anything is known about its fate."""
        if self.first_arrival_unix is None:
            self.first_arrival_unix = time.time()
            self._first = now
        self._last = now
        self._in_flight += 1
        offset = now - self._first
        counts = self._per_second.setdefault(int(offset), {})
        counts[operation] = counts.get(operation, 0) + 1
        if self.arrivals is not None:
            self.arrivals.setdefault(operation, array("d")).append(offset)

    def hang(self) -> None:
        """Books a request as hung; if it is answered after all, ``answer`` follows ``resume``."""
        self._settle(HUNG)

    def resume(self) -> None:
        """Takes back ``hang``."""
        self._statuses[HUNG] -= 1
        self._in_flight += 1

    def answer(self, status: str, seconds: float) -> None:
        """Books an answer that was handed over, and how long after the arrival."""
        self._settle(status)
        self._latency.record_value(min(max(int(seconds * 1e6), 1), _HOUR_MICROSECONDS))

    def lose(self, outcome: str) -> None:
        """Books a request that was reset, or whose client went away before the answer."""
        self._settle(outcome)

    def _settle(self, outcome: str) -> None:
        self._statuses[outcome] = self._statuses.get(outcome, 0) + 1
        self._in_flight -= 1

    def as_json(self) -> dict[str, Any]:
        requests: Counter[str] = Counter()
        for counts in self._per_second.values():
            requests.update(counts)
        started = self.first_arrival_unix
        return {
            "requests": dict(requests),
            "requests_total": requests.total(),
            "statuses": {status: count for status, count in self._statuses.items() if count},
            "in_flight": self._in_flight,
            "refused": self._statuses.get("429", 0),
            "dropped": self.dropped,
            "items": {"taken": dict(self.items_taken), "refused": self.items_refused},
            "first_arrival": started,
            "last_arrival": None if started is None else started + self._last - self._first,
            "duration_seconds": self._last - self._first,
            "latency_ms": self._latency_percentiles(),
            "per_second": [
                {"second": second, "requests": counts} for second, counts in sorted(self._per_second.items())
            ],
        }

    def _latency_percentiles(self) -> dict[str, float | None]:
        if not self._latency.get_total_count():
            return dict.fromkeys(_PERCENTILES)
        return {
            name: self._latency.get_value_at_percentile(percentile) / 1000.0
            for name, percentile in _PERCENTILES.items()
        }
