"""device: a device of a person, ``PUT /api/v1/customers/{id}/devices``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from config.customerio.paths import devices_path
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser


class DeviceUser(ArrivalUser):
    """Adds a device to person n at arrival n. An unknown person is created."""

    abstract = False
    kind = "device"
    may_trigger = "campaigns on segments, by the people that it creates"

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        person_id = self.scenario.people.id_of(arrival.number)
        device = {
            # No push service has such a token, so that nothing can be sent to it.
            "id": f"device-{person_id}",
            "platform": ("ios", "android")[arrival.number % 2],
            "last_used": int(time.time()),
        }
        return "PUT", devices_path(person_id), {"device": device}
