"""Every query of the Grafana dashboard, asked of a real InfluxDB that a real run has written to."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
import yaml

from tests.programs.load_test import ROOT, Finished, processes, run_load_test, two_scenarios
from tests.servers.influxdb_server import InfluxDb
from tests.servers.standin_server import StandinServer

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/dashboards/load-test.json").read_text())
QUERIES = {
    f"{panel['title']} {target['refId']}": target["query"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
# What Grafana puts for a variable with the format "regex".
ALL = ".*"
CHOICES = [
    {"scenario": ALL, "worker": ALL},
    {"scenario": "identify_load", "worker": ALL},
    {"scenario": "track_load", "worker": ALL},
    {"scenario": ALL, "worker": "worker-1"},
    {"scenario": "(identify_load|track_load)", "worker": "(worker-0|worker-1)"},
]
# A scenario has no durations of the other one's requests.
OTHERS_DURATION = [("identify", "track_load"), ("track", "identify_load")]


class Written:
    """A run of two workers that has had errors and dropped arrivals, and the database it wrote to."""

    def __init__(self, database: InfluxDb, finished: Finished) -> None:
        self.database = database
        self.ledgers = finished.summary["ledger"]
        self.summary = finished.summary
        rows = finished.rows
        self.first_ms = min(int(row["timestamp"]) for row in rows) * 1000
        self._last_ms = (max(int(row["timestamp"]) for row in rows) + 5) * 1000

    def ask(
        self, query: str, chosen: Mapping[str, str], *, interval_seconds: int = 1, database: str = "k6"
    ) -> list[dict[str, Any]]:
        """The series of a query, with macros and variables replaced as Grafana does."""
        macros = {
            "$timeFilter": f"time >= {self.first_ms}ms and time <= {self._last_ms}ms",
            "$__interval_ms": str(interval_seconds * 1000),
            "$__interval": f"{interval_seconds}s",
            **{f"${{{name}:regex}}": value for name, value in chosen.items()},
        }
        for macro, value in macros.items():
            query = query.replace(macro, value)
        assert not re.search(r"\$(?!/)", query), f"left as it was: {query}"
        return self.database.query(query, database)

    def total(self, query: str, interval_seconds: int = 1, **chosen: str) -> float:
        """The area under a rate, which is what it adds up to over the run."""
        series = self.ask(query, {**CHOICES[0], **chosen}, interval_seconds=interval_seconds)
        return float(sum(row[1] for group in series for row in group["values"]) * interval_seconds)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    tmp_path = tmp_path_factory.mktemp("run")
    (tmp_path / "influxdb").mkdir()
    # Four VUs make some 27 iterations/s with this latency and pause, so half of the arrivals are dropped.
    profile = two_scenarios([(50, "3s")], start_rate=50, vus=4)
    with (
        InfluxDb(tmp_path / "influxdb") as database,
        StandinServer("--error-share", "0.1", "--latency", "50ms") as standin,
    ):
        finished = run_load_test(
            tmp_path, *processes(2), profile=profile,
            env={"CUSTOMERIO_BASE_URL": standin.url, "LOAD_TEST_OUT": f"influxdb={database.url}/k6"},
        )  # fmt: skip
        assert finished.exit_code == 0, finished.stderr
        yield Written(database, finished)


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_returns_data_whatever_is_chosen(written: Written, name: str) -> None:
    for chosen in CHOICES:
        if (name.split()[0], chosen["scenario"]) in OTHERS_DURATION:
            continue
        series = written.ask(QUERIES[name], chosen)
        values = [value for group in series for row in group["values"] for value in row[1:]]
        assert any(value is not None for value in values), chosen
        assert all(None not in group.get("tags", {}).values() for group in series)


def test_started_and_dropped_add_up_to_the_ledger_at_any_step(written: Written) -> None:
    started, dropped = (QUERIES[f"Rate against schedule {letter}"] for letter in "AB")
    for interval in (1, 2, 5):
        for counted, query in (("started", started), ("dropped", dropped)):
            expected = {name: ledger[counted] for name, ledger in written.ledgers.items()}
            assert written.total(query, interval) == pytest.approx(sum(expected.values()))
            for scenario, count in expected.items():
                assert count > 0
                assert written.total(query, interval, scenario=scenario) == pytest.approx(count)
    assert written.total(started) + written.total(dropped) == pytest.approx(
        sum(ledger["due"] for ledger in written.ledgers.values())
    )


def test_requests_are_those_of_the_summary_in_every_panel(written: Written) -> None:
    sent = written.summary["metrics"]["http_reqs"]["count"]
    for name in ("Requests against Customer.io's limits A", "Requests per worker A"):
        assert written.total(QUERIES[name]) == pytest.approx(sent)
    failed = sum(written.summary["errors_by_kind"].values())
    assert failed > 0
    assert written.total(QUERIES["Failed requests by cause A"]) == pytest.approx(failed)


def test_the_figures_on_top_are_those_of_the_summary(written: Written) -> None:
    def figure(name: str) -> float:
        (series,) = written.ask(QUERIES[f"{name} A"], CHOICES[0])
        value: float = series["values"][0][1]
        return value

    ledgers = written.ledgers.values()
    assert figure("Arrivals started") == sum(ledger["started"] for ledger in ledgers)
    assert figure("Arrivals dropped") == sum(ledger["dropped"] for ledger in ledgers)
    assert figure("Iterations with errors") == pytest.approx(written.summary["metrics"]["errors"]["value"])
    lag = written.summary["metrics"]["start_lag"]
    # Both take a value that was measured, of ranks that may be one apart; the summary's has three digits.
    assert lag["p(95)"] * 0.99 <= figure("p99 start lag") <= lag["max"]


def test_series_have_the_names_that_their_panels_show(written: Written) -> None:
    def tags(name: str, tag: str) -> set[str]:
        return {group["tags"][tag] for group in written.ask(QUERIES[name], CHOICES[0])}

    assert tags("Requests per worker A", "worker") == {"worker-0", "worker-1"}
    assert tags("p99 start lag per worker A", "worker") == {"worker-0", "worker-1"}
    assert tags("Errors A", "scenario") == tags("Dropped arrivals A", "scenario") == set(written.ledgers)
    assert tags("Failed requests by cause A", "error") == set(written.summary["errors_by_kind"])
    (series,) = written.ask(QUERIES["track duration A"], CHOICES[0])
    assert series["columns"] == ["time", "p50", "p95", "p99"]
    assert all(p50 <= p95 <= p99 for _, p50, p95, p99 in series["values"])


@pytest.mark.parametrize(("name", "values"), [
    ("scenario", ["identify_load", "track_load"]),
    ("worker", ["worker-0", "worker-1"]),
])  # fmt: skip
def test_the_variables_offer_what_is_there(written: Written, name: str, values: list[str]) -> None:
    (series,) = written.ask(VARIABLES[name]["query"], {})
    assert [row[1] for row in series["values"]] == values


def test_all_workers_contain_a_run_that_had_none(written: Written) -> None:
    """Points of a single process have no such tag at all."""
    url = written.database.url
    made = requests.post(f"{url}/query", params={"q": 'CREATE DATABASE "single"'}, timeout=30)
    made.raise_for_status()
    point = f"start_lag,scenario=track_load value=1.5 {written.first_ms}"
    write = {"db": "single", "precision": "ms"}
    requests.post(f"{url}/write", params=write, data=point, timeout=30).raise_for_status()
    (series,) = written.ask(QUERIES["Arrivals started A"], CHOICES[0], database="single")
    assert series["values"][0][1] == 1


def test_the_compose_files_health_check_finds_a_database_and_none(written: Written) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    kind, *command = compose["services"]["influxdb"]["healthcheck"]["test"]
    assert kind == "CMD"
    port = written.database.url.rpartition(":")[2]
    codes = {}
    for name, other in (("there", port), ("none", "1")):
        asked = [part.replace("/8086", f"/{other}") for part in command]
        codes[name] = subprocess.run(asked, capture_output=True, check=False, timeout=10).returncode
    assert codes["there"] == 0
    assert codes["none"] != 0
