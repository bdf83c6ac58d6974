"""What every operation gets and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from standin.people import PeopleStore
from standin.replies import Reply
from standin.routes import Operation


class Request(NamedTuple):
    """A request that has an operation, with the parameters of its path decoded."""

    operation: Operation
    parameters: tuple[str, ...]
    body: bytes
    query: bytes
    scope: Any


class Items(NamedTuple):
    """What became of the operations inside a v2 request."""

    taken: list[str]  # the action of each
    refused: int


# What it returns is of no interest here.
Change = Callable[[PeopleStore], object]


class Answer(NamedTuple):
    """The reply, and what the request does to the store: an accepted request may still be dropped."""

    reply: Reply
    change: Change | None = None
    items: Items | None = None


Handler = Callable[[Request], Answer]
