"""track: an event of a person, ``POST /api/v1/customers/{id}/events``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from config.customerio.paths import events_path
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser


class TrackUser(ArrivalUser):
    """Tracks an event of person n at arrival n: beside an identify scenario, the same people."""

    abstract = False
    kind = "track"

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        now = time.time()
        body = {
            "name": "load_test_event",
            "data": {
                "source": "load_test",
                "timestamp": int(now * 1000),
                "_load_test_run": self.scenario.people.run_id,
            },
            "timestamp": int(now),
        }
        return "POST", events_path(self.scenario.people.id_of(arrival.number)), body
