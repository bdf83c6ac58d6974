"""The messages that a workspace was asked to send, and the broadcasts that were triggered."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

# Bounds the memory of a long run. All deliveries are counted, but only these many can be read.
REMEMBERED_DELIVERIES = 100_000
_REMEMBERED_TRIGGERS = 10_000


@dataclass(frozen=True)
class Delivery:
    """One message to one recipient. Nothing is sent; what Customer.io was asked to send is kept."""

    id: str
    type: str  # email, push, sms, whatsapp, inbox_message, in_app
    created: int  # Unix seconds
    identifiers: dict[str, Any]
    recipient: str | None
    transactional_message_id: str | None
    subject: str | None
    cio_id: str | None  # of the person, if there was one
    body: dict[str, Any] | None  # ``None`` if the request disabled its retention

    def as_json(self) -> dict[str, Any]:
        """Return the delivery as the App API shows a message."""
        return {
            "id": self.id,
            "type": self.type,
            "created": self.created,
            "customer_identifiers": self.identifiers,
            "recipient": self.recipient,
            "subject": self.subject,
            "transactional_message_id": self.transactional_message_id,
            "metrics": {"created": self.created, "sent": self.created},
            "failure_message": None,
        }


@dataclass(frozen=True)
class Trigger:
    """One call that triggered a broadcast."""

    id: int
    broadcast_id: str
    created_at: int
    processed_at: int
    recipients: int
    data: dict[str, Any]
    unknown: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "unknown"}


class DeliveryStore:
    """Counts all deliveries and triggers, and keeps the latest of them."""

    def __init__(self) -> None:
        self.triggered = 0
        self._counts: Counter[str] = Counter()
        self._ids = 0
        self._deliveries: OrderedDict[str, Delivery] = OrderedDict()
        self._triggers: OrderedDict[int, Trigger] = OrderedDict()

    def counts(self) -> dict[str, int]:
        """Return how many deliveries there were of each type."""
        return dict(self._counts)

    def new_id(self) -> str:
        """Return the id for the next delivery. A send that is dropped has one too."""
        self._ids += 1
        return f"standin{self._ids:018x}"

    def add(self, delivery: Delivery) -> None:
        """Count and keep a delivery."""
        self._counts[delivery.type] += 1
        self._deliveries[delivery.id] = delivery
        if len(self._deliveries) > REMEMBERED_DELIVERIES:
            self._deliveries.popitem(last=False)

    def find(self, delivery_id: str) -> Delivery | None:
        """Return a delivery, or ``None``."""
        return self._deliveries.get(delivery_id)

    def latest(self) -> Iterator[Delivery]:
        """Yield the deliveries, latest first."""
        return reversed(self._deliveries.values())

    def transactional_ids(self) -> list[str]:
        """Return the ids of the transactional messages that were sent."""
        ids = dict.fromkeys(delivery.transactional_message_id for delivery in self._deliveries.values())
        return [message_id for message_id in ids if message_id is not None]

    # -- broadcasts -------------------------------------------------------------------------------

    def next_trigger_id(self) -> int:
        """Return the id for the next trigger."""
        self._ids += 1
        return self._ids

    def trigger(self, trigger: Trigger) -> None:
        """Count and keep a triggered broadcast."""
        self.triggered += 1
        self._triggers[trigger.id] = trigger
        if len(self._triggers) > _REMEMBERED_TRIGGERS:
            self._triggers.popitem(last=False)

    def triggers_of(self, broadcast_id: str) -> list[Trigger]:
        """Return the triggers of a broadcast, oldest first."""
        return [trigger for trigger in self._triggers.values() if trigger.broadcast_id == broadcast_id]

    def find_trigger(self, broadcast_id: str, trigger_id: str) -> Trigger | None:
        """Return a trigger of a broadcast, or ``None``."""
        trigger = self._triggers.get(int(trigger_id)) if trigger_id.isdecimal() else None
        return trigger if trigger is not None and trigger.broadcast_id == broadcast_id else None


def unix_seconds() -> int:
    """Return the time in whole Unix seconds, as the App API writes it."""
    return int(time.time())
