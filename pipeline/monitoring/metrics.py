"""The metrics of the pipeline, for Prometheus.

Names follow https://prometheus.io/docs/practices/naming: one prefix, base units, ``_total`` for counters. No
label holds personal data or content of a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from pipeline.limiter.interface import LimiterStats
from pipeline.monitoring.limiter_collector import LimiterCollector

# From 10 ms, without a backlog, to an hour, after Customer.io was unreachable.
_DELIVERY_BUCKETS_SECONDS = (
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600,
)  # fmt: skip
_REQUEST_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

# These series exist from the start, at 0: a rate misses the first increase of a new series.
_KINDS = ("identify", "track")
_RETRY_REASONS = ("429", "503", "timeout", "connection")

# Some label values are words of Customer.io. They must not make the number of series grow without bound.
_WORD = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_MOST_WORDS = 50


class PipelineMetrics:
    """The metrics of one process, in a registry of their own.

    Args:
        limiter_stats: called at each scrape; ``None`` without a rate limiter.
    """

    def __init__(self, limiter_stats: Callable[[], LimiterStats] | None = None) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self._consumed = Counter(
            "customerio_consumed", "Messages read from Kafka.", ["topic", "partition"], registry=registry
        )
        self._delivered = Counter(
            "customerio_delivered", "Operations that Customer.io has accepted.", ["kind"], registry=registry
        )
        self._dead_letters = Counter(
            "customerio_dead_letters", "Messages dead-lettered.", ["cause"], registry=registry
        )
        self._requests = Counter(
            "customerio_requests",
            "Requests to Customer.io by result: an HTTP status, timeout or connection.",
            ["status"],
            registry=registry,
        )
        self._retries = Counter(
            "customerio_retries", "Retries of requests, by reason.", ["reason"], registry=registry
        )
        self._lag = Gauge(
            "customerio_partition_lag",
            "Unsettled messages of a partition that is assigned to this worker.",
            ["topic", "partition"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "customerio_in_flight", "Operations in requests that are in flight.", registry=registry
        )
        self._buffered = Gauge(
            "customerio_buffered", "Operations that wait for a request.", registry=registry
        )
        self._delivery_seconds = Histogram(
            "customerio_delivery_seconds",
            "Seconds from a message's own time to its delivery.",
            buckets=_DELIVERY_BUCKETS_SECONDS,
            registry=registry,
        )
        self._request_seconds = Histogram(
            "customerio_request_seconds",
            "Seconds from the start of a request to its answer or failure, without the wait for a slot.",
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
        # CPU, memory and open files of the process, under the usual names.
        ProcessCollector(registry=registry)

    def count_consumed(self, topic: str, partition: int, count: int = 1) -> None:
        """Count messages that were read."""
        self._consumed.labels(topic, partition).inc(count)

    def count_delivered(self, kind: str, end_to_end_seconds: float | None) -> None:
        """Count an accepted operation, and the seconds since its message's own time, if known."""
        self._delivered.labels(kind).inc()
        if end_to_end_seconds is None:
            return
        # The time comes from another machine's clock and may lie in the future.
        self._delivery_seconds.observe(max(0.0, end_to_end_seconds))

    def count_dead_letter(self, cause: str) -> None:
        """Count a dead-lettered message."""
        self._dead_letters.labels(self._admit_word("cause", cause)).inc()

    def observe_request(self, status: int | str, seconds: float) -> None:
        """Count and time a request; ``status`` is an HTTP status, ``timeout`` or ``connection``."""
        self._requests.labels(self._admit_word("status", str(status))).inc()
        self._request_seconds.observe(seconds)

    def count_retry(self, reason: int | str) -> None:
        """Count a retry; ``reason`` is an HTTP status, ``timeout`` or ``connection``."""
        self._retries.labels(self._admit_word("reason", str(reason))).inc()

    def set_in_flight(self, operations: int) -> None:
        """Set the number of operations in requests that are in flight."""
        self._in_flight.set(operations)

    def set_buffered(self, operations: int) -> None:
        """Set the number of operations that wait for a request."""
        self._buffered.set(operations)

    def set_lag(self, topic: str, partition: int, messages: int) -> None:
        """Set the number of unsettled messages of an assigned partition."""
        self._lag.labels(topic, partition).set(messages)

    def forget_partition(self, topic: str, partition: int) -> None:
        """Remove the lag of a partition that another worker owns now. Counters stay."""
        # Some versions of prometheus_client raise an error when they remove unknown labels.
        self._lag.labels(topic, partition)
        self._lag.remove(topic, partition)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Render the metrics for a scraper.

        Args:
            accept: the scraper's ``Accept`` header.

        Returns:
            The body and its ``Content-Type``.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _admit_word(self, label: str, word: str) -> str:
        """Return the label's value for a word: the word, or ``other`` beyond the bound."""
        known = self._words[label]
        if word in known:
            return word
        if len(known) >= _MOST_WORDS or not _WORD.fullmatch(word):
            return "other"
        known.add(word)
        return word
