"""batch: many operations in one request, ``POST /api/v2/batch``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from config.customerio.paths import BATCH_PATH
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser


class BatchUser(ArrivalUser):
    """Identifies ``size`` / 2 people at arrival n, and tracks an event of each: the next ones of the run.

    A batch with a refused operation is a failed request: the answer's body is read, not its status alone. For
    another size, write a class of your own with ``size`` and this one as its base.
    """

    abstract = False
    kind = "batch"
    size: ClassVar[int] = 50

    @classmethod
    def people_in(cls, arrivals: int) -> int:
        return arrivals * (cls.size // 2)

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people, now = self.scenario.people, int(self.scenario.event_time())
        per_batch = self.size // 2
        first = (arrival.number - 1) * per_batch + 1
        operations: list[dict[str, Any]] = []
        for number in range(first, first + per_batch):
            who = {"type": "person", "identifiers": {"id": people.id_of(number)}}
            event = {"name": "load_test_event", "timestamp": now, "attributes": {"source": "load_test"}}
            operations.append({**who, "action": "identify", "attributes": people.attributes_of(number)})
            operations.append({**who, "action": "event", **event})
        return "POST", BATCH_PATH, {"batch": operations}
