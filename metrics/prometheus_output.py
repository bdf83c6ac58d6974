"""Prometheus: a page with the run's totals, for a scraper to read while the run is going and once after it.

Of a page and remote write, a page needs no protocol of our own: the official client library writes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from config.errors import ConfigError
from config.shown import shown
from metrics.catalog import Tags
from metrics.running_totals import RunningTotals, TrendTotal
from metrics.store import Cell, MergedCell
from shapes.ledger import Ledger

Value = TypeVar("Value")

_LOOPBACK = "127.0.0.1"
_PREFIX = "load_test_"
_MS_PER_SECOND = 1000.0
_DOCUMENTATION = "See docs/results.md of customerio-load"
_USUAL_INTERVAL_SECONDS = 15.0
_LONGEST_WAIT_SECONDS = 60.0
_GRACE_SECONDS = 2.0


def parse_prometheus_address(text: str) -> tuple[str, int]:
    """Return host and port of ``PORT`` or ``HOST:PORT``. Without a host, only this machine can read the page.

    Raises:
        ConfigError: not of that form.
    """
    host, colon, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65_536 or (colon and not host) or "/" in host:
        raise ConfigError(
            f"--out prometheus: expected prometheus=PORT or prometheus=HOST:PORT, got {shown(text)}"
        )
    return host.strip("[]") or _LOOPBACK, int(port)


class PrometheusOutput:
    """Serves the totals of the last closed second at ``/metrics``.

    Args:
        address: host and port to listen on.
        scheduled: the arrivals of each scenario's schedule.
        yield_to_arrivals: called after each metric is written, for arrivals that are due meanwhile.

    Raises:
        ConfigError: the port is not free.
    """

    name = "Prometheus"
    takes_whole_seconds = False

    def __init__(
        self,
        address: tuple[str, int],
        scheduled: Mapping[str, int],
        yield_to_arrivals: Callable[[], object] = lambda: None,
    ) -> None:
        self._totals = RunningTotals(scheduled)
        self._pages = _Pages(self._totals, yield_to_arrivals)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self._pages)
        host, port = address
        try:
            self._server, self._thread = start_http_server(port, host, registry)
        except OSError as error:
            raise ConfigError(
                f"--out prometheus={host}:{port}: expected a free port: {error.strerror or error}"
            ) from error

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        self._totals.add(cells)

    def take_ledgers(self, ledgers: Mapping[str, Ledger]) -> None:
        self._totals.close(ledgers)
        self._pages.is_final = True

    def stop(self) -> str | None:
        """Wait until the scraper has read the last totals, if there is one, and close the page."""
        note = self._pages.wait_for_last()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        return note


class _Pages(Collector):
    """Writes the page, and notes when it was read. ``is_final``: the totals will not change any more."""

    def __init__(self, totals: RunningTotals, yield_to_arrivals: Callable[[], object]) -> None:
        self._totals = totals
        self._yield_to_arrivals = yield_to_arrivals
        self._read_at: list[float] = []
        self.is_final = False
        self._last_read = threading.Event()

    def wait_for_last(self) -> str | None:
        """Wait until the final totals are read, for two intervals of the scraper; return a line if not."""
        if not self._read_at:
            return "Prometheus: nobody has read the page"
        gaps = [later - earlier for earlier, later in zip(self._read_at, self._read_at[1:], strict=False)]
        interval_seconds = max(gaps[-3:], default=_USUAL_INTERVAL_SECONDS)
        wait_seconds = min(2 * interval_seconds + _GRACE_SECONDS, _LONGEST_WAIT_SECONDS)
        if self._last_read.wait(wait_seconds):
            return None
        return f"Prometheus: nobody has read the last totals, in {wait_seconds:.0f} s; metrics.csv has all"

    def collect(self) -> Iterator[Any]:
        is_final = self.is_final
        for family in self._families():
            yield family
            # One metric's text takes up to a millisecond.
            self._yield_to_arrivals()
        self._read_at.append(time.monotonic())
        if is_final:
            self._last_read.set()

    def _families(self) -> Iterator[Any]:
        for family, all_series in (
            (CounterMetricFamily, self._totals.counters()),
            (GaugeMetricFamily, self._totals.gauges()),
        ):
            for name, series in _by_name(all_series).items():
                labels = _labels(series)
                metric = family(f"{_PREFIX}{name}", _DOCUMENTATION, labels=labels)
                for tags, value in series:
                    metric.add_metric(_values(labels, tags), value)
                yield metric
        for name, trends in _by_name(self._totals.trends()).items():
            labels = _labels(trends)
            histogram = HistogramMetricFamily(f"{_PREFIX}{name}_seconds", _DOCUMENTATION, labels=labels)
            for tags, total in trends:
                histogram.add_metric(_values(labels, tags), self._buckets(total), total.sum / _MS_PER_SECOND)
            yield histogram

    def _buckets(self, total: TrendTotal) -> list[tuple[str, float]]:
        """Return the buckets as Prometheus counts them: everything up to each bound, in seconds."""
        bounds = [*(f"{bound / _MS_PER_SECOND:g}" for bound in self._totals.bounds_ms), "+Inf"]
        up_to = 0
        buckets = []
        for bound, count in zip(bounds, total.buckets, strict=True):
            up_to += count
            buckets.append((bound, float(up_to)))
        return buckets


def _by_name(series: Iterable[tuple[str, Tags, Value]]) -> dict[str, list[tuple[Tags, Value]]]:
    found: dict[str, list[tuple[Tags, Value]]] = {}
    for name, tags, value in series:
        found.setdefault(name, []).append((tags, value))
    return found


def _labels(series: Sequence[tuple[Tags, Any]]) -> list[str]:
    """Return all tags of a metric: Prometheus takes a label that is empty for one that is not there."""
    return sorted({key for tags, _ in series for key, _ in tags})


def _values(labels: Sequence[str], tags: Tags) -> list[str]:
    found = dict(tags)
    return [found.get(label, "") for label in labels]
