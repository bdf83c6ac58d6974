"""The page that Prometheus scrapes, read over HTTP and parsed with the official package."""

from __future__ import annotations

import socket

import pytest

from config.errors import ConfigError
from metrics.catalog import CATALOG, tags
from metrics.prometheus_output import PrometheusOutput, parse_prometheus_address
from metrics.store import Cell
from shapes.ledger import Ledger
from tests.programs.prometheus_page import PrometheusPage
from tests.servers.free_port import free_port

A = tags(scenario="a")
LEDGER = Ledger(
    scheduled=100, due=90, started=80, dropped=7, dropped_late=0, lost=3, not_yet_due=10, completed=78,
    interrupted=2,
)  # fmt: skip


def cells(name: str, *values: float) -> list[Cell]:
    return [Cell(CATALOG[name], A, list(values), [0] * len(values))]


def test_the_page_has_totals_and_the_last_reading_has_the_ledger() -> None:
    port = free_port()
    output = PrometheusOutput(("127.0.0.1", port), {"a": 100})
    assert PrometheusPage(port).total("load_test_arrivals_total", scenario="a", state="scheduled") == 100
    output.samples(0, 0, cells("http_reqs", 1, 1, 1))
    output.samples(0, 0, cells("errors", 1, 0, 0))
    output.samples(0, 0, cells("vus", 4))
    output.samples(0, 0, cells("start_lag", 0.2, 12, 700))
    page = PrometheusPage(port)
    assert page.total("load_test_http_reqs_total", scenario="a") == 3
    assert page.total("load_test_errors_total", scenario="a", condition="nonzero") == 1
    assert page.total("load_test_vus", scenario="a") == 4
    # Seconds, as is the custom on such pages.
    assert page.total("load_test_start_lag_seconds_sum", scenario="a") == pytest.approx(0.7122)
    assert page.total("load_test_start_lag_seconds_bucket", scenario="a", le="0.01") == 1
    assert page.total("load_test_start_lag_seconds_bucket", scenario="a", le="0.7") == 3
    assert page.total("load_test_start_lag_seconds_count", scenario="a") == 3
    output.take_ledgers({"a": LEDGER})
    last = PrometheusPage(port)
    assert output.stop() is None
    for state in ("scheduled", "started", "dropped", "completed", "interrupted", "lost", "not_yet_due"):
        assert last.total("load_test_arrivals_total", scenario="a", state=state) == getattr(LEDGER, state), (
            state
        )


def test_a_page_that_nobody_reads_is_said() -> None:
    port = free_port()
    assert PrometheusOutput(("127.0.0.1", port), {"a": 1}).stop() == "Prometheus: nobody has read the page"
    output = PrometheusOutput(("127.0.0.1", port), {"a": 1})
    for _ in range(2):
        PrometheusPage(port)
    assert output.stop() == ("Prometheus: nobody has read the last totals, in 2 s; metrics.csv has all")


def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"^--out prometheus=127.0.0.1:{port}: expected a free port: "):
            PrometheusOutput(("127.0.0.1", port), {"a": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("9464", ("127.0.0.1", 9464)), ("0.0.0.0:9464", ("0.0.0.0", 9464)), ("[::1]:9464", ("::1", 9464))],  # noqa: S104
    ids=["port", "host", "IPv6"],
)
def test_an_address(text: str, expected: tuple[str, int]) -> None:
    assert parse_prometheus_address(text) == expected


@pytest.mark.parametrize("text", ["", "x", "70000", ":9464", "http://h:9464"])
def test_another_address_is_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected prometheus=PORT or prometheus=HOST:PORT"):
        parse_prometheus_address(text)
