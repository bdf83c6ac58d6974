"""The main job: what a run says it sent is what arrived, when it should have, and how long it took."""

from __future__ import annotations

import csv
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from shapes.schedule import Schedule
from tests.programs.load_test import ROOT, THRESHOLDS, Finished, run_load_test, schedule_of, two_scenarios
from tests.servers.standin_server import StandinServer

pytestmark = pytest.mark.alone

# The default profile's ramp in 6 s: 10 -> 50 -> 100 -> 100 -> 0.
STAGES = [(50, "1s"), (100, "1s"), (100, "3s"), (0, "1s")]
PROFILE = two_scenarios(STAGES) + THRESHOLDS


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Finished, StandinServer]]:
    """One run of the ramp against a stand-in, with Locust's own CSV and every raw sample beside it."""
    tmp_path = tmp_path_factory.mktemp("run")
    with StandinServer("--record-arrivals") as standin:
        env = {"CUSTOMERIO_BASE_URL": standin.url, "RAW_SAMPLES_FILE": str(tmp_path / "raw.json")}
        finished = run_load_test(
            tmp_path,
            "--csv",
            str(tmp_path / "locust"),
            profile=PROFILE,
            env=env,
            locustfile=f"locustfile.py,{ROOT}/tests/programs/raw_samples.py",
            anew=True,
        )
        yield finished, standin


@pytest.fixture
def finished(run: tuple[Finished, StandinServer]) -> Finished:
    return run[0]


@pytest.fixture
def standin(run: tuple[Finished, StandinServer]) -> StandinServer:
    return run[1]


@pytest.fixture
def schedule(finished: Finished) -> Schedule:
    return schedule_of(finished.results_dir.parent / "profile.toml")


def test_everything_scheduled_was_started_and_arrived(
    finished: Finished, standin: StandinServer, schedule: Schedule
) -> None:
    assert finished.exit_code == 0, finished.stderr
    for name, ledger in finished.summary["ledger"].items():
        assert ledger["scheduled"] == ledger["due"] == schedule.total, name
        assert ledger["started"] == ledger["completed"] == schedule.total - ledger["dropped"], name
    started = {name: ledger["started"] for name, ledger in finished.summary["ledger"].items()}
    stats = standin.stats()
    assert stats["requests"] == {"identify": started["identify_load"], "track": started["track_load"]}
    assert stats["statuses"] == {"200": sum(started.values())}


