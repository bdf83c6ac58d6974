"""webhook: Customer.io's reporting webhooks, played against the user's own receiver."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import time
from collections.abc import Mapping
from typing import Any, ClassVar

import gevent

from config.customerio.hosts import Api
from config.customerio.limits import limit
from config.durations import parse_duration_seconds
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser
from users.call_order import CallOrder
from users.outcome import Failure
from users.scenario import Scenario
from users.transport import json_content

# What becomes of one message, in this order.
_METRICS = ("sent", "delivered", "opened")
_TIMEOUT_SECONDS = float(limit("webhook_timeout_seconds"))
_MOST_DOUBLINGS = 30
_LONGEST_PAUSE_SECONDS = 60.0


class WebhookUser(ArrivalUser):
    """Event n of a newsletter is due at arrival n: sent, delivered and opened for one message after another.

    It calls the receiver as Customer.io does: signed, and with 4 s for the answer. A call without a 2xx is
    repeated with growing pauses until it has one, and no other call begins before that. An event that
    waits keeps its VU busy, so ``max_vus`` is the longest backlog, and an event beyond it is dropped. An
    iteration has failed if the first call of its event has. ``RETRY_PAUSE`` in the scenario's ``env`` is the
    first pause.
    """

    abstract = False
    kind = "webhook"
    check = "webhook status is 2xx"
    api = Api.WEBHOOK
    may_trigger = "whatever the receiver does with an event"
    published_limit = None
    env: ClassVar[Mapping[str, str]] = {"RETRY_PAUSE": "1s"}
    most_request_seconds = _TIMEOUT_SECONDS
    order: ClassVar[CallOrder]

    @classmethod
    def check_env(cls, env: Mapping[str, str]) -> None:
        try:
            parse_duration_seconds(env["RETRY_PAUSE"])
        except ValueError as error:
            raise ValueError(f"RETRY_PAUSE: {error}") from error

    @classmethod
    def for_scenario(cls, scenario: Scenario) -> type[ArrivalUser]:
        user_class = super().for_scenario(scenario)
        user_class.order = CallOrder()  # type: ignore[attr-defined] # it is one of these
        return user_class

    @classmethod
    def people_in(cls, arrivals: int) -> int:
        # They are names in events: nothing goes to Customer.io.
        return 0

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people = self.scenario.people
        message, step = divmod(arrival.number - 1, len(_METRICS))
        number = message + 1
        person_id = people.id_of(number)
        address = people.attributes_of(number)["email"]
        event = {
            "event_id": f"{people.run_id}-{self.scenario.name}-{arrival.number}",
            "object_type": "email",
            "metric": _METRICS[step],
            "timestamp": int(time.time()),
            "data": {
                "newsletter_id": 1,
                "content_id": 1,
                "customer_id": person_id,
                "delivery_id": f"load-test-{people.run_id}-{self.scenario.name}-{number}",
                "identifiers": {"id": person_id, "email": address},
                "recipient": address,
                "subject": "Load test",
            },
        }
        return "POST", self.scenario.sign_in.path, event

    def headers(self, body: Mapping[str, Any]) -> Mapping[str, str]:
        timestamp = str(int(time.time()))
        signed = b"v0:" + timestamp.encode() + b":" + json_content(body)
        signature = hmac.new(self.scenario.sign_in.signing_key.encode(), signed, hashlib.sha256).hexdigest()
        return {"X-CIO-Timestamp": timestamp, "X-CIO-Signature": signature}

    def _send_call(self, arrival: Arrival) -> Failure | None:
        # Made once: a repeated call has the same body, and a timestamp and a signature of its own.
        call = self.call(arrival)
        self.order.wait_for_turn(arrival.number)
        failure = self._request(arrival, *call)
        self.log.check(is_passed=failure is None)
        if failure is not None:
            self.order.fail(arrival.number)
            self.scenario.failures.add(self.scenario.name, failure)
            self._repeat(arrival, call)
        return None

    def _repeat(self, arrival: Arrival, call: tuple[str, str, Mapping[str, Any]]) -> None:
        """Repeat the call of an event until it succeeds, or until the run ends."""
        first_pause_seconds = parse_duration_seconds(self.variables["RETRY_PAUSE"])
        try:
            for attempt in itertools.count():
                doubled = first_pause_seconds * 2 ** min(attempt, _MOST_DOUBLINGS)
                gevent.sleep(min(doubled, _LONGEST_PAUSE_SECONDS))
                self.order.wait_for_turn(arrival.number)
                failure = self._request(arrival, *call)
                if failure is None:
                    return
                self.scenario.failures.add(self.scenario.name, failure)
        finally:
            self.order.settle(arrival.number)
