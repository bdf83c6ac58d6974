"""What is a message and what is poison: each with its cause, and nothing of the person in the words."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.message import PoisonError, Stamp, parse_message
from pipeline.operation import Operation

STAMP = Stamp(deduplication_id="01ARZ3NDEKTSV4RRFFQ69G5FAV", timestamp=1_700_000_000, order_key=None)


def parsed(value: bytes, stamp: Stamp) -> Operation:
    operation = parse_message(value, stamp)
    assert isinstance(operation, Operation)
    return operation


def encoded(message: Any) -> bytes:
    return json.dumps(message).encode()


def track(**payload: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "u1", "payload": {"event": "order", **payload}}


def test_an_identify_sets_attributes_and_bears_no_event_id() -> None:
    message = {"type": "identify", "userId": "u1", "payload": {"email": "u1@example.com"}}
    operation = parsed(encoded(message), STAMP)
    assert (operation.kind, operation.person) == ("identify", "u1")
    assert operation.attributes == {"email": "u1@example.com"}
    assert (operation.event, operation.deduplication_id, operation.timestamp) == (None, None, None)


def test_an_event_gets_the_messages_time_and_id_unless_it_has_its_own_time() -> None:
    operation = parsed(encoded(track(properties={"a": 1})), STAMP)
    assert (operation.event, operation.attributes) == ("order", {"a": 1})
    assert operation.deduplication_id == STAMP.deduplication_id
    assert operation.timestamp == 1_700_000_000
    assert parsed(encoded(track(timestamp=1_600_000_000)), STAMP).timestamp == 1_600_000_000


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ({"type": "identify", "userId": 42, "payload": {}}, ("42", None)),
        (track(event=" order "), ("u1", "order")),
        (track(properties=None), ("u1", "order")),
        ({**track(), "more": True}, ("u1", "order")),
    ],
)
def test_what_is_let_pass(message: dict[str, Any], what: tuple[str, str | None]) -> None:
    operation = parsed(encoded(message), STAMP)
    assert (operation.person, operation.event) == what


def test_a_byte_order_mark_is_let_pass() -> None:
    assert parsed(b"\xef\xbb\xbf" + encoded(track()), STAMP).event == "order"


def nested(depth: int) -> bytes:
    return b'{"type":"identify","userId":"u1","payload":' + b'{"a":' * depth + b"1" + b"}" * (depth + 1)


POISON: dict[str, tuple[bytes | None, str]] = {
    "tombstone": (None, "tombstone"),
    "empty": (b"", "not_json"),
    "blanks": (b"  \n ", "not_json"),
    "no JSON": (b"hello", "not_json"),
    "cut off": (b'{"type":"track","userId":"u1","payload":{"ev', "not_json"),
    "two values": (b"{}{}", "not_json"),
    "Python's quotes": (b"{'type': 'track'}", "not_json"),
    "NaN": (b'{"type":"identify","userId":"u1","payload":{"a":NaN}}', "not_json"),
    "infinite": (b'{"type":"identify","userId":"u1","payload":{"a":1e999}}', "not_json"),
    "endless digits": (b'{"type":"identify","userId":"u1","payload":{"a":' + b"9" * 5000 + b"}}", "not_json"),
    "UTF-16": (json.dumps(track()).encode("utf-16"), "not_utf8"),
    "Latin-1": ('{"type":"identify","userId":"ü","payload":{}}'.encode("latin-1"), "not_utf8"),
    "gzip": (b"\x1f\x8b\x08\x00\x00", "not_utf8"),
    "half a surrogate": (b'{"type":"identify","userId":"u1","payload":{"a":"\\ud800"}}', "not_utf8"),
    "half a surrogate as id": (b'{"type":"identify","userId":"\\ud800","payload":{}}', "not_utf8"),
    "deep": (nested(100_000), "too_deep"),
    "unclosed and deep": (b"[" * 100_000, "too_deep"),
    "list": (b"[]", "not_an_object"),
    "null": (b"null", "not_an_object"),
    "number": (b"7", "not_an_object"),
    "JSON within a text": (json.dumps(json.dumps(track())).encode(), "not_an_object"),
    "no type": (encoded({"userId": "u1", "payload": {}}), "unknown_type"),
    "another type": (encoded({"type": "delete", "userId": "u1", "payload": {}}), "unknown_type"),
    "type in capitals": (encoded({"type": "TRACK", "userId": "u1", "payload": {}}), "unknown_type"),
    "type is a list": (encoded({"type": ["track"], "userId": "u1"}), "unknown_type"),
    "no id": (encoded({"type": "identify", "payload": {}}), "bad_user_id"),
    "empty id": (encoded({"type": "identify", "userId": " ", "payload": {}}), "bad_user_id"),
    "boolean id": (encoded({"type": "identify", "userId": True, "payload": {}}), "bad_user_id"),
    "fraction as id": (encoded({"type": "identify", "userId": 1.5, "payload": {}}), "bad_user_id"),
    "object as id": (encoded({"type": "identify", "userId": {"id": 1}, "payload": {}}), "bad_user_id"),
    "long id": (encoded({"type": "identify", "userId": "ü" * 76, "payload": {}}), "bad_user_id"),
    "no payload": (encoded({"type": "identify", "userId": "u1"}), "bad_payload"),
    "payload is a list": (encoded({"type": "identify", "userId": "u1", "payload": []}), "bad_payload"),
    "no event": (encoded({"type": "track", "userId": "u1", "payload": {}}), "bad_payload"),
    "empty event": (encoded(track(event=" ")), "bad_payload"),
    "number as event": (encoded(track(event=5)), "bad_payload"),
    "long event": (encoded(track(event="e" * 101)), "bad_payload"),
    "properties are a list": (encoded(track(properties=[])), "bad_payload"),
    "time is a text": (encoded(track(timestamp="2026-01-01")), "bad_payload"),
    "time in milliseconds": (encoded(track(timestamp=1_700_000_000_000_000)), "bad_payload"),
}


@pytest.mark.parametrize("name", POISON)
def test_poison_has_a_cause(name: str) -> None:
    value, cause = POISON[name]
    with pytest.raises(PoisonError) as caught:
        parse_message(value, STAMP)
    assert caught.value.cause == cause
    assert caught.value.detail
    assert "u1" not in caught.value.detail


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(value: bytes) -> None:
    with suppress(PoisonError):
        parse_message(value, STAMP)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(kind=st.sampled_from(["identify", "track", "x", None]), user_id=JSON, payload=JSON, event=JSON)
def test_no_json_raises_anything_else(kind: str | None, user_id: Any, payload: Any, event: Any) -> None:
    if isinstance(payload, dict):
        payload["event"] = event
    with suppress(PoisonError):
        operation = parsed(encoded({"type": kind, "userId": user_id, "payload": payload}), STAMP)
        json.loads(operation.v2_item)
        json.loads(operation.v1_body)
