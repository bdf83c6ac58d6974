"""The ids of the people and objects that load tests create.

A person's id is arithmetic on the number of an arrival: every worker knows it, and a clean-up needs no list.
"""

from __future__ import annotations

import re

MARK = "load-test-"
"""What every person's id begins with. A clean-up deletes nobody without it."""

OBJECT_TYPE = "1"
"""The type of every object: the first one of a workspace."""

LIVE_PEOPLE_BUDGET = 1000
"""The people budget of a run on a live workspace if none is given."""

_POOL = "pool"
_MARKED = re.compile(rf"{MARK}[A-Za-z0-9][A-Za-z0-9-]*-(?:[1-9]\d*|first)")


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
