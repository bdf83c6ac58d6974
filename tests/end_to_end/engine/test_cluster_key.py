"""A cluster with a key: its own members run as without one; strangers can connect, and nothing else."""

from __future__ import annotations

import gzip
import json
import signal
import time
from pathlib import Path

import msgpack  # type: ignore[import-untyped] # no types are published
import zmq

from tests.programs.cluster import Cluster
from tests.programs.load_test import two_scenarios
from tests.programs.malformed_messages import hand_made_bodies
from tests.servers.standin_server import StandinServer

KEY = "a shared secret of some length"
MORE = 'pause = "20ms"\ngraceful_stop = "5s"'
PROFILE = two_scenarios([(40, "8s")], start_rate=40, more=MORE)
# The test ends it when it has seen what it waits for, however long that takes.
ENDLESS_PROFILE = two_scenarios([(40, "1h")], start_rate=40, more=MORE)
STRANGER = "stranger_1"


def act_as_worker(port: int, run_id: str) -> None:
    """Connect as Locust's workers do, and say what could end or spoil a run."""
    heartbeat = {"state": "running", "current_cpu_usage": 99.0, "current_memory_usage": 1}
    statistics = {"user_classes_count": {"identify_load": 1000}, "user_count": 1000}
    hello = {"wire": 1, "code": "x", "host": "h", "python": "3", "profile": None}
    forged = {"session": "0" * 32, "number": 1, "body": msgpack.packb(hello), "mac": b"\0" * 32}
    messages: list[tuple[str, object]] = [
        ("client_ready", -1),
        ("load_test_hello", hello),
        ("load_test_hello", forged),
        ("heartbeat", heartbeat),
        ("spawning", None),
        ("spawning_complete", statistics),
        ("exception", {"msg": "made up", "traceback": "made up"}),
        ("logs", {"worker_id": STRANGER, "logs": ["made up"]}),
        ("client_stopped", None),
        ("quit", None),
        ("client_ready", -1),
    ]
    peer: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    peer.setsockopt(zmq.IDENTITY, STRANGER.encode())
    peer.setsockopt(zmq.LINGER, 5000)
    peer.connect(f"tcp://127.0.0.1:{port}")
    for kind, data in messages:
        peer.send(msgpack.packb([kind, data, STRANGER]))
        time.sleep(0.01)
    for body in hand_made_bodies(STRANGER, run_id):
        peer.send(body)
    peer.close()


def test_strangers_change_nothing_of_a_cluster_with_a_key(tmp_path: Path) -> None:
    with StandinServer() as standin:
        cluster = Cluster(tmp_path, standin, workers=2, started=0, profile=PROFILE, key=KEY)
        cluster.add_worker("without", LOAD_TEST_CLUSTER_KEY="")
        cluster.add_worker("another", LOAD_TEST_CLUSTER_KEY="another secret of some length")
        told = [tmp_path / f"worker-{name}" / "stderr.txt" for name in ("without", "another")]
        # Before the run starts, so that its length does not matter; they go on trying while it runs.
        cluster.master.wait_until(
            lambda: all("No welcome from the master" in path.read_text() for path in told)
        )
        cluster.workers = [cluster.add_worker(name) for name in ("0", "1")]
        cluster.wait_for_requests(40)
        (folder,) = (tmp_path / "results").iterdir()
        act_as_worker(cluster.port, folder.name)
        finished = cluster.finish()
        seen = standin.stats()["requests"]
    assert sorted(path.name for path in (folder / "workers").iterdir()) == ["worker-0", "worker-1"]
    assert finished.exit_code == 0, finished.stderr
    assert "Traceback" not in finished.stderr
    assert "made up" not in finished.stderr
    assert "is open to the network" not in finished.stderr
    assert "ignored a message that does not fit" in finished.stderr
    summary = json.loads((folder / "summary.json").read_text())
    assert [worker["state"] for worker in summary["workers"]] == ["ended in order"] * 2
    (own,) = finished.folder.glob("workers/worker-1/summary.json")
    assert all(ledger["started"] for ledger in json.loads(own.read_text())["ledger"].values())
    assert [worker["reports_missing"] for worker in summary["workers"]] == [0, 0]
    for scenario, kind in (("identify_load", "identify"), ("track_load", "track")):
        ledger = summary["ledger"][scenario]
        assert (ledger["scheduled"], ledger["due"], ledger["lost"]) == (320, 320, 0)
        assert ledger["started"] + ledger["dropped"] == 320
        assert ledger["started"] == ledger["completed"] == seen[kind]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert KEY.encode() not in (gzip.decompress(content) if path.suffix == ".gz" else content)


def test_a_worker_with_the_key_joins_a_run_that_is_going(tmp_path: Path) -> None:
    with StandinServer() as standin:
        cluster = Cluster(tmp_path, standin, workers=1, profile=ENDLESS_PROFILE, key=KEY)
        cluster.wait_for_requests(20)
        cluster.workers.append(cluster.add_worker("late"))
        said = tmp_path / "master" / "stderr.txt"
        cluster.master.wait_until(lambda: "is shared by worker-0, worker-1" in said.read_text())
        # The time that was announced begins within two seconds, of 80 requests each.
        cluster.wait_for_requests(standin.stats()["requests_total"] + 200)
        cluster.master.signal(signal.SIGINT)
        finished = cluster.finish()
        total = standin.stats()["requests_total"]
    assert finished.exit_code == 105, finished.stderr
    summary = finished.summary
    assert sum(ledger["started"] for ledger in summary["ledger"].values()) == total
    assert all(ledger["lost"] == 0 for ledger in summary["ledger"].values())
    assert [worker["state"] for worker in summary["workers"]] == ["ended in order"] * 2
    (own,) = finished.folder.glob("workers/worker-1/summary.json")
    assert all(ledger["started"] for ledger in json.loads(own.read_text())["ledger"].values())
