"""queued: identify and track messages into the queue of the delivery pipeline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from config.queue_message import encode_message, identify_message, track_message
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser
from users.message_queue import ARRIVAL_ATTRIBUTE, ID_ATTRIBUTE, NotQueuedError, QueuedMessage
from users.outcome import Failure


class QueuedUser(ArrivalUser):
    """Queues an identify of person n at arrival 2n - 1, and an event of that person at arrival 2n."""

    abstract = False
    kind = "queued"
    method = "PRODUCE"
    check = "queued message is acknowledged"
    uses_queue = True
    # The workers behind the queue send them in batches, and wait for the limit.
    published_limit = None

    @classmethod
    def people_in(cls, arrivals: int) -> int:
        """Return how many people so many arrivals are about."""
        return (arrivals + 1) // 2

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        """Return the method, the name and the message of an arrival."""
        people = self.scenario.people
        number = (arrival.number + 1) // 2
        person = people.id_of(number)
        marks = {ID_ATTRIBUTE: self._message_id(arrival), ARRIVAL_ATTRIBUTE: round(arrival.instant, 6)}
        if arrival.number % 2:
            attributes = {**people.attributes_of(number), "created_at": int(time.time()), **marks}
            return self.method, self.kind, identify_message(person, attributes)
        data = {"source": "load_test", "_load_test_run": people.run_id, **marks}
        happened = int(self.scenario.event_time())
        return self.method, self.kind, track_message(person, "load_test_event", data, happened)

    def _message_id(self, arrival: Arrival) -> str:
        return f"{self.scenario.people.run_id}/{self.scenario.name}/{arrival.number}"

    def _send_call(self, arrival: Arrival) -> Failure | None:
        _, _, content = self.call(arrival)
        message = QueuedMessage(
            self._message_id(arrival), self.scenario.name, arrival.instant, encode_message(content)
        )
        failure = None
        started = time.monotonic()
        try:
            self.scenario.open_queue.put(message, self.scenario.options.timeout)
        except NotQueuedError as error:
            failure = error.failure
        self.log.answer(
            status=0,
            version="",
            error=failure.kind.value if failure else "",
            duration_ms=(time.monotonic() - started) * 1000,
            late_ms=(started - arrival.instant) * 1000,
            length=len(message.value),
        )
        return failure
