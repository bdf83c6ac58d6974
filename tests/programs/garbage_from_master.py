"""A locustfile beside ours: lets a master send its workers what no master sends."""

from __future__ import annotations

from typing import Any

import gevent
from locust import events
from locust.runners import MasterRunner

from tests.programs.malformed_messages import hand_made_bodies, random_bodies


def _on_init(environment: Any, **_: Any) -> None:
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        gevent.spawn(_send, runner)


events.init.add_listener(_on_init)


def _send(runner: MasterRunner) -> None:
    while not runner.user_count:
        gevent.sleep(0.05)
    for body in [*random_bodies(seed=2), *hand_made_bodies("master", "r1")]:
        for client_id in list(runner.clients):
            # A "quit" or a "stop" of a real master ends a worker, as it should.
            if not any(word in body for word in (b"quit", b"stop", b"reconnect")):
                runner.server.socket.send_multipart([client_id.encode(), body])
        gevent.sleep(0.01)
