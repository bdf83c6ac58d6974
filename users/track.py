"""track: an event of a person, ``POST /api/v1/customers/{id}/events``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from config.customerio.paths import events_path
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser
from users.http.client import Site
from users.http.prepared import ID, NOW, NOW_MS, RequestTemplate, WriteRequest


class TrackUser(ArrivalUser):
    """Tracks an event of person n at arrival n: beside an identify scenario, the same people."""

    abstract = False
    kind = "track"
    may_trigger = "campaigns on the event"
    method = "POST"

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people = self.scenario.people
        body = _event(people.run_id, int(self.scenario.event_time()), int(time.time() * 1000))
        return self.method, events_path(people.id_of(arrival.number)), body

    prepared_call = call

    @classmethod
    def prepare(cls, site: Site) -> WriteRequest:
        people, age_seconds = cls.scenario.people, cls.scenario.event_age_seconds
        body = _event(people.run_id, NOW, NOW_MS)
        template = RequestTemplate(site, cls.method, events_path(ID), body)

        def write(number: int) -> bytes:
            now = time.time()
            happened = int(now - age_seconds)
            return template.fill({"id": people.id_of(number), "now": happened, "now_ms": int(now * 1000)})

        return write


def _event(run_id: str, now: int | str, now_ms: int | str) -> Mapping[str, Any]:
    """The event's body: happened at Unix seconds, sent at Unix milliseconds, or holes for both."""
    return {
        "name": "load_test_event",
        "data": {"source": "load_test", "timestamp": now_ms, "_load_test_run": run_id},
        "timestamp": now,
    }
