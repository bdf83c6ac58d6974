"""The VUs of one scenario, without a run around them."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from locust.env import Environment

from config.profile import ProfileText
from config.settings import load_settings
from engine.locust_host import LocustHost
from run.arguments import Arguments
from run.local_vus import LocalVus
from run.preparation import prepare
from run.run_clock import RunClock
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser
from users.http.factory import HttpClient
from users.kinds import Kinds

_PROFILE = """
[scenarios.load]
executor = "constant-arrival-rate"
user = "{kind}"
rate = 1
duration = "1s"
pre_allocated_vus = 3
env = {{ {env} }}
"""

User = TypeVar("User", bound=ArrivalUser)


def users_of(
    kind: type[User],
    tmp_path: Path,
    variables: Mapping[str, str],
    client: HttpClient = HttpClient.FAST,
    count: int = 1,
    **env: str,
) -> list[User]:
    """Return VUs of a scenario with these variables of the environment and of its own ``env``."""
    arguments = Arguments("load", 1.0, tmp_path, allow_live=False, people_seed=0, http_client=client)
    of_scenario = ", ".join(f'{name} = "{value}"' for name, value in env.items())
    profile = ProfileText("load", _PROFILE.format(kind=kind.kind, env=of_scenario))
    prepared = prepare(arguments, load_settings(variables), None, Kinds([kind], [kind]), profile)
    environment = Environment()
    environment.create_local_runner()
    host = LocustHost(environment, Namespace(json=False))
    vus = LocalVus("r1", prepared, prepared.new_store(), RunClock(), host)
    user_class = kind.for_scenario(vus.scenarios[0])
    assert issubclass(user_class, kind)
    return [user_class(environment) for _ in range(count)]


def arrival(number: int) -> Arrival:
    """Return an arrival that is due now."""
    return Arrival(number, time.monotonic())
