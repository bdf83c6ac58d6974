"""The outcome of one operation, and the errors that stop all deliveries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Delivered:
    """Customer.io has accepted the operation, at this attempt (from 1)."""

    attempts: int


@dataclass(frozen=True)
class Refused:
    """Customer.io will never accept the operation; retrying will not help.

    Args:
        attempts: the number of requests that carried the operation.
        status: the HTTP status; ``None`` if the operation was refused before it was sent.
        reason: one word for programs, as Customer.io gives it: ``invalid``, ``required``, ``too_large`` ...
        field: the part of the operation that is wrong, as Customer.io names it; empty if unknown.
        message: a sentence for people.
    """

    attempts: int
    status: int | None
    reason: str
    field: str
    message: str


Outcome = Delivered | Refused


@dataclass(frozen=True)
class Held:
    """The operation has no outcome yet: its requests fail, and it is to be retried alone after a pause.

    Args:
        attempts: the number of requests that carried the operation; 0 if it only waits behind another one.
        fault: the last fault, for people: ``503``, ``no answer within 10 s`` ...
        is_blamed: whether Customer.io accepted another write right after the last fault, so that the
            operation is the cause and not an outage.
        retry_after_seconds: how long the server asks to wait, if it does.
    """

    attempts: int
    fault: str
    is_blamed: bool = False
    retry_after_seconds: float | None = None


class DeliveryError(Exception):
    """Nothing can be delivered. The operation is not the cause."""


class UnauthorizedError(DeliveryError):
    """401 or 403: the credentials are wrong. Retrying will not help; nothing was accepted."""


class RedirectedError(DeliveryError):
    """3xx: the host is not the workspace's; it may be in the other region. Nothing was accepted."""


class UnexpectedAnswerError(DeliveryError):
    """The Track API does not give such an answer: the host is another one, or a proxy has answered."""


class StuckError(DeliveryError):
    """A request keeps failing while others succeed, so something that it carries may be the cause.

    Args:
        attempts: the number of requests made.
        fault: the last fault, for people.
    """

    def __init__(self, attempts: int, fault: str) -> None:
        super().__init__(f"{attempts} attempts failed while other requests succeed: {fault}")
        self.attempts = attempts
        self.fault = fault


class BudgetSpentError(DeliveryError):
    """The retry budget is used up: every attempt met a temporary fault (408, 429, 5xx, connection).

    Args:
        attempts: the number of requests made.
        last: the last fault, for people: ``503``, ``connection refused`` ...
    """

    def __init__(self, attempts: int, last: str) -> None:
        super().__init__(f"given up after {attempts} attempts: {last}")
        self.attempts = attempts
        self.last = last
