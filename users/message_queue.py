"""What a kind of user needs of the queue that it fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from users.outcome import Failure

ID_ATTRIBUTE = "_load_test_message"
"""The attribute of a person, or of an event's data, that holds the id of the message that set it."""

ARRIVAL_ATTRIBUTE = "_load_test_arrival"
"""Likewise the instant at which the arrival was due: seconds of the sender's monotonic clock."""


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message for the queue.

    Args:
        id: differs from those of all other messages, of other runs too.
        scenario: the name of the scenario that sends it.
        instant: at which its arrival was due, on the monotonic clock.
        value: the message as docs/pipeline.md describes it, on one line.
    """

    id: str
    scenario: str
    instant: float
    value: bytes = field(repr=False)


class NotQueuedError(Exception):
    """The queue has not acknowledged a message. It may hold it all the same."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.detail)
        self.failure = failure


class MessageQueue(Protocol):
    """A queue with workers behind it."""

    def put(self, message: QueuedMessage, timeout_seconds: float) -> None:
        """Put a message into the queue, and return when it is safe there. Other VUs run meanwhile.

        Raises:
            NotQueuedError: it was not acknowledged in time, or the queue refused it.
        """
