"""The people that a load test sends: who person n of a run is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.load_test_people import PersonIds

POOL_SIZE = 500
"""Different people; person n of a run has the attributes of pool entry n modulo this."""


class PeoplePool:
    """Attributes from a pool, ids and addresses by run and number.

    Ids are unique over runs and numbers, or with a people budget those of a pool that all runs share. The
    address goes with the id. Addresses are under example.com, which RFC 2606 reserves:
    no mail sent to one ever arrives anywhere.

    Args:
        run_id: what all ids of the run carry, and what it can be cleaned up by.
        attributes: of ``POOL_SIZE`` people.
        budget: the most people; see ``PersonIds``.
    """

    def __init__(
        self, run_id: str, attributes: Sequence[Mapping[str, Any]], budget: int | None = None
    ) -> None:
        self.run_id = run_id
        self.ids = PersonIds(run_id, budget)
        self.id_of: Callable[[int], str] = self.ids.id_of
        """Returns the id of person ``number``; safe in a URL path as it is."""
        self._attributes = attributes

    def attributes_of(self, number: int) -> dict[str, Any]:
        """The attributes to identify person ``number`` with: the marks of a load test, and a life."""
        return self.attributes_by(number, self.id_of(number))

    def attributes_by(self, number: int, person_id: str) -> dict[str, Any]:
        """The same with another id, or with what stands for one."""
        return {
            "email": f"{person_id}@example.com",
            "_load_test": True,
            "_load_test_run": self.run_id,
            **self._attributes[number % POOL_SIZE],
        }
