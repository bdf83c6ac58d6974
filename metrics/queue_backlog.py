"""The queue behind the load: how many messages its consumers have not delivered yet.

A few lines read two gauges of Prometheus's text format: ``prometheus_client`` has a parser for the whole
format, and would be another dependency of the load test for that alone.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

LAG_METRICS = ("customerio_partition_lag", "kafka_consumergroup_lag")
"""Of the pipeline's workers, and of Kafka exporters; both are per partition."""

# Of the pipeline's workers, by cause.
_DEAD = "customerio_dead_letters_total"
_NAMES = "|".join(LAG_METRICS)
# Name and labels, the value, and a time that may follow; a label's value may hold braces and escaped quotes.
_SAMPLE = re.compile(
    rf'((?:{_NAMES}|{_DEAD})(?:\{{(?:[^"{{}}]|"(?:[^"\\]|\\.)*")*\}})?)[ \t]+(\S+)(?:[ \t]+\S+)?[ \t]*'
)
_OURS = re.compile(rf"(?:{_NAMES})(?![\w:])")
_STARTS = (*LAG_METRICS, "# TYPE ")
_TYPE = re.compile(rf"# TYPE (?:{_NAMES}) ")


@dataclass(frozen=True)
class QueueFigures:
    """The backlog in messages; ``failed`` is how often a page could not be read during the run."""

    start: int
    peak: int
    end: int
    readings: int
    failed: int

    @property
    def line(self) -> str:
        """For the summary."""
        return f"Queue backlog: {self.start} at the start, {self.peak} at its peak, {self.end} at the end"


def partition_lags(page: str) -> dict[str, float]:
    """Return the lag of each partition on a page, by name and labels as they stand there.

    The result is empty for a worker that has no partition, if its page at least declares the gauge.

    Raises:
        ValueError: a line of these gauges is damaged, or the page has none of them.
    """
    lags: dict[str, float] = {}
    is_declared = False
    for line in page.split("\n"):
        # An exporter's page has tens of thousands of others, and this process has arrivals to keep.
        if not line.startswith(_STARTS):
            continue
        if _OURS.match(line):
            series, lag = _sample(line)
            lags[series] = lag
        elif _TYPE.match(line):
            is_declared = True
    if not lags and not is_declared:
        raise ValueError(f"has no {' or '.join(LAG_METRICS)}")
    return lags


def dead_letters(page: str) -> int:
    """Return how many messages a worker has dead-lettered since its start; 0 if its page does not say so."""
    return sum(round(_sample(line)[1]) for line in page.split("\n") if line.startswith(f"{_DEAD}{{"))


def _sample(line: str) -> tuple[str, float]:
    found = _SAMPLE.fullmatch(line.rstrip("\r"))
    try:
        lag = float(found[2]) if found else math.nan
    except ValueError:
        lag = math.nan
    if found is None or not math.isfinite(lag):
        raise ValueError(f"has a line that is no lag: {line[:100]!r}")
    # Exporters say -1 of a partition of which they do not know it.
    return found[1], max(0.0, lag)
