"""What a reset throws away: the people, the events and the counts."""

from __future__ import annotations

from typing import Any

from standin.journal import Journal, JournaledPeople
from standin.people import PeopleStore
from standin.stats import Stats


class Workspace:
    """One measurement's store and statistics."""

    def __init__(self, record_arrivals: bool, journal: Journal | None) -> None:
        self.people = PeopleStore() if journal is None else JournaledPeople(journal)
        self.stats = Stats(record_arrivals)

    def as_json(self) -> dict[str, Any]:
        return {
            **self.stats.as_json(),
            "people": len(self.people),
            "people_created": self.people.people_created,
            "suppressed": self.people.suppressed,
            "events": self.people.events,
            "duplicates": self.people.duplicates,
        }
