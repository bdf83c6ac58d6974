"""Where each message of a run is: sent, in the queue, delivered, or dead-lettered."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from users.message_queue import QueuedMessage


@dataclass(frozen=True, slots=True)
class _Open:
    """A message that is neither delivered nor dead-lettered."""

    scenario: str
    instant: float


class SentMessages:
    """The messages of a run. Those with no result are kept, so memory grows with the backlog alone."""

    def __init__(self) -> None:
        self.delivered = 0
        self.dead_letters = 0
        #: Acceptances of messages that had been accepted before.
        self.repeated = 0
        # In the order in which their iterations started, which is nearly that of their instants.
        self._open: OrderedDict[str, _Open] = OrderedDict()
        # Those that the queue did not acknowledge. It may have them all the same.
        self._failed: dict[str, _Open] = {}

    def begin(self, message: QueuedMessage) -> None:
        """Record a message that is about to be put into the queue."""
        self._open[message.id] = _Open(message.scenario, message.instant)

    def fail(self, message_id: str) -> None:
        """Record that the queue did not acknowledge a message."""
        if message_id in self._open:
            self._failed[message_id] = self._open.pop(message_id)

    def accept(self, message_id: str, at: float) -> tuple[str, float] | None:
        """Record that a message was accepted at an instant.

        Returns:
            Its scenario, and the seconds since its arrival's instant; ``None`` if it had a result before.
        """
        found = self._take(message_id)
        if found is None:
            self.repeated += 1
            return None
        self.delivered += 1
        return found.scenario, at - found.instant

    def bury(self, message_id: str) -> bool:
        """Record that a message is a dead letter. Return whether it had no result before."""
        if self._take(message_id) is None:
            return False
        self.dead_letters += 1
        return True

    def _take(self, message_id: str) -> _Open | None:
        return self._open.pop(message_id, None) or self._failed.pop(message_id, None)

    def is_open(self, message_id: str) -> bool:
        """Return whether a message has no result, and is not known to be missing from the queue."""
        return message_id in self._open

    @property
    def open(self) -> int:
        """Messages without a result, those that are being put into the queue included."""
        return len(self._open)

    @property
    def not_produced(self) -> int:
        """Messages that the queue did not acknowledge, and that were not delivered all the same."""
        return len(self._failed)

    @property
    def oldest(self) -> float | None:
        """The instant of the oldest arrival without a result; ``None`` if there is none."""
        return next(iter(self._open.values())).instant if self._open else None
