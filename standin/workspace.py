"""A workspace: all that a reset discards."""

from __future__ import annotations

from typing import Any

from standin.deliveries import DeliveryStore
from standin.documents import DocumentStore
from standin.journal import Journal, JournaledPeople
from standin.objects import ObjectStore
from standin.people import PeopleStore
from standin.stats import Stats


class Workspace:
    """The stores and the counts. Each store keeps one kind of thing and knows nothing of the others."""

    def __init__(self, record_arrivals: bool = False, journal: Journal | None = None) -> None:
        self.people = PeopleStore() if journal is None else JournaledPeople(journal)
        self.objects = ObjectStore()
        self.deliveries = DeliveryStore()
        self.documents = DocumentStore()
        self.stats = Stats(record_arrivals)

    def as_json(self) -> dict[str, Any]:
        return {
            **self.stats.as_json(),
            "people": len(self.people),
            "people_created": self.people.people_created,
            "suppressed": self.people.suppressed,
            "events": self.people.events,
            "duplicates": self.people.duplicates,
            "objects": len(self.objects),
            "relationships": self.objects.relationships,
            "deliveries": self.deliveries.counts(),
            "broadcasts": self.deliveries.triggered,
        }
