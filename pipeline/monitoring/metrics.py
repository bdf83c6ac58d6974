"""What the pipeline counts and measures, for Prometheus.

Names follow https://prometheus.io/docs/practices/naming: one prefix, base units, ``_total`` for what only
grows. No label holds anything of a person or a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from pipeline.limiter.interface import LimiterStats
from pipeline.monitoring.limiter_collector import LimiterCollector

# From 10 ms, when everything flows, to an hour, when Customer.io was away.
_DELIVERY_BUCKETS_SECONDS = (
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600,
)  # fmt: skip
_REQUEST_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# There from the start, at 0: a rate over a series that has just appeared misses its first step.
_KINDS = ("identify", "track")
_RETRY_REASONS = ("429", "503", "timeout", "connection")

# Some label values are Customer.io's own words: none may grow the number of series without end.
_WORD = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_MOST_WORDS = 50


class PipelineMetrics:
    """The metrics of one process, in a registry of their own.

    Args:
        limiter_stats: read at each scrape; ``None`` where nothing limits.
    """

    def __init__(self, limiter_stats: Callable[[], LimiterStats] | None = None) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self._consumed = Counter(
            "customerio_consumed", "Messages read from Kafka.", ["topic", "partition"], registry=registry
        )
        self._delivered = Counter(
            "customerio_delivered", "Operations that Customer.io has taken.", ["kind"], registry=registry
        )
        self._dead_letters = Counter(
            "customerio_dead_letters", "Messages put aside as dead letters.", ["cause"], registry=registry
        )
        self._requests = Counter(
            "customerio_requests",
            "Requests to Customer.io by what came of them: an HTTP status, timeout or connection.",
            ["status"],
            registry=registry,
        )
        self._retries = Counter(
            "customerio_retries", "Requests to be made again, and why.", ["reason"], registry=registry
        )
        self._lag = Gauge(
            "customerio_partition_lag",
            "Messages neither delivered nor dead letters yet, of a partition that is assigned here.",
            ["topic", "partition"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "customerio_in_flight", "Operations that requests under way carry.", registry=registry
        )
        self._buffered = Gauge(
            "customerio_buffered", "Operations that wait for their request.", registry=registry
        )
        self._delivery_seconds = Histogram(
            "customerio_delivery_seconds",
            "From a message's own time to its delivery.",
            buckets=_DELIVERY_BUCKETS_SECONDS,
            registry=registry,
        )
        self._request_seconds = Histogram(
            "customerio_request_seconds",
            "From a request's start to its answer or failure, without the wait for its turn.",
            buckets=_REQUEST_BUCKETS_SECONDS,
            registry=registry,
        )
        for kind in _KINDS:
            self._delivered.labels(kind)
        for reason in _RETRY_REASONS:
            self._retries.labels(reason)
        self._words: dict[str, set[str]] = {"cause": set(), "reason": set(_RETRY_REASONS), "status": set()}
        if limiter_stats is not None:
            registry.register(LimiterCollector(limiter_stats))
        # CPU, memory and open files of the process, under the names that dashboards know.
        ProcessCollector(registry=registry)

    def count_consumed(self, topic: str, partition: int, count: int = 1) -> None:
        """Messages have been read."""
        self._consumed.labels(topic, partition).inc(count)

    def count_delivered(self, kind: str, end_to_end_seconds: float | None) -> None:
        """Customer.io has taken an operation, so long after the time its message bears, if it bears one."""
        self._delivered.labels(kind).inc()
        if end_to_end_seconds is None:
            return
        # Two machines' clocks: a message may seem to come from the future.
        self._delivery_seconds.observe(max(0.0, end_to_end_seconds))

    def count_dead_letter(self, cause: str) -> None:
        """A message was put aside; ``cause`` is a word."""
        self._dead_letters.labels(self._admit_word("cause", cause)).inc()

    def observe_request(self, status: int | str, seconds: float) -> None:
        """A request has ended: ``status`` is HTTP's, or ``timeout``, or ``connection``."""
        self._requests.labels(self._admit_word("status", str(status))).inc()
        self._request_seconds.observe(seconds)

    def count_retry(self, reason: int | str) -> None:
        """A request will be made again: because of an HTTP status, ``timeout``, or ``connection``."""
        self._retries.labels(self._admit_word("reason", str(reason))).inc()

    def set_in_flight(self, operations: int) -> None:
        """So many operations are in requests under way."""
        self._in_flight.set(operations)

    def set_buffered(self, operations: int) -> None:
        """So many operations wait for their request."""
        self._buffered.set(operations)

    def set_lag(self, topic: str, partition: int, messages: int) -> None:
        """So many messages of an assigned partition are still to be delivered."""
        self._lag.labels(topic, partition).set(messages)

    def forget_partition(self, topic: str, partition: int) -> None:
        """The partition is another worker's now, and so is its lag. What was counted stays."""
        # remove() of prometheus_client minds labels that are not there from version to version.
        self._lag.labels(topic, partition)
        self._lag.remove(topic, partition)

    def render(self, accept: str) -> tuple[bytes, str]:
        """The page for a scraper.

        Args:
            accept: its ``Accept`` header.

        Returns:
            the body, and its ``Content-Type``.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _admit_word(self, label: str, word: str) -> str:
        known = self._words[label]
        if word in known:
            return word
        if len(known) >= _MOST_WORDS or not _WORD.fullmatch(word):
            return "other"
        known.add(word)
        return word
