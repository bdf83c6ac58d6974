"""The ids of the people and objects that load tests create, and the record of those that one run may create.

A person's id is arithmetic on the number of an arrival: every worker knows it, and a clean-up needs no list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from config.first_mistake import first_mistake

MARK = "load-test-"
"""What every person's id begins with. A clean-up deletes nobody without it."""

OBJECT_TYPE = "1"
"""The type of every object: the first one of a workspace."""

PEOPLE_RECORD = "people.json"
"""The name of the record in a run's folder."""

LIVE_PEOPLE_BUDGET = 1000
"""The people budget of a run on a live workspace if none is given."""

_POOL = "pool"
_MARKED = re.compile(rf"{MARK}[A-Za-z0-9][A-Za-z0-9-]*-(?:[1-9]\d*|first)")

_Text = Annotated[str, Field(strict=True, max_length=1000)]
_RunId = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,79}$")]


def has_mark(person_id: str) -> bool:
    """Return whether an id has the form that load tests give to their people."""
    return _MARKED.fullmatch(person_id) is not None


class PersonIds:
    """The ids of a run's people by their numbers, from 1.

    Args:
        run_id: of the run.
        budget: the most people. Their ids are then those of a pool that all runs share, and the number after
            the last one is the first person again. Without it each number is a person of this run alone.
    """

    def __init__(self, run_id: str, budget: int | None = None) -> None:
        self._prefix = f"{MARK}{run_id if budget is None else _POOL}-"
        self._budget = budget

    def number_of(self, number: int) -> int:
        """Return the number of a person within the budget, from 1."""
        return number if self._budget is None else (number - 1) % self._budget + 1

    def id_of(self, number: int) -> str:
        """Return the id of person ``number``; it is safe in a URL path as it is."""
        # Not number_of: every request asks for an id.
        return f"{self._prefix}{number if self._budget is None else (number - 1) % self._budget + 1}"

    def object_id_of(self, number: int) -> str:
        """Return the id of object ``number``."""
        return f"{self._prefix}company-{number}"


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
