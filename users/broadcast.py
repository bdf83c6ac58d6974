"""broadcast: triggers a broadcast for a few people, App API ``POST /v1/campaigns/{id}/triggers``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from config.customerio.hosts import Api
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser

_RECIPIENTS = 10


class BroadcastUser(ArrivalUser):
    """Triggers a broadcast for the run's next ten people at arrival n.

    Each trigger names its recipients: without them a broadcast goes to everybody whom its settings name.
    People who do not exist are passed over. ``BROADCAST_ID`` in the scenario's ``env`` sets the broadcast.
    """

    abstract = False
    kind = "broadcast"
    api = Api.APP
    may_trigger = "a broadcast to those of its people who exist"
    published_limit = "app_broadcast_gap_seconds"
    env: ClassVar[Mapping[str, str]] = {"BROADCAST_ID": "1"}

    @classmethod
    def check_env(cls, env: Mapping[str, str]) -> None:
        if not (env["BROADCAST_ID"].isascii() and env["BROADCAST_ID"].isdigit()):
            raise ValueError("BROADCAST_ID: expected the number of an API-triggered broadcast")

    @classmethod
    def people_in(cls, arrivals: int) -> int:
        # It names people, and passes over those who do not exist.
        return 0

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people = self.scenario.people
        first = (arrival.number - 1) * _RECIPIENTS + 1
        body = {
            "ids": [people.id_of(number) for number in range(first, first + _RECIPIENTS)],
            "id_ignore_missing": True,
            "data": {"source": "load_test", "_load_test_run": people.run_id},
        }
        return "POST", f"/v1/campaigns/{self.variables['BROADCAST_ID']}/triggers", body
