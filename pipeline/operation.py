"""Operations, in the formats of Track v1 and v2 and of Pipelines: ours, native ones, and anonymous events."""

from __future__ import annotations

import datetime
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
    """One identify or one event of one person. Its ``repr`` holds no personal data.

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

    @property
    def identifiers(self) -> dict[str, str]:
        """The person, as Track v2 names them."""
        kind, value = identifier_by_shape(self.person)
        return {kind: value}

    @cached_property
    def v2_item(self) -> bytes:
        """The operation as compact JSON: the body for ``/entity``, or an item of ``/batch``."""
        item: dict[str, Any] = {"type": "person", "identifiers": self.identifiers}
        if self.kind == "identify":
            item |= {"action": "identify", "attributes": self.attributes}
        else:
            item |= {"action": "event", "name": self.event, "attributes": self.attributes}
            item |= _stamps(self.timestamp, self.deduplication_id)
        return compact_json(item)

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
            return compact_json(self.attributes)
        stamps = _stamps(self.timestamp, self.deduplication_id)
        return compact_json({"name": self.event, "data": self.attributes, **stamps})

    @cached_property
    def pipelines_body(self) -> bytes:
        """The body of the call to the Pipelines API whose name is the operation's kind, as compact JSON."""
        if self.kind == "identify":
            return compact_json({"userId": self.person, "traits": self.attributes})
        stamps = _pipelines_stamps(self.timestamp, self.deduplication_id)
        content = {"userId": self.person, "event": self.event, "properties": self.attributes}
        return compact_json({**content, **stamps})


@dataclass(frozen=True)
class NativeOperation:
    """An operation that was written in Track v2's own form, and checked. It always goes to Track v2.

    Args:
        kind: the action: ``delete``, ``merge``, ``add_device`` ...
        content: the operation; an event has its ``id``.
        subject: whom or what it is about, as the name of a lane.
        identifiers: of the person whom it is about; ``None`` if it is about an object, or more than one.
        order_key: as for ``Operation``; ``None`` for the subject.
    """

    kind: str
    content: Mapping[str, Any] = field(repr=False)
    subject: str = field(repr=False)
    identifiers: Mapping[str, str] | None = field(repr=False)
    order_key: str | None = field(default=None, repr=False)

    @property
    def lane(self) -> str:
        """The name of the lane."""
        return self.subject if self.order_key is None else self.order_key

    @cached_property
    def v2_item(self) -> bytes:
        """The operation as compact JSON."""
        return compact_json(self.content)


@dataclass(frozen=True)
class AnonymousEvent:
    """An event of somebody who is not identified yet. Track v2 has no such operation, so it goes to v1.

    Args:
        kind: ``track``, ``page`` or ``screen``.
        anonymous_id: joins the event to the person who is identified with it later.
        event: the name of the event.
        data: of the event.
        timestamp: when it happened, in Unix seconds; ``None`` for the time at which it arrives.
        deduplication_id: a ULID.
        order_key: as for ``Operation``; ``None`` for the anonymous id.
    """

    kind: Literal["track", "page", "screen"]
    anonymous_id: str = field(repr=False)
    event: str
    data: Mapping[str, Any] = field(repr=False)
    timestamp: int | None
    deduplication_id: str
    order_key: str | None = field(default=None, repr=False)

    @property
    def lane(self) -> str:
        """The name of the lane."""
        return self.anonymous_id if self.order_key is None else self.order_key

    @property
    def identifiers(self) -> None:
        """Nobody is identified."""
        return None

    @cached_property
    def v1_body(self) -> bytes:
        """The body of the request to Track v1, as compact JSON."""
        kind = {} if self.kind == "track" else {"type": self.kind}
        stamps = _stamps(self.timestamp, self.deduplication_id)
        content = {"anonymous_id": self.anonymous_id, "name": self.event, "data": self.data}
        return compact_json({**content, **kind, **stamps})

    @cached_property
    def pipelines_body(self) -> bytes:
        """The body of the call to the Pipelines API whose name is the event's kind, as compact JSON."""
        name = "event" if self.kind == "track" else "name"
        stamps = _pipelines_stamps(self.timestamp, self.deduplication_id)
        content = {"anonymousId": self.anonymous_id, name: self.event, "properties": self.data}
        return compact_json({**content, **stamps})


AnyOperation = Operation | NativeOperation | AnonymousEvent

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

# Built once, as json.dumps builds an encoder per call when an option is given: a third of the time of a small
# event. NaN and Infinity are not JSON. They raise an error here, before the API refuses them.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def compact_json(value: object) -> bytes:
    """Return UTF-8 JSON without blanks.

    Raises:
        ValueError: the value holds NaN, Infinity or half of a surrogate pair.
        TypeError: it holds what JSON has no form for.
        RecursionError: it is nested too deeply.
    """
    return _ENCODER.encode(value).encode()


def _pipelines_stamps(timestamp: int | None, deduplication_id: str | None) -> dict[str, Any]:
    time = None if timestamp is None else (_EPOCH + datetime.timedelta(seconds=timestamp)).isoformat()
    stamps = {"timestamp": time, "messageId": deduplication_id}
    return {name: value for name, value in stamps.items() if value is not None}


def _stamps(timestamp: int | None, deduplication_id: str | None) -> dict[str, Any]:
    stamps = {"timestamp": timestamp, "id": deduplication_id}
    return {name: value for name, value in stamps.items() if value is not None}
