"""How the delivery of one operation ends, and what stops a delivery altogether."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Delivered:
    """Customer.io has taken it, at this attempt (from 1)."""

    attempts: int


@dataclass(frozen=True)
class Refused:
    """Customer.io will never take it as it is: no retry helps.

    Args:
        attempts: requests that carried it.
        status: the HTTP status, or ``None`` if it was refused before it was sent.
        reason: a word for programs, Customer.io's own where given: ``invalid``, ``required``, ``too_large``
        field: where in the operation, as Customer.io names it; empty if unknown.
        message: for people.
    """

    attempts: int
    status: int | None
    reason: str
    field: str
    message: str


Outcome = Delivered | Refused


class DeliveryError(Exception):
    """What keeps anything from being delivered; the operation itself is not at fault."""


class UnauthorizedError(DeliveryError):
    """401 or 403: the credentials are wrong. Retrying is useless, the operations are untouched."""


class RedirectedError(DeliveryError):
    """3xx: this is not the workspace's host; it may be in the other region. Nothing was taken."""


class UnexpectedAnswerError(DeliveryError):
    """An answer that the Track API does not give: the host is another one, or something stands in between."""


class BudgetSpentError(DeliveryError):
    """The attempts or the time that were allowed are used up, on passing faults (408, 429, 5xx, connection).

    Args:
        attempts: requests that were made.
        last: the last fault, for people: ``503``, ``connection refused`` ...
    """

    def __init__(self, attempts: int, last: str) -> None:
        super().__init__(f"given up after {attempts} attempts: {last}")
        self.attempts = attempts
        self.last = last
