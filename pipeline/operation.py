"""An operation: one identify or one event of one person, in the formats of Track v1 and v2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from config.customerio.identifiers import identifier_by_shape
from config.customerio.paths import customer_path, events_path

Kind = Literal["identify", "track"]


@dataclass(frozen=True)
class Operation:
    """One operation to deliver to Customer.io. Its ``repr`` holds no personal data.

    Args:
        kind: ``identify`` sets attributes of a person, ``track`` records an event.
        person: the person's id, e-mail address, or ``cio_`` and their cio_id; told apart by the shape.
        attributes: the attributes of an identify, or the data of an event.
        event: the name of the event; ``None`` for an identify.
        timestamp: when the event happened, in Unix seconds; ``None`` for the time at which it arrives.
        deduplication_id: a ULID; Customer.io ignores an event whose id it has seen.
        order_key: operations with the same key are delivered in order; ``None`` for the person's id.
    """

    kind: Kind
    person: str = field(repr=False)
    attributes: Mapping[str, Any] = field(repr=False)
    event: str | None = None
    timestamp: int | None = None
    deduplication_id: str | None = None
    order_key: str | None = field(default=None, repr=False)

    @property
    def lane(self) -> str:
        """The name of the lane: operations of one lane are delivered in order, one after the other."""
        return self.person if self.order_key is None else self.order_key

    @cached_property
    def v2_item(self) -> bytes:
        """The operation as compact JSON: the body for ``/entity``, or an item of ``/batch``."""
        identifier_kind, value = identifier_by_shape(self.person)
        item: dict[str, Any] = {"type": "person", "identifiers": {identifier_kind: value}}
        if self.kind == "identify":
            item |= {"action": "identify", "attributes": self.attributes}
        else:
            item |= {"action": "event", "name": self.event, "attributes": self.attributes}
            item |= self._stamps()
        return _compact_json(item)

    @property
    def v1_method(self) -> str:
        """The HTTP method of the request to Track v1."""
        return "PUT" if self.kind == "identify" else "POST"

    @property
    def v1_path(self) -> str:
        """The path of the request to Track v1, percent-encoded.

        Raises:
            ValueError: a path cannot name this person.
        """
        return customer_path(self.person) if self.kind == "identify" else events_path(self.person)

    @cached_property
    def v1_body(self) -> bytes:
        """The body of the request to Track v1, as compact JSON."""
        if self.kind == "identify":
            return _compact_json(self.attributes)
        return _compact_json({"name": self.event, "data": self.attributes, **self._stamps()})

    def _stamps(self) -> dict[str, Any]:
        stamps = {"timestamp": self.timestamp, "id": self.deduplication_id}
        return {name: value for name, value in stamps.items() if value is not None}


def _compact_json(value: object) -> bytes:
    # NaN and Infinity are not JSON. They raise an error here, before the API refuses them.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
