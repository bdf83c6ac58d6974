"""Many workers: together they send exactly what one would, and whoever dies is a line in the ledger."""

from __future__ import annotations

import gzip
import json
import math
import shutil
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.command_line import ABORTED
from tests.programs.cluster import Cluster
from tests.programs.k6_json import assert_is_k6_json, points
from tests.programs.load_test import (
    ROOT,
    THRESHOLDS,
    Finished,
    processes,
    run_load_test,
    schedule_of,
    two_scenarios,
)
from tests.proofs.cluster_faults import FAULTS, run_with_fault
from tests.servers.standin_server import StandinServer

STAGES = [(50, "1s"), (100, "1s"), (100, "4s"), (0, "1s")]
PROFILE = two_scenarios(STAGES) + THRESHOLDS

Fault = tuple[str, float]
FIVE: list[Fault] = [
    ("kill", -1.0),
    ("leave", 5.5),
    ("kill", 4.0),
    ("stop for 2 s", 2.5),
    ("late join", 1.0),
]


@dataclass(frozen=True)
class FourProcesses:
    """A run of four workers, and what arrived from it."""

    finished: Finished
    tmp_path: Path
    arrivals: dict[str, list[float]]
    people: int


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> FourProcesses:
    tmp_path = tmp_path_factory.mktemp("four")
    with StandinServer("--record-arrivals") as standin:
        finished = run_load_test(
            tmp_path,
            *processes(4),
            profile=PROFILE,
            env={
                "CUSTOMERIO_BASE_URL": standin.url,
                "RAW_SAMPLES_FILE": str(tmp_path / "raw.json"),
                "LOAD_TEST_OUT": f"json={tmp_path}/all.json.gz",
            },
            locustfile=f"locustfile.py,{ROOT}/tests/programs/raw_samples.py",
            anew=True,
        )
        arrivals = {name: standin.arrivals(name) for name in ("identify", "track")}
        return FourProcesses(finished, tmp_path, arrivals, standin.stats()["people_created"])


@pytest.mark.alone
def test_four_processes_send_what_one_would(four: FourProcesses) -> None:
    """The same arrivals at the same instants; percentiles are those of all workers' values together."""
    finished, arrivals = four.finished, four.arrivals
    assert finished.exit_code == 0, finished.stderr
    schedule = schedule_of(four.tmp_path / "profile.toml")
    raw: dict[str, list[float]] = {"identify": [], "track": []}
    for path in four.tmp_path.glob("raw.json.*"):
        for name, values in json.loads(path.read_text()).items():
            raw[name] += values
    for name in ("identify", "track"):
        ledger = finished.summary["ledger"][f"{name}_load"]
        assert ledger["scheduled"] == ledger["due"] == schedule.total
        assert ledger["started"] == len(arrivals[name]) == schedule.total - ledger["dropped"] - ledger["lost"]
        assert ledger["dropped"] + ledger["lost"] <= schedule.total * 0.02, (
            "a busy machine drops a few at most"
        )
        trend = finished.summary["metrics"][f"{name}_duration"]
        ordered = sorted(raw[name])
        assert trend["count"] == len(ordered) == len(arrivals[name])
        assert trend["avg"] == pytest.approx(sum(ordered) / len(ordered))
        for stat, percent in (("med", 50), ("p(95)", 95), ("p(99)", 99)):
            exact = ordered[math.ceil(len(ordered) * percent / 100) - 1]
            assert trend[stat] == pytest.approx(exact, rel=2e-3, abs=2e-3), stat
    # An event creates the person whose identify call was dropped.
    dropped = schedule.total - len(arrivals["identify"])
    assert 0 <= four.people - len(arrivals["identify"]) <= dropped, "nothing was sent twice"
    workers = finished.summary["workers"]
    assert [worker["name"] for worker in workers] == ["worker-0", "worker-1", "worker-2", "worker-3"]
    assert {worker["state"] for worker in workers} == {"ended in order"}
    assert [worker["reports_missing"] for worker in workers] == [0, 0, 0, 0]
    for worker in workers:
        assert worker["started"] == pytest.approx(2 * schedule.total / 4, rel=0.03)
    csv_count = sum(int(row["count"]) for row in finished.rows if row["metric"] == "track_duration")
    assert csv_count == len(raw["track"])
    assert 0 < finished.summary["generator"]["start_skew_ms"] < 100
    assert len(list(finished.folder.glob("workers/*/summary.json"))) == 4


@pytest.mark.alone
def test_json_lines_of_workers_are_joined_and_may_be_compressed(four: FourProcesses) -> None:
    text = gzip.decompress((four.tmp_path / "all.json.gz").read_bytes()).decode()
    lines = [json.loads(line) for line in text.splitlines()]
    assert_is_k6_json(lines, four.finished.summary)
    workers = Counter(line["tags"]["worker"] for line in points(lines, "http_reqs"))
    assert set(workers) == {f"worker-{index}" for index in range(4)}
    assert four.finished.summary["run"]["notes"] == []


