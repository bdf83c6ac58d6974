"""Outputs beside metrics.csv: k6's JSON lines, and a real InfluxDB that may go away and come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.programs.k6_json import assert_is_k6_json, points
from tests.programs.load_test import THRESHOLDS, Finished, LoadTest, run_load_test, two_scenarios
from tests.servers.influxdb_server import InfluxDb, VictoriaMetrics
from tests.servers.standin_server import StandinServer

PROFILE = two_scenarios([(40, "3s")], start_rate=40) + THRESHOLDS


@pytest.fixture
def influxdb(tmp_path: Path) -> Iterator[InfluxDb]:
    (tmp_path / "influxdb").mkdir()
    with InfluxDb(tmp_path / "influxdb") as server:
        yield server


@dataclass(frozen=True)
class Everywhere:
    """One run with all outputs at once: what it says of itself, and what each of them holds."""

    finished: Finished
    influxdb: InfluxDb
    victoria_metrics: VictoriaMetrics


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everywhere]:
    tmp_path = tmp_path_factory.mktemp("everywhere")
    for name in ("influxdb", "victoria"):
        (tmp_path / name).mkdir()
    with (
        InfluxDb(tmp_path / "influxdb") as influxdb,
        VictoriaMetrics(tmp_path / "victoria") as victoria_metrics,
        StandinServer() as standin,
    ):
        finished = run_load_test(
            tmp_path,
            "--out", "json",
            "--out", f"influxdb={influxdb.url}/k6",
            "--out", f"influxdb={victoria_metrics.url}?org=o&bucket=b",
            profile=PROFILE,
            env={"CUSTOMERIO_BASE_URL": standin.url, "K6_INFLUXDB_TOKEN": "any"},
        )  # fmt: skip
        assert finished.exit_code == 0, finished.stderr
        yield Everywhere(finished, influxdb, victoria_metrics)


def test_json_lines_are_those_of_k6(everywhere: Everywhere) -> None:
    finished = everywhere.finished
    lines = [json.loads(line) for line in (finished.folder / "results.json").read_text().splitlines()]
    assert_is_k6_json(lines, finished.summary)
    (described,) = [line["data"] for line in lines if line["type"] == "Metric" and line["metric"] == "errors"]
    assert described == {
        "name": "errors",
        "type": "rate",
        "contains": "default",
        "thresholds": ["rate<0.01"],
        "submetrics": None,
    }
    request = points(lines, "http_req_duration")[0]
    assert set(request["tags"]) == {
        "expected_response", "group", "method", "name", "proto", "scenario", "status", "url",
    }  # fmt: skip
    assert request["tags"]["proto"] == "HTTP/1.1"
    assert set(points(lines, "track_duration")[0]["tags"]) == {"group", "scenario"}
    times = [line["time"] for line in points(lines, "http_reqs")]
    assert all(len(time) == len("2026-11-24T14:06:55.722581638Z") and time.endswith("Z") for time in times)


def test_a_profile_may_ask_for_outputs_and_anybody_may_write_one(tmp_path: Path) -> None:
    (tmp_path / "counting_output.py").write_text(
        "class Counting:\n"
        "    name, takes_whole_seconds, count = 'counting', False, 0\n"
        "    def samples(self, timestamp, second, cells):\n"
        "        self.count += sum(len(cell.values) for cell in cells)\n"
        "    def stop(self): return f'{self.count} samples seen'\n"
        "def make(folder, worker): return Counting()\n"
    )
    profile = 'outputs = ["json", "python=counting_output:make"]\n' + two_scenarios(
        [(10, "1s")], start_rate=10
    )
    with StandinServer() as standin:
        env = {"CUSTOMERIO_BASE_URL": standin.url, "PYTHONPATH": str(tmp_path)}
        finished = run_load_test(tmp_path, profile=profile, env=env)
    lines = [json.loads(line) for line in (finished.folder / "results.json").read_text().splitlines()]
    (note,) = finished.summary["run"]["notes"]
    assert note == f"{sum(1 for line in lines if line['type'] == 'Point')} samples seen"


def test_points_in_influxdb_add_up_to_the_ledger_with_k6s_tags_and_fields(everywhere: Everywhere) -> None:
    summary, influxdb = everywhere.finished.summary, everywhere.influxdb
    assert influxdb.total("iterations") == sum(ledger["completed"] for ledger in summary["ledger"].values())
    assert (
        influxdb.total("http_reqs", where="WHERE \"scenario\" = 'track_load'")
        == (summary["ledger"]["track_load"]["started"])
    )
    for name in ("identify_duration", "track_duration", "start_lag", "http_req_duration"):
        assert influxdb.total(name, "count") == summary["metrics"][name]["count"], name
        assert influxdb.total(name, "max") == pytest.approx(summary["metrics"][name]["max"]), name
    fields = {group["name"]: group["values"] for group in influxdb.query("SHOW FIELD KEYS")}
    tags = {group["name"]: {row[0] for row in group["values"]} for group in influxdb.query("SHOW TAG KEYS")}
    # As k6 1.1.0 writes them.
    assert fields["errors"] == [["value", "float"]]
    assert fields["http_req_duration"] == [["url", "string"], ["value", "float"]]
    assert tags["http_reqs"] == {"expected_response", "method", "name", "proto", "scenario", "status"}
    assert tags["checks"] == {"check", "scenario"}
    for name in ("errors", "identify_duration", "track_duration", "iterations", "iteration_duration"):
        assert tags[name] == {"scenario"}, name
    assert "vus" not in tags


def test_points_go_to_an_influxdb_2_bucket_too(everywhere: Everywhere) -> None:
    database = everywhere.victoria_metrics
    written = {name: database.values(name) for name in ("http_reqs", "track_duration", "iterations")}
    for name, values in written.items():
        # This store keeps one sample per series and millisecond, so a few may fall together.
        count = everywhere.finished.summary["metrics"][name]["count"]
        assert 0.95 * count <= len(values) <= count, name


def test_a_database_that_is_away_delays_no_arrival_and_loses_no_point(
    tmp_path: Path, influxdb: InfluxDb
) -> None:
    profile = two_scenarios([(40, "6s")], start_rate=40)
    with StandinServer() as standin:
        test = LoadTest(
            tmp_path, "--out", f"influxdb={influxdb.url}/k6", profile=profile,
            env={"CUSTOMERIO_BASE_URL": standin.url},
        )  # fmt: skip
        test.wait_until(lambda: standin.stats()["requests_total"] >= 80)
        influxdb.kill()
        test.wait_until(lambda: standin.stats()["requests_total"] >= 320)
        influxdb.start()
        finished = test.finish()
    ledgers = finished.summary["ledger"].values()
    assert sum(ledger["started"] + ledger["dropped"] for ledger in ledgers) == 480
    assert finished.summary["run"]["notes"] == []
    assert influxdb.total("http_reqs") == sum(ledger["started"] for ledger in ledgers)


def test_what_a_database_never_took_is_said(tmp_path: Path, influxdb: InfluxDb) -> None:
    """Of one that goes away and of one that never was there; both runs wait for theirs at the same time."""
    profile = two_scenarios([(20, "2s")], start_rate=20)
    (tmp_path / "optional").mkdir()
    with StandinServer() as standin, StandinServer() as other_standin:
        test = LoadTest(
            tmp_path, "--out", f"influxdb={influxdb.url}/k6",
            profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url},
        )  # fmt: skip
        optional = LoadTest(
            tmp_path / "optional", "--out", "influxdb=http://127.0.0.1:1", "--out-optional",
            profile=profile, env={"CUSTOMERIO_BASE_URL": other_standin.url},
        )  # fmt: skip
        test.wait_until(lambda: standin.stats()["requests_total"] >= 20)
        influxdb.kill()
        both = [test.finish(), optional.finish()]
    for finished in both:
        (note,) = finished.summary["run"]["notes"]
        assert "points dropped" in note
        assert note in finished.stdout
        assert finished.exit_code == 0


def test_a_wrong_address_or_user_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "influxdb").mkdir()
    with StandinServer() as standin, InfluxDb(tmp_path / "influxdb", auth=True) as influxdb:
        admin = "CREATE USER root WITH PASSWORD 'right' WITH ALL PRIVILEGES"
        requests.post(f"{influxdb.url}/query", params={"q": admin}, timeout=30).raise_for_status()
        env = {"CUSTOMERIO_BASE_URL": standin.url, "K6_INFLUXDB_USERNAME": "root"}
        problems = {}
        for name, url, password in (
            ("user", influxdb.url, "hush-hush"),
            ("address", "http://127.0.0.1:1", "right"),
            ("form", "influx:8086", "right"),
        ):
            (tmp_path / name).mkdir()
            problems[name] = run_load_test(
                tmp_path / name, "--out", f"influxdb={url}", profile=PROFILE,
                env={**env, "K6_INFLUXDB_PASSWORD": password},
            )  # fmt: skip
        assert standin.stats()["requests_total"] == 0
    assert {finished.exit_code for finished in problems.values()} == {2}
    assert "refuses us: expected valid credentials" in problems["user"].stderr
    assert "cannot be reached" in problems["address"].stderr
    assert "--out influxdb: expected http(s)://host:port/database" in problems["form"].stderr
    assert "hush" not in "".join(finished.stderr + finished.stdout for finished in problems.values())
