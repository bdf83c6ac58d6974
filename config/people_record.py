"""The record of the people and objects that one run may create: written by the run, read by a clean-up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from config.first_mistake import first_mistake
from config.load_test_people import MARK, PersonIds, has_mark

PEOPLE_RECORD = "people.json"
"""The name of the record in a run's folder."""

_Text = Annotated[str, Field(strict=True, max_length=1000)]
_RunId = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,79}$")]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class PeopleRecord:
    """The people that a run may create, written into its folder before the first request.

    ``base_url`` is the run's target, and ``environment_id`` its workspace if that was asked for. ``people``
    is the highest number of a person, ``budget`` the pool's, if the run has one. ``further_ids`` are people
    without a number. ``objects`` is the number of objects.
    """

    run_id: _RunId
    base_url: _Text
    environment_id: _Text | None
    people: Annotated[int, Field(strict=True, ge=0, le=10**12)]
    budget: Annotated[int, Field(strict=True, ge=1, le=10**9)] | None
    further_ids: tuple[_Text, ...] = ()
    objects: Annotated[int, Field(strict=True, ge=0, le=10**12)] = 0

    @property
    def count(self) -> int:
        """How many people the run may create at most."""
        numbered = self.people if self.budget is None else min(self.people, self.budget)
        return numbered + len(self.further_ids)

    def ids(self, start: int = 0) -> Iterator[str]:
        """Yield every id that the run may create, from the position ``start`` on, always in the same order.

        Raises:
            ValueError: an id has not the form that load tests give.
        """
        ids = PersonIds(self.run_id, self.budget)
        numbered = self.count - len(self.further_ids)
        for number in range(start + 1, numbered + 1):
            yield _marked(ids.id_of(number))
        for further in self.further_ids[max(0, start - numbered) :]:
            yield _marked(further)

    def object_ids(self) -> Iterator[str]:
        """Yield the id of every object that the run may create."""
        ids = PersonIds(self.run_id, self.budget)
        for number in range(1, self.objects + 1):
            yield _marked(ids.object_id_of(number))

    def to_json(self) -> str:
        """Return the record as the text of a file."""
        return json.dumps(asdict(self), indent=4) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Return the record that ``to_json`` wrote.

        Raises:
            ValueError: the text is none; one line says why.
        """
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError as error:
            raise ValueError(first_mistake(error, "file")) from error


def _marked(person_id: str) -> str:
    if not has_mark(person_id):
        raise ValueError(f"an id that does not begin with {MARK} and end with a number")
    return person_id
