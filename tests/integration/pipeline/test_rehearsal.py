"""A rehearsal with a real broker: workers come, go and are killed, and every message is accounted for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.autoscaling.metrics import greatest, replicas_by_backlog
from tests.programs.pipeline_worker import worker_environment
from tests.servers.kafka_broker import KafkaBroker

ROOT = Path(__file__).resolve().parents[3]
LEAST, MOST, BACKLOG_PER_REPLICA = 2, 4, 50

# Two workers deliver 50 messages/s with these settings: each has a sixth of 80 requests/s, with two messages.
SLOW = {"BATCH_SIZE": "2", "BATCH_WAIT_MS": "100"}
STEP = """\
[scenarios.step]
executor = "ramping-arrival-rate"
user = "track"
start_rate = 20
pre_allocated_vus = 1
stages = [
    { target = 20, duration = "100s" },
    { target = 150, duration = "0s" },
    { target = 150, duration = "200s" },
    { target = 20, duration = "0s" },
    { target = 20, duration = "100s" },
]
"""


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the figures of a rehearsal at a fiftieth of the time, in which a worker is killed."""
    folder = tmp_path_factory.mktemp("rehearsal")
    (folder / "step.toml").write_text(STEP)
    with KafkaBroker() as broker:
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "pipeline.rehearse"),
                *(
                    "--profile",
                    str(folder / "step.toml"),
                    "--time-scale",
                    "0.02",
                    "--brokers",
                    broker.address,
                ),
                *("--least", str(LEAST), "--most", str(MOST), "--backlog", str(BACKLOG_PER_REPLICA)),
                *("--kill-after", "4s", "--no-idempotence", "--output", str(folder / "out")),
            ],
            cwd=ROOT,
            env=worker_environment(SLOW),
            capture_output=True,
            text=True,
            check=False,
        )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith("Passed: 680 sent, 680 delivered, 0 lost, ")
    page = (folder / "out/rehearsal.html").read_text()
    assert page.count("<svg") == 2 * page.count("<figure>") == 10
    figures: dict[str, Any] = json.loads((folder / "out/rehearsal.json").read_text())
    return figures


def test_nothing_is_lost_and_order_is_kept_through_a_kill_and_every_change(rehearsal: dict[str, Any]) -> None:
    assert rehearsal["killed_at_second"] >= 4
    account = rehearsal["account"]
    assert (account["sent"], account["delivered"]) == (680, 680)
    assert account["lost"] == account["out_of_order"] == account["refused_by_limit"] == 0


def test_the_workers_become_more_and_fewer_again(rehearsal: dict[str, Any]) -> None:
    looks = rehearsal["looks"]
    assert looks[0]["replicas"] == looks[-1]["next_replicas"] == LEAST
    assert max(look["next_replicas"] for look in looks) == MOST
    assert max(look["ready"] for look in looks) == MOST
    assert rehearsal["is_settled"]
    assert looks[-1]["backlog"] == 0


def test_each_change_is_what_the_formula_says(rehearsal: dict[str, Any]) -> None:
    looks = rehearsal["looks"]
    for look, following in zip(looks, [*looks[1:], None], strict=True):
        current, wanted = look["replicas"], [look["by_cpu"], look["by_backlog"]]
        assert look["by_backlog"] == replicas_by_backlog(current, look["backlog"], BACKLOG_PER_REPLICA)
        if look["next_replicas"] > current:
            asked = greatest(current, wanted)
            assert asked is not None
            assert look["next_replicas"] == min(asked, MOST)
        elif look["next_replicas"] < current:
            # Down by at most two at a time, and never below what was asked for in the window before.
            assert current - look["next_replicas"] <= 2
            window = [
                earlier["by_backlog"] or 0
                for earlier in looks
                if look["second"] - 6 < earlier["second"] <= look["second"]
            ]
            assert look["next_replicas"] >= min(current, max(LEAST, *window))
        assert following is None or following["replicas"] == look["next_replicas"]
