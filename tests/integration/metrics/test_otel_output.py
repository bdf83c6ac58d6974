"""The OpenTelemetry output and a real receiver, which may refuse, be away, or accept a part."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import pytest

from config.errors import ConfigError
from metrics.catalog import CATALOG, tags
from metrics.otel_output import OtelOutput, OtelSettings
from metrics.store import Cell
from shapes.ledger import Ledger
from tests.servers.otlp_receiver import Answer, OtlpReceiver, rejecting

A = tags(scenario="a")
LEDGER = Ledger(
    scheduled=100, due=90, started=80, dropped=7, dropped_late=0, lost=3, not_yet_due=10, completed=78,
    interrupted=2,
)  # fmt: skip
ACCEPTED: Answer = (200, {}, b"")


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as running:
        yield running


def cells(name: str, *values: float) -> list[Cell]:
    return [Cell(CATALOG[name], A, list(values), [0] * len(values))]


def opened(receiver: OtlpReceiver, **variables: str) -> OtelOutput:
    settings = OtelSettings.read({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **variables})
    return OtelOutput(settings, "20261124-1", {"a": 100})


def test_what_was_measured_and_the_ledger_arrive_as_what_they_are(receiver: OtlpReceiver) -> None:
    output = opened(receiver)
    # The receiver knows the plan before anything is sent.
    assert receiver.total("arrivals", state="scheduled") == 100
    output.samples(0, 0, cells("http_reqs", 1, 1, 1))
    output.samples(0, 0, cells("errors", 1, 0, 0))
    output.samples(0, 0, cells("vus", 4))
    output.samples(0, 0, cells("start_lag", 0.2, 12, 700))
    output.take_ledgers({"a": LEDGER})
    assert output.stop() is None
    assert receiver.total("http_reqs", scenario="a") == 3
    assert receiver.total("errors", condition="nonzero") == 1
    assert receiver.total("errors", condition="zero") == 2
    assert receiver.total("vus") == 4
    for state in ("scheduled", "started", "dropped", "completed", "interrupted", "lost", "not_yet_due"):
        assert receiver.total("arrivals", state=state) == getattr(LEDGER, state), state
    ((_, lag),) = receiver.points("start_lag")
    assert (lag.count, lag.sum, lag.min, lag.max) == (3, 712.2, 0.2, 700)
    assert sum(lag.bucket_counts) == 3
    kinds = {name: receiver.kind(name) for name in ("http_reqs", "errors", "vus", "start_lag")}
    assert kinds == {"http_reqs": "sum", "errors": "sum", "vus": "gauge", "start_lag": "histogram"}
    assert receiver.resource()["service.name"] == "customerio-load"
    assert receiver.resource()["service.instance.id"] == "20261124-1"


def test_the_variables_of_the_sdk_are_obeyed(receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hush")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=ci")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    opened(receiver).stop()
    assert receiver.headers[-1]["api-key"] == "hush"
    assert receiver.resource()["deployment.environment"] == "ci"
    assert receiver.resource()["service.name"] == "mine"


def test_exponential_buckets_on_request(receiver: OtlpReceiver) -> None:
    exponential = "base2_exponential_bucket_histogram"
    output = opened(receiver, OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=exponential)
    values = [0.0, 0.0001, 1.0, 1.05, 1.1, 64.0, 65.0, 9e6]
    output.samples(0, 0, cells("start_lag", *values))
    output.stop()
    assert receiver.kind("start_lag") == "exponential_histogram"
    ((_, lag),) = receiver.points("start_lag")
    assert (lag.count, lag.zero_count, lag.min, lag.max) == (8, 2, 0, 9e6)
    base = 2 ** (1 / 2**lag.scale)
    found = {
        lag.positive.offset + index: count for index, count in enumerate(lag.positive.bucket_counts) if count
    }
    assert sum(found.values()) == 6
    for value in (1.0, 1.05, 1.1, 64.0, 65.0):
        # A bucket has what is above its lower border, up to and with the upper one.
        assert any(base**index < value <= base ** (index + 1) * (1 + 1e-12) for index in found), value
    assert found[-1] == 1


def test_a_receiver_that_was_away_has_everything_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    is_away, has_refused = threading.Event(), threading.Event()

    def answer(number: int) -> Answer:
        if not is_away.is_set():
            return ACCEPTED
        has_refused.set()
        return 503, {}, b""

    with OtlpReceiver(answer) as receiver:
        output = opened(receiver, OTEL_METRIC_EXPORT_INTERVAL="10")
        is_away.set()
        output.samples(0, 0, cells("http_reqs", 1, 1))
        assert has_refused.wait(30)
        output.samples(1, 1, cells("http_reqs", 1))
        is_away.clear()
        assert output.stop() is None
    assert receiver.total("http_reqs") == 3


def test_what_was_never_delivered_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with OtlpReceiver(lambda number: ACCEPTED if number == 0 else (503, {}, b"")) as receiver:
        output = opened(receiver)
        output.samples(0, 0, cells("http_reqs", 1))
        note = output.stop()
    assert note == (
        "OpenTelemetry: the last totals were not delivered, the receiver answers HTTP 503; "
        "1 exports delivered, 1 failed; metrics.csv has all"
    )


def test_points_that_a_receiver_rejects_are_said() -> None:
    with OtlpReceiver(lambda number: (200, {}, rejecting(2, "too many series"))) as receiver:
        note = opened(receiver).stop()
    assert note == "OpenTelemetry: 4 points rejected: 'too many series'"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((401, {}, b""), "answers HTTP 401; OTEL_EXPORTER_OTLP_HEADERS has the credentials"),
        ((404, {}, b""), "answers HTTP 404"),
        # The SDK alone would take this for a success.
        ((302, {"Location": "https://track.customer.io/"}, b""), "answers HTTP 302"),
    ],
    ids=["401", "404", "302"],
)
def test_a_receiver_that_refuses_is_told_before_the_start(answer: Answer, expected: str) -> None:
    with OtlpReceiver(lambda number: answer) as receiver, pytest.raises(ConfigError) as caught:
        opened(receiver)
    assert str(caught.value) == f"--out otel: {receiver.url} {expected}"
    assert receiver.requests == 1


def test_a_receiver_that_is_not_there_is_told_at_once_unless_it_is_optional() -> None:
    settings = OtelSettings.read({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    with pytest.raises(ConfigError) as caught:
        OtelOutput(settings, "1", {"a": 1})
    assert str(caught.value) == "--out otel: http://127.0.0.1:1 cannot be reached"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"},
         "OTEL_EXPORTER_OTLP_ENDPOINT: expected http(s)://host:port"),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://me:hush-hush@h/v1/metrics"},
         "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: expected no user in the URL"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://track.customer.io"},
         "--out otel: https://track.customer.io: refused, it is a live workspace"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
         "OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf, got 'grpc'"),
        ({"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta"},
         "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: expected cumulative, got 'delta'"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "5s"},
         "OTEL_METRIC_EXPORT_INTERVAL: expected milliseconds, such as 5000, got '5s'"),
        ({"OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere.pem"},
         "OTEL_EXPORTER_OTLP_CERTIFICATE: expected the path of a PEM file"),
    ],
    ids=["no URL", "a user", "a live host", "grpc", "delta", "an interval", "no certificate"],
)  # fmt: skip
def test_a_wrong_variable_is_named(variables: Mapping[str, str], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        OtelSettings.read(variables)
    assert str(caught.value).startswith(expected)
    assert "hush" not in str(caught.value)
