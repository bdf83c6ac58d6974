"""object: an object with a relationship to a person, ``POST /api/v2/entity``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.customerio.paths import ENTITY_PATH
from shapes.clock import Arrival
from users.arrival_user import ArrivalUser

_PEOPLE_PER_OBJECT = 10
# The first type of a workspace.
_TYPE = "1"


class ObjectUser(ArrivalUser):
    """Relates person n to their company at arrival n; ten people share one. Both are created if unknown."""

    abstract = False
    kind = "object"

    def call(self, arrival: Arrival) -> tuple[str, str, Mapping[str, Any]]:
        people = self.scenario.people
        company = (arrival.number - 1) // _PEOPLE_PER_OBJECT + 1
        person = {"identifiers": {"id": people.id_of(arrival.number)}}
        return (
            "POST",
            ENTITY_PATH,
            {
                "type": "object",
                "action": "identify",
                "identifiers": {"object_type_id": _TYPE, "object_id": f"company-{people.run_id}-{company}"},
                "attributes": {
                    "name": f"Company {company}",
                    "_load_test": True,
                    "_load_test_run": people.run_id,
                },
                "cio_relationships": [{**person, "relationship_attributes": {"role": "employee"}}],
            },
        )
