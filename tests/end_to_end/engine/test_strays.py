"""Whatever arrives at the port where master and workers meet, the run goes on and its ledger is exact."""

from __future__ import annotations

import json
import time
from pathlib import Path

import zmq

from tests.programs.load_test import ROOT, LoadTest, two_scenarios
from tests.programs.malformed_messages import hand_made_bodies, random_bodies
from tests.servers.free_port import free_port
from tests.servers.standin_server import StandinServer

PROFILE = two_scenarios([(40, "8s")], start_rate=40, more='pause = "20ms"\ngraceful_stop = "5s"')


def send_garbage(port: int, run_id: str, worker_id: str) -> None:
    """Send everything from a peer of its own, which claims to be itself, and to be a worker."""
    peer: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    peer.setsockopt(zmq.IDENTITY, b"stranger_1")
    peer.setsockopt(zmq.LINGER, 5000)
    peer.connect(f"tcp://127.0.0.1:{port}")
    bodies = [
        *random_bodies(seed=1),
        *hand_made_bodies("stranger_1", run_id),
        *hand_made_bodies(worker_id, run_id),
    ]
    for body in bodies:
        peer.send(body)
        time.sleep(0.002)
    for parts in ([b""], [b"", b"x"], [b"a", b"b", b"c"]):
        peer.send_multipart(parts)
    peer.close()


def test_malformed_messages_change_nothing(tmp_path: Path) -> None:
    port = free_port()
    with StandinServer() as standin:
        env = {"CUSTOMERIO_BASE_URL": standin.url}
        test = LoadTest(
            tmp_path,
            *("--processes", "2", "--master-bind-port", str(port), "--master-port", str(port)),
            profile=PROFILE,
            env=env,
            locustfile=f"locustfile.py,{ROOT}/tests/programs/garbage_from_master.py",
        )
        test.wait_until(lambda: standin.stats()["requests_total"] >= 40)
        (folder,) = [path for path in test.results_dir.iterdir() if path.is_dir()]
        send_garbage(port, folder.name, "worker_1")
        finished = test.finish()
        seen = standin.stats()["requests"]
    assert finished.exit_code == 0, finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stderr.count("ignored a message that does not fit") == 3, "one line for each process"
    summary = json.loads((folder / "summary.json").read_text())
    for scenario, kind in (("identify_load", "identify"), ("track_load", "track")):
        ledger = summary["ledger"][scenario]
        assert ledger["scheduled"] == ledger["due"] == 320
        assert ledger["lost"] == 0
        assert ledger["started"] + ledger["dropped"] == 320
        assert ledger["started"] == ledger["completed"] == seen[kind]
    assert [worker["reports_missing"] for worker in summary["workers"]] == [0, 0]
    assert [worker["state"] for worker in summary["workers"]] == ["ended in order"] * 2
