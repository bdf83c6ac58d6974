"""OpenTelemetry: the run's totals, by OTLP over http, to a collector or a store that understands it.

The official SDK describes, encodes and sends them. Its instruments are left out: to record a value in one
takes microseconds, in the process that must keep the schedule, and a run has ten values per request. Here a
second's values are added up at once (``metrics/running_totals.py``).

All sums are cumulative, so an export that fails is made good by the next one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.sdk.environment_variables import (
    OTEL_EXPORTER_OTLP_CERTIFICATE,
    OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE,
    OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION,
    OTEL_EXPORTER_OTLP_METRICS_ENDPOINT,
    OTEL_EXPORTER_OTLP_METRICS_PROTOCOL,
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE,
    OTEL_EXPORTER_OTLP_PROTOCOL,
    OTEL_METRIC_EXPORT_INTERVAL,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    DataPointT,
    DataT,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from requests.adapters import BaseAdapter

from config.customerio.hosts import check_connection
from config.errors import ConfigError
from config.guarded_session import plain_session
from config.shown import shown, shown_url
from config.urls import split_url
from metrics.catalog import Tags
from metrics.running_totals import BOUNDS_MS, RunningTotals, TrendTotal
from metrics.store import Cell, MergedCell
from shapes.ledger import Ledger

_DEFAULT_ENDPOINT = "http://localhost:4318"
_METRICS_PATH = "/v1/metrics"
_DEFAULT_INTERVAL_SECONDS = 5.0
_LONGEST_INTERVAL_MS = 3_600_000
_LAST_EXPORT_SECONDS = 15.0

_EXPLICIT = "explicit_bucket_histogram"
_EXPONENTIAL = "base2_exponential_bucket_histogram"
# Eight buckets per doubling, so that each is 9% wide, from 1 us to over an hour.
_SCALE = 3
_FIRST_INDEX = -10 * 2**_SCALE
_EXPONENTIAL_BOUNDS_MS = tuple(2 ** (index / 2**_SCALE) for index in range(_FIRST_INDEX, 22 * 2**_SCALE + 1))


@dataclass(frozen=True)
class OtelSettings:
    """What the standard variables of OpenTelemetry say; the SDK itself reads headers, timeout and so on."""

    endpoint: str
    interval_seconds: float = _DEFAULT_INTERVAL_SECONDS
    is_exponential: bool = False

    @property
    def place(self) -> str:
        """Scheme, host and port of the endpoint, to show."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> OtelSettings:
        """Return the settings that variables give.

        Raises:
            ConfigError: a variable has a wrong value, or one that is not supported here.
        """
        for name in (OTEL_EXPORTER_OTLP_METRICS_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL):
            _check_choice(variables, name, "http/protobuf")
        _check_choice(variables, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, "cumulative")
        aggregation = OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION
        _check_choice(variables, aggregation, _EXPLICIT, _EXPONENTIAL)
        _check_files(variables)
        return cls(
            _endpoint(variables),
            _interval_seconds(variables.get(OTEL_METRIC_EXPORT_INTERVAL)),
            is_exponential=variables.get(aggregation, "").lower() == _EXPONENTIAL,
        )