def test_arrivals_follow_the_schedule(finished: Finished, standin: StandinServer, schedule: Schedule) -> None:
    """Each arrival reaches the server at its instant, give or take how long a busy machine delays it."""
    for operation in ("identify", "track"):
        arrivals = sorted(standin.arrivals(operation))
        instants = [schedule.arrival_time(n) for n in range(1, schedule.total + 1)]
        assert len(arrivals) == len(instants)
        # Both against their median, for the two clocks have no common zero.
        shifts = sorted(arrival - instant for arrival, instant in zip(arrivals, instants, strict=True))
        median = shifts[len(shifts) // 2]
        near = sum(1 for shift in shifts if abs(shift - median) < 0.010)
        assert near / len(shifts) > 0.9


def test_people_have_unique_ids_the_marks_of_a_load_test_and_reserved_addresses(
    finished: Finished, standin: StandinServer, schedule: Schedule
) -> None:
    run_id = finished.summary["run"]["run_id"]
    assert standin.stats()["people"] == schedule.total
    person = standin.person(f"load-test-{run_id}-1")
    assert person is not None
    assert person["attributes"]["_load_test"] is True
    assert person["email"] == f"load-test-{run_id}-1@example.com"
    assert person["attributes"]["created_at"] > 1_700_000_000
    assert person["events"] == {"load_test_event": 1}


def test_the_csv_adds_up_to_the_summary_in_every_metric(finished: Finished) -> None:
    metrics = finished.summary["metrics"]
    counts: Counter[str] = Counter()
    totals: defaultdict[str, float] = defaultdict(float)
    for row in finished.rows:
        counts[row["metric"]] += int(row["count"])
        if row["type"] == "counter":
            totals[row["metric"]] += float(row["value"])
    for name in ("http_reqs", "iterations", "dropped_iterations"):
        assert totals[name] == metrics[name]["count"], name
    for name in (
        "identify_duration",
        "track_duration",
        "iteration_duration",
        "start_lag",
        "http_req_duration",
    ):
        assert counts[name] == metrics[name]["count"], name
    for name in ("errors", "checks", "http_req_failed"):
        assert counts[name] == metrics[name]["passes"] + metrics[name]["fails"], name


def test_the_csv_shows_the_ramp_second_by_second(finished: Finished, schedule: Schedule) -> None:
    by_second: Counter[int] = Counter()
    for row in finished.rows:
        if row["metric"] == "start_lag" and row["scenario"] == "identify_load":
            by_second[int(row["second"])] += int(row["count"])
    for second in range(6):
        expected = schedule.due_by(second + 1) - schedule.due_by(second)
        assert abs(by_second[second] - expected) <= max(3, expected * 0.1), second


def test_percentiles_are_those_of_the_raw_samples(finished: Finished) -> None:
    (raw_file,) = finished.results_dir.parent.glob("raw.json.*")
    raw = json.loads(raw_file.read_text())
    for name in ("identify", "track"):
        ordered = sorted(raw[name])
        trend = finished.summary["metrics"][f"{name}_duration"]
        assert trend["count"] == len(ordered)
        assert (trend["min"], trend["max"]) == (ordered[0], ordered[-1])
        assert trend["avg"] == pytest.approx(sum(ordered) / len(ordered))
        for stat, percent in (("med", 50), ("p(90)", 90), ("p(95)", 95), ("p(99)", 99)):
            exact = ordered[math.ceil(len(ordered) * percent / 100) - 1]
            assert trend[stat] == pytest.approx(exact, rel=2e-3, abs=2e-3), stat


def test_latency_from_arrival_contains_the_start_lag(finished: Finished) -> None:
    metrics = finished.summary["metrics"]
    for name in ("identify", "track"):
        assert metrics[f"{name}_duration_from_arrival"]["avg"] > metrics[f"{name}_duration"]["avg"]
        assert metrics[f"{name}_duration_from_arrival"]["count"] == metrics[f"{name}_duration"]["count"]


def test_iterations_include_the_pause(finished: Finished) -> None:
    assert finished.summary["metrics"]["iteration_duration"]["min"] >= 100


def test_locusts_own_statistics_agree(finished: Finished) -> None:
    with (finished.results_dir.parent / "locust_stats.csv").open(newline="") as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    for name in ("identify", "track"):
        trend = finished.summary["metrics"][f"{name}_duration"]
        assert int(rows[name]["Request Count"]) == trend["count"]
        assert int(rows[name]["Failure Count"]) == 0
        assert float(rows[name]["Average Response Time"]) == pytest.approx(trend["avg"])


def test_the_summary_has_k6s_form(finished: Finished) -> None:
    summary = finished.summary
    checks = summary["root_group"]["checks"]
    assert set(checks) == {"identify status is 200", "track status is 200"}
    # k6's id of a check is the MD5 of its path; this one stands in a summary that k6 wrote.
    assert checks["track status is 200"]["id"] == "00e3a6546e3f53bf213b7824f3dd078d"
    assert checks["track status is 200"]["fails"] == 0
    assert summary["metrics"]["errors"]["thresholds"] == {"rate<0.01": False}
    assert summary["metrics"]["track_duration"]["thresholds"] == {"p(95)<500": False}
    assert set(summary["metrics"]["http_req_duration"]) == {
        "count", "avg", "min", "med", "max", "p(90)", "p(95)", "p(99)",
    }  # fmt: skip
    assert set(summary["metrics"]["http_reqs"]) == {"count", "rate"}
    assert set(summary["metrics"]["checks"]) == {"passes", "fails", "value"}
    assert set(summary["metrics"]["vus_max"]) == {"value", "min", "max"}


def test_the_other_form_of_k6s_summary_says_the_same(finished: Finished) -> None:
    other = json.loads((finished.folder / "k6-summary.json").read_text())
    metrics = finished.summary["metrics"]
    assert other["metrics"]["track_duration"] == {
        "type": "trend",
        "contains": "default",
        "values": {key: value for key, value in metrics["track_duration"].items() if key != "thresholds"},
        "thresholds": {"p(95)<500": {"ok": True}},
    }
    assert other["metrics"]["errors"]["values"]["rate"] == metrics["errors"]["value"] == 0
    assert [check["name"] for check in other["root_group"]["checks"]] == list(
        finished.summary["root_group"]["checks"]
    )
    assert other["state"]["testRunDurationMs"] == finished.summary["run"]["seconds"] * 1000


def test_the_terminal_says_what_passed_what_was_sent_and_the_verdict(
    finished: Finished, schedule: Schedule
) -> None:
    assert "✓ 'rate<0.01' rate=0" in finished.stdout
    assert f"track status is 200: {schedule.total} of {schedule.total}" in finished.stdout
    # A long one takes two lines.
    assert finished.summary["verdict"]["line"] in " ".join(finished.stdout.split())
    assert str(finished.folder) in finished.stdout
    assert "Traceback" not in finished.stdout + finished.stderr


def test_the_folder_says_what_the_run_ran_with(finished: Finished) -> None:
    record = json.loads((finished.folder / "settings.json").read_text())
    assert record["run_id"] == finished.folder.name
    assert record["profile"]["scenarios"]["identify_load"]["start_rate"] == 10
    assert record["plan"].startswith("2 scenarios, 6s, ")
