"""A worker's reports, as a master on another machine gets them."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from locust.env import Environment
from locust.rpc import Message

from config.profile import ProfileText
from config.settings import load_settings
from engine.cluster.messages import Beat, Invitation, Report
from engine.cluster.remote_workers import RemoteWorkers
from engine.cluster.seal import Seal
from engine.ignored_messages import IgnoredMessages
from engine.locust_host import LocustHost
from engine.message_port import MessagePort
from engine.worker_run import WorkerRun
from run.arguments import Arguments
from run.preparation import Preparation, prepare
from run.run_clock import RunClock
from users.identify import IdentifyUser
from users.kinds import Kinds

PROFILE = """
[scenarios.identify_load]
executor = "ramping-arrival-rate"
user = "identify"
pre_allocated_vus = 1
stages = [{ target = 1, duration = "10s" }]

[scenarios.later]
executor = "ramping-arrival-rate"
user = "identify"
pre_allocated_vus = 1
start_time = "60s"
stages = [{ target = 1, duration = "10s" }]
"""


@pytest.fixture
def preparation(tmp_path: Path) -> Preparation:
    arguments = Arguments("p.toml", 1.0, tmp_path, allow_live=False, people_seed=0)
    kinds = Kinds([IdentifyUser], [IdentifyUser])
    return prepare(arguments, load_settings({}), None, kinds, ProfileText("p.toml", PROFILE))


def test_the_last_report_is_taken_by_a_master_that_was_switched_on_later(preparation: Preparation) -> None:
    """Monotonic clocks begin when a machine starts, so a worker's may be far ahead of its master's."""
    # A local runner hands every message that is sent to the listener for it.
    environment = Environment(user_classes=[IdentifyUser])
    runner: Any = environment.create_local_runner()
    host = LocustHost(environment, Namespace(json=False))
    reports: list[Report] = []

    def on_message(msg: Message, **_: Any) -> None:
        reports.append(Report.from_wire(msg.data))

    runner.register_message(Report.kind, on_message)
    invitation = Invitation(
        *("r1", 0, "p.toml", PROFILE, (), 1.0, 0, "fast", False, False, (), False),
        *("http://127.0.0.1:9", None, 0.0, None, None),
    )
    worker = WorkerRun(
        invitation, preparation, {}, MessagePort(runner, IgnoredMessages("a port"), Seal(None)), host
    )
    behind_seconds = time.monotonic() / 2
    worker.accept_beat(Beat("r1", sent=time.monotonic() - behind_seconds))
    worker.start(time.monotonic(), lambda scenario: None)
    worker.send_report({})
    worker.finish()
    worker.send_report({}, is_final=True)
    clock = RunClock()
    workers = RemoteWorkers(preparation, preparation.new_store(), clock)
    workers.join(0)
    clock.start(time.monotonic())
    workers.start(clock.second_zero)
    for report in reports:
        assert report.sent <= time.monotonic() - behind_seconds
        workers.accept_report(0, report)
    assert [report.is_final for report in reports] == [False, True]
    known = workers.worker(0)
    assert known is not None
    assert known.is_final
    assert known.offset.error_seconds >= behind_seconds / 2