class OtelOutput:
    """Sends the totals every few seconds from a thread of its own; the load never waits for it.

    Args:
        settings: where to and how often.
        run_id: becomes ``service.instance.id``, so that each run has series of its own.
        scheduled: the arrivals of each scenario's schedule.
        is_optional: whether a receiver that is away from the start is no reason not to start.

    Raises:
        ConfigError: the receiver cannot be reached or refuses us, unless ``is_optional``.
    """

    name = "OpenTelemetry"
    takes_whole_seconds = False

    def __init__(
        self, settings: OtelSettings, run_id: str, scheduled: Mapping[str, int], *, is_optional: bool = False
    ) -> None:
        self._settings = settings
        bounds_ms = _EXPONENTIAL_BOUNDS_MS if settings.is_exponential else BOUNDS_MS
        self._totals = RunningTotals(scheduled, bounds_ms)
        own = Resource({"service.name": "customerio-load", "service.instance.id": run_id})
        self._resource = own.merge(OTELResourceDetector().detect())
        self._started_ns = time.time_ns()
        session = plain_session()
        self._answers = _CheckedAnswers(session.get_adapter(settings.endpoint))
        session.mount(settings.endpoint, self._answers)
        self._exporter = OTLPMetricExporter(settings.endpoint, session=session)
        # It would log every attempt that fails. ``stop`` says what was not delivered, and why.
        logging.getLogger(OTLPMetricExporter.__module__).setLevel(logging.CRITICAL)
        self._sent = 0
        self._failed = 0
        self._is_last_delivered = False
        self._is_stopping = threading.Event()
        if not self._export() and not is_optional:
            self._exporter.shutdown()
            raise ConfigError(f"--out otel: {settings.place} {self._answers.problem}")
        self._answers.is_greeting = False
        self._sender = threading.Thread(target=self._send_all, name="otel", daemon=True)
        self._sender.start()

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        self._totals.add(cells)

    def take_ledgers(self, ledgers: Mapping[str, Ledger]) -> None:
        self._totals.close(ledgers)

    def stop(self) -> str | None:
        """Send the last totals, within 15 s; return a line if they were not delivered."""
        self._is_stopping.set()
        self._sender.join(_LAST_EXPORT_SECONDS)
        self._exporter.shutdown()
        answers = self._answers
        if not self._is_last_delivered:
            return (
                f"OpenTelemetry: the last totals were not delivered, the receiver {answers.problem}; "
                f"{self._sent} exports delivered, {self._failed} failed; metrics.csv has all"
            )
        if answers.rejected_points:
            return f"OpenTelemetry: {answers.rejected_points} points rejected: {answers.rejection}"
        return None

    def _send_all(self) -> None:
        """Send the totals until told to stop, and once more then."""
        while not self._is_stopping.wait(self._settings.interval_seconds):
            self._export()
        self._is_last_delivered = self._export()

    def _export(self) -> bool:
        """Send the totals as they are now. The SDK tries again, until its time for an export is over."""
        if self._exporter.export(self._metrics_data()) is MetricExportResult.SUCCESS:
            self._sent += 1
            return True
        self._failed += 1
        return False

    def _metrics_data(self) -> MetricsData:
        now_ns = time.time_ns()
        sums, gauges, trends = _Grouped(), _Grouped(), _Grouped()
        for name, tags, value in self._totals.counters():
            sums.add(name, NumberDataPoint(dict(tags), self._started_ns, now_ns, round(value)))
        for name, tags, value in self._totals.gauges():
            gauges.add(name, NumberDataPoint(dict(tags), self._started_ns, now_ns, value))
        for name, tags, total in self._totals.trends():
            trends.add(name, self._trend_point(tags, total, now_ns))
        cumulative = AggregationTemporality.CUMULATIVE
        histogram = ExponentialHistogram if self._settings.is_exponential else Histogram
        metrics = [
            *sums.metrics("1", lambda points: Sum(points, cumulative, is_monotonic=True)),
            *gauges.metrics("1", Gauge),
            *trends.metrics("ms", lambda points: histogram(points, cumulative)),
        ]
        scope = ScopeMetrics(InstrumentationScope("customerio-load"), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])

    def _trend_point(self, tags: Tags, total: TrendTotal, now_ns: int) -> DataPointT:
        times = self._started_ns, now_ns
        if not self._settings.is_exponential:
            buckets, bounds = list(total.buckets), self._totals.bounds_ms
            return HistogramDataPoint(
                dict(tags), *times, total.count, total.sum, buckets, bounds, total.min, total.max
            )
        zeros, *counts, above = total.buckets
        counts[-1] += above
        first = next((index for index, count in enumerate(counts) if count), 0)
        end = next((index for index in range(len(counts), first, -1) if counts[index - 1]), first)
        positive = Buckets(_FIRST_INDEX + first, counts[first:end])
        return ExponentialHistogramDataPoint(
            dict(tags), *times, total.count, total.sum, _SCALE, zeros, positive, Buckets(0, []), 0,
            total.min, total.max,
        )  # fmt: skip


