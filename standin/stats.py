"""Exact counts of the requests that arrived and of how each ended."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Any

from hdrh.histogram import HdrHistogram

# Outcomes that are not a status code.
RESET = "reset"
HUNG = "hung"
DISCONNECTED = "disconnected"

_HOUR_MICROSECONDS = 3_600_000_000
_SIGNIFICANT_DIGITS = 3
# Bounds the memory, and the time that one request waits for the others to be folded: 3 ms.
_COUNTED_LATENCIES = 1000
_PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


class Stats:
    """The counts from one reset to the next.

    Each arrival ends in exactly one outcome: ``requests`` = ``statuses`` + ``in_flight``. Instants are
    seconds of ``time.perf_counter()``. Memory grows by one dictionary per second in which requests arrive,
    and by 8 bytes per request if arrivals are recorded.
    """

    def __init__(self, record_arrivals: bool = False) -> None:
        self.arrivals: dict[str, array[float]] | None = {} if record_arrivals else None
        self.first_arrival_unix: float | None = None
        self._dropped = 0
        self._ignored = 0
        self._items_accepted: Counter[str] = Counter()
        self._items_refused = 0
        self._first = 0.0
        self._last = 0.0
        self._per_second: dict[int, dict[str, int]] = {}
        self._statuses: dict[str, int] = {}
        self._in_flight = 0
        # Equal latencies are counted first, as the histogram takes 3 us for each value: 60 times as long.
        self._latency_counts: dict[int, int] = {}
        self._latency = HdrHistogram(1, _HOUR_MICROSECONDS, _SIGNIFICANT_DIGITS)

    def arrive(self, operation: str, now: float) -> None:
        """Count a request. Call this when it arrives, before anything else is known about it."""
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

    def count_items(self, accepted: Iterable[str], refused: int) -> None:
        """Count the operations of a v2 request: the action of each accepted one, the number refused."""
        self._items_accepted.update(accepted)
        self._items_refused += refused

    def count_drop(self) -> None:
        """Count a request that is answered with 200 and not stored."""
        self._dropped += 1

    def count_ignored(self) -> None:
        """Count a Pipelines request, or a call of a batch, that is answered with 200 and means nothing."""
        self._ignored += 1

    def hang(self) -> None:
        """Count a request as hung. If it is answered after all, call ``resume`` and then ``answer``."""
        self._settle(HUNG)

    def resume(self) -> None:
        """Undo ``hang``."""
        self._statuses[HUNG] -= 1
        self._in_flight += 1

    def answer(self, status: str, seconds: float) -> None:
        """Count a response that was handed to the server ``seconds`` after the request's arrival."""
        self._settle(status)
        microseconds = int(seconds * 1e6)
        counts = self._latency_counts
        counts[microseconds] = counts.get(microseconds, 0) + 1
        if len(counts) > _COUNTED_LATENCIES:
            self._fold_latencies()

    def _fold_latencies(self) -> None:
        for microseconds, count in self._latency_counts.items():
            self._latency.record_value(min(max(microseconds, 1), _HOUR_MICROSECONDS), count)
        self._latency_counts.clear()

    def lose(self, outcome: str) -> None:
        """Count a request that ends without a response: ``RESET`` or ``DISCONNECTED``."""
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
            "dropped": self._dropped,
            "ignored": self._ignored,
            "items": {"taken": dict(self._items_accepted), "refused": self._items_refused},
            "first_arrival": started,
            "last_arrival": None if started is None else started + self._last - self._first,
            "duration_seconds": self._last - self._first,
            "latency_ms": self._latency_percentiles(),
            "per_second": [
                {"second": second, "requests": counts} for second, counts in sorted(self._per_second.items())
            ],
        }

    def _latency_percentiles(self) -> dict[str, float | None]:
        self._fold_latencies()
        if not self._latency.get_total_count():
            return dict.fromkeys(_PERCENTILES)
        return {
            name: self._latency.get_value_at_percentile(percentile) / 1000.0
            for name, percentile in _PERCENTILES.items()
        }
