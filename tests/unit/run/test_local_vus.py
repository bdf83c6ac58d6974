"""The VUs of a process as a run's source of arrivals: how long the run is by their account."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

from locust.env import Environment

from config.profile import ProfileText
from config.settings import load_settings
from engine.locust_host import LocustHost
from run.arguments import Arguments
from run.local_vus import LocalVus
from run.preparation import prepare
from run.run_clock import RunClock
from users.identify import IdentifyUser
from users.kinds import Kinds

PROFILE = """
[scenarios.later]
executor = "ramping-arrival-rate"
user = "identify"
pre_allocated_vus = 1
start_time = "60s"
stages = [{ target = 1, duration = "10s" }]
"""


def test_a_run_that_has_not_reached_a_scenarios_start_time_is_no_longer_than_it_is(tmp_path: Path) -> None:
    arguments = Arguments("later.toml", 1.0, tmp_path, allow_live=False, people_seed=0)
    kinds = Kinds([IdentifyUser], [IdentifyUser])
    preparation = prepare(arguments, load_settings({}), None, kinds, ProfileText("later.toml", PROFILE))
    clock = RunClock()
    environment = Environment()
    environment.create_local_runner()
    host = LocustHost(environment, Namespace(json=False))
    vus = LocalVus("r1", preparation, preparation.new_store(), clock, host)
    now = time.monotonic()
    for second_zero, least in ((now + 0.1, 0.0), (now - 20, 20.0), (now - 65, 65.0)):
        clock.start(second_zero)
        vus.start(second_zero)
        assert least <= vus.length_seconds < least + 5
    vus.stop()
    assert 65 <= vus.length_seconds < 70