class _Grouped:
    """Data points by the metric that they belong to."""

    def __init__(self) -> None:
        self._points: dict[str, list[DataPointT]] = {}

    def add(self, name: str, point: DataPointT) -> None:
        self._points.setdefault(name, []).append(point)

    def metrics(self, unit: str, data: Callable[[list[Any]], DataT]) -> Iterable[Metric]:
        """Yield each metric, with ``data`` made of its points."""
        for name, points in self._points.items():
            yield Metric(name, "", unit, data(points))


class _CheckedAnswers(BaseAdapter):
    """Notes what a receiver answers, and takes no redirect for a success, as the SDK does.

    ``problem`` says what went wrong last; ``rejection`` why points of an accepted export were rejected.
    """

    def __init__(self, adapter: BaseAdapter) -> None:
        super().__init__()
        self.is_greeting = True
        self.problem = "does not answer"
        self.rejected_points = 0
        self.rejection = ""
        self._adapter = adapter

    def send(self, request: requests.PreparedRequest, *given: Any, **named: Any) -> requests.Response:
        try:
            response = self._adapter.send(request, *given, **named)
        except requests.RequestException as error:
            self.problem = _reason(error)
            if self.is_greeting:
                # The SDK tries a broken connection again for ten seconds; nobody should wait so long for
                # the news that the address is wrong.
                raise requests.RequestException(self.problem) from error
            raise
        if not 200 <= response.status_code < 300:
            self.problem = f"answers HTTP {response.status_code}"
            if response.status_code in (401, 403):
                self.problem += "; OTEL_EXPORTER_OTLP_HEADERS has the credentials"
            elif 300 <= response.status_code < 400:
                raise requests.TooManyRedirects("no redirect is followed", response=response)
        else:
            self._note_rejected(response.content)
        return response

    def close(self) -> None:
        self._adapter.close()

    def _note_rejected(self, body: bytes) -> None:
        try:
            partial = ExportMetricsServiceResponse.FromString(body).partial_success
        except DecodeError:
            # An answer in another form, such as JSON: the status alone counts.
            return
        if partial.rejected_data_points:
            self.rejected_points += partial.rejected_data_points
            self.rejection = shown(partial.error_message)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return f"cannot be trusted; {OTEL_EXPORTER_OTLP_CERTIFICATE} names an authority to trust"
    return "does not answer in time" if isinstance(error, requests.Timeout) else "cannot be reached"


def _check_choice(variables: Mapping[str, str], name: str, *choices: str) -> None:
    given = variables.get(name)
    if given and given.lower() not in choices:
        raise ConfigError(f"{name}: expected {' or '.join(choices)}, got {shown(given)}")


def _check_files(variables: Mapping[str, str]) -> None:
    for name in (OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE, OTEL_EXPORTER_OTLP_CERTIFICATE):
        if (path := variables.get(name)) and not Path(path).is_file():
            raise ConfigError(f"{name}: expected the path of a PEM file, got {shown(path)}")


def _endpoint(variables: Mapping[str, str]) -> str:
    """Return where the SDK sends metrics: to the whole URL for metrics, or below the one for all signals."""
    place = OTEL_EXPORTER_OTLP_METRICS_ENDPOINT
    url = variables.get(place)
    if not url:
        place = OTEL_EXPORTER_OTLP_ENDPOINT
        url = variables.get(place, _DEFAULT_ENDPOINT).removesuffix("/") + _METRICS_PATH
    if "@" in url:
        raise ConfigError(
            f"{place}: expected no user in the URL; OTEL_EXPORTER_OTLP_HEADERS has the credentials"
        )
    if split_url(url, ("http", "https")) is None:
        raise ConfigError(f"{place}: expected http(s)://host:port, got {shown_url(url)}")
    try:
        check_connection(url, allow_live=False, instead="the host of a receiver")
    except ConfigError as error:
        raise ConfigError(f"--out otel: {error}") from error
    return url


def _interval_seconds(milliseconds: str | None) -> float:
    if not milliseconds:
        return _DEFAULT_INTERVAL_SECONDS
    if not milliseconds.isdecimal() or not 0 < int(milliseconds) <= _LONGEST_INTERVAL_MS:
        raise ConfigError(
            f"{OTEL_METRIC_EXPORT_INTERVAL}: expected milliseconds, such as 5000, got {shown(milliseconds)}"
        )
    return int(milliseconds) / 1000
