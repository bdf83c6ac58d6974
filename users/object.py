"""object: an object with a relationship to a person, ``POST /api/v2/entity``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.customerio.paths import ENTITY_PATH
from config.load_test_people import OBJECT_TYPE
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser

_PEOPLE_PER_OBJECT = 10


class ObjectUser(ArrivalUser):
    """Relates person n to their company at arrival n; ten people share one. Both are created if unknown."""

    abstract = False
    kind = "object"
    may_trigger = "campaigns on objects, relationships and segments"

    @classmethod
    def objects_of(cls, people: int) -> int:
        return -(-people // _PEOPLE_PER_OBJECT)

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people = self.scenario.people
        company = (people.ids.number_of(arrival.number) - 1) // _PEOPLE_PER_OBJECT + 1
        object_id = people.ids.object_id_of(company)
        person = {"identifiers": {"id": people.id_of(arrival.number)}}
        return (
            "POST",
            ENTITY_PATH,
            {
                "type": "object",
                "action": "identify",
                "identifiers": {"object_type_id": OBJECT_TYPE, "object_id": object_id},
                "attributes": {
                    "name": f"Company {company}",
                    "_load_test": True,
                    "_load_test_run": people.run_id,
                },
                "cio_relationships": [{**person, "relationship_attributes": {"role": "employee"}}],
            },
        )