@pytest.mark.parametrize("fault", FIVE, ids=str)
def test_whatever_happens_to_a_worker_the_ledger_is_exact(tmp_path: Path, fault: Fault) -> None:
    """Five of the fifty that benchmarks/cluster_matrix.py runs."""
    kind, moment = fault
    outcome = run_with_fault(tmp_path, kind, moment)
    assert kind in FAULTS
    assert outcome.problems() == []
    if fault == ("kill", 4.0):
        # At most 2.75 s of a third of 80/s, plus what a busy machine adds.
        assert 0 < outcome.lost < 120
        (lost,) = {loss["worker"] for loss in outcome.summary["lost"]}
        (name,) = [worker["name"] for worker in outcome.summary["workers"] if worker["lost"]]
        assert name == f"worker-{lost}"
        assert name in outcome.summary["verdict"]["line"]
    if kind in ("leave", "late join"):
        assert outcome.lost == 0
    if kind == "late join":
        assert len([worker for worker in outcome.summary["workers"] if worker["started"]]) == 4


def test_ctrl_c_while_waiting_for_workers_ends_everybody(tmp_path: Path) -> None:
    with StandinServer() as standin:
        cluster = Cluster(tmp_path, standin, "--loglevel", "INFO", workers=2, profile=PROFILE)
        victim = cluster.workers.pop()
        victim.signal(signal.SIGKILL)
        victim.finish()
        # Locust's own line, every second after five, says that one of two is there.
        said = tmp_path / "master" / "stderr.txt"
        cluster.master.wait_until(lambda: "1 of 2 connected" in said.read_text())
        cluster.master.signal(signal.SIGINT)
        finished = cluster.finish()
        assert standin.stats()["requests_total"] == 0
    assert finished.exit_code == 105
    assert "Stopped before the start" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_workers_end_by_themselves_when_the_master_is_killed(tmp_path: Path) -> None:
    with StandinServer() as standin:
        cluster = Cluster(tmp_path, standin, workers=2, profile=two_scenarios([(20, "300s")], start_rate=20))
        cluster.wait_for_requests(40)
        cluster.master.signal(signal.SIGKILL)
        cluster.master.finish()
        orphans = [worker.finish() for worker in cluster.workers]
        seen = standin.stats()["requests_total"]
    for worker in orphans:
        assert worker.exit_code == 1
        assert "no word from the master for 10 s; stopping, own results in" in worker.stderr
    started = 0
    for path in tmp_path.glob("results/*/workers/*/summary.json"):
        summary = json.loads(path.read_text())
        assert summary["run"]["ended_by"] == "broken off: no word from the master for 10 s"
        started += sum(ledger["started"] for ledger in summary["ledger"].values())
    assert started == seen
    # Granted 1.5 s ahead at most, so they sent no longer than that.
    assert seen < 40 + 40 * 5


def test_a_worker_with_other_code_or_another_profile_is_refused_with_one_line(tmp_path: Path) -> None:
    other = tmp_path / "other"
    for room in ("config", "shapes", "metrics", "users", "report", "run", "engine", "standin", "receiver"):
        shutil.copytree(ROOT / room, other / room)
    shutil.copy(ROOT / "locustfile.py", other)
    (other / "users" / "track.py").write_text((ROOT / "users" / "track.py").read_text() + "# changed\n")
    with StandinServer() as standin:
        profile = two_scenarios([(10, "20s")], start_rate=10)
        cluster = Cluster(tmp_path, standin, workers=2, started=0, profile=profile)
        both = [
            cluster.add_worker("changed", root=other),
            cluster.add_worker("misled", LOAD_TEST_PROFILE="smoke"),
        ]
        changed, misled = (worker.finish() for worker in both)
        # Only now do workers come that fit.
        cluster.workers = [cluster.add_worker("0"), cluster.add_worker("1")]
        cluster.wait_for_requests(20)
        cluster.master.signal(signal.SIGINT)
        finished = cluster.finish()
    assert changed.exit_code == misled.exit_code == 2
    assert "refused by the master: its code is version" in changed.stderr
    assert "refused by the master: its --profile is not this master's" in misled.stderr
    assert finished.exit_code == ABORTED
    assert len([worker for worker in finished.summary["workers"] if worker["started"]]) == 2


@pytest.mark.alone
def test_fewer_vus_than_workers_still_leaves_each_worker_one(tmp_path: Path) -> None:
    profile = two_scenarios([(10, "2s")], start_rate=10, vus=1)
    with StandinServer() as standin:
        env = {"CUSTOMERIO_BASE_URL": standin.url}
        finished = run_load_test(tmp_path, *processes(3), profile=profile, env=env)
    for ledger in finished.summary["ledger"].values():
        assert ledger["started"] + ledger["dropped"] == 20
        assert ledger["started"] >= 14
