"""identify: create or update a person, ``PUT /api/v1/customers/{id}``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from config.customerio.paths import customer_path
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser


class IdentifyUser(ArrivalUser):
    """Identifies person n at arrival n."""

    abstract = False
    kind = "identify"

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people = self.scenario.people
        body = {**people.attributes_of(arrival.number), "created_at": int(time.time())}
        return "PUT", customer_path(people.id_of(arrival.number)), body
