"""identify: create or update a person, ``PUT /api/v1/customers/{id}``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from config.customerio.paths import customer_path
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser
from users.http.client import Site
from users.http.prepared import ID, NOW, RequestTemplate, WriteRequest
from users.people import POOL_SIZE


class IdentifyUser(ArrivalUser):
    """Identifies person n at arrival n."""

    abstract = False
    kind = "identify"
    may_trigger = "campaigns on attributes and segments"
    method = "PUT"

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people = self.scenario.people
        body = {**people.attributes_of(arrival.number), "created_at": int(time.time())}
        return self.method, customer_path(people.id_of(arrival.number)), body

    prepared_call = call

    @classmethod
    def prepare(cls, site: Site) -> WriteRequest:
        people = cls.scenario.people
        bodies = [{**people.attributes_by(n, ID), "created_at": NOW} for n in range(POOL_SIZE)]
        templates = [RequestTemplate(site, cls.method, customer_path(ID), body) for body in bodies]

        def write(number: int) -> bytes:
            template = templates[number % POOL_SIZE]
            return template.fill({"id": people.id_of(number), "now": int(time.time())})

        return write
