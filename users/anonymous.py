"""anonymous: events of a visitor, ``POST /api/v1/events``, who is identified by the last request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.customerio.paths import ANONYMOUS_EVENTS_PATH, customer_path
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser

# Three events, then identify.
_REQUESTS_PER_VISITOR = 4


class AnonymousUser(ArrivalUser):
    """Of four arrivals three are events with an anonymous id, and the fourth identifies who had it.

    The four can be in flight at once. Customer.io gives the events to the person in either order.
    """

    abstract = False
    kind = "anonymous"

    @classmethod
    def people_in(cls, arrivals: int) -> int:
        return -(-arrivals // _REQUESTS_PER_VISITOR)

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people = self.scenario.people
        number, step = divmod(arrival.number - 1, _REQUESTS_PER_VISITOR)
        person_id = people.id_of(number + 1)
        anonymous_id = f"visitor-{person_id}"
        if step == _REQUESTS_PER_VISITOR - 1:
            attributes = {**people.attributes_of(number + 1), "anonymous_id": anonymous_id}
            return "PUT", customer_path(person_id), attributes
        event = {
            "name": "load_test_visit",
            "anonymous_id": anonymous_id,
            "timestamp": int(self.scenario.event_time()),
            "data": {"source": "load_test", "_load_test_run": people.run_id, "step": step},
        }
        return "POST", ANONYMOUS_EVENTS_PATH, event
