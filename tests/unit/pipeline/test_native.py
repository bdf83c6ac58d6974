"""Operations in Track v2's own form: what is taken, in which lane, and what is poison."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.message import PoisonError, Stamp, parse_message
from pipeline.operation import AnonymousEvent, NativeOperation

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
OTHER_ULID = "01BX5ZZKBKACTAV9WEVGEMMVRZ"
STAMP = Stamp(deduplication_id=ULID, timestamp=1_700_000_000, order_key=None)
ADA = {"id": "ada"}
OBJECT = {"object_type_id": "1", "object_id": "acme"}
LINKS = [{"identifiers": OBJECT}]


def person(action: str, **more: Any) -> dict[str, Any]:
    return {"type": "person", "identifiers": ADA, "action": action, **more}


def thing(action: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "identifiers": OBJECT, "action": action, **more}


def event(**more: Any) -> dict[str, Any]:
    return person("event", name="visit", **more)


# What arrives with nothing to complete is sent on as it is.
UNCHANGED: list[tuple[dict[str, Any], str]] = [
    (person("identify", attributes={"plan": "pro"}, timestamp=5, cio_relationships=LINKS), "ada"),
    (person("identify"), "ada"),
    (event(id=OTHER_ULID, timestamp=7, attributes={"a": 1}), "ada"),
    (person("page", name="/", id=OTHER_ULID, timestamp=7), "ada"),
    (person("screen", name="home", id=OTHER_ULID, timestamp=7), "ada"),
    (person("delete"), "ada"),
    (person("suppress"), "ada"),
    (person("unsuppress"), "ada"),
    ({"type": "person", "action": "merge", "primary": ADA, "secondary": {"cio_id": "x"}}, "ada"),
    (person("add_device", device={"token": "t", "platform": "ios", "last_used": 5}), "ada"),
    (person("delete_device", device={"token": "t"}), "ada"),
    (person("add_relationships", cio_relationships=LINKS), "ada"),
    (person("delete_relationships", cio_relationships=LINKS), "ada"),
    ({**person("delete"), "identifiers": {"email": "ada@example.com"}}, "ada@example.com"),
    ({**person("delete"), "identifiers": {"phone": "+15550100"}}, "+15550100"),
    ({**person("delete"), "identifiers": {"cio_id": "x"}}, "cio_x"),
    ({**person("delete"), "identifiers": {"cio_id": "cio_x"}}, "cio_x"),
    (thing("identify", attributes={"a": 1}, cio_relationships=[{"identifiers": ADA}]), "object:1:acme"),
    (thing("identify_anonymous"), "object:1:acme"),
    ({**thing("delete"), "identifiers": {"cio_object_id": "7"}}, "object:7"),
    (thing("add_relationships", cio_relationships=LINKS), "object:1:acme"),
    (thing("delete_relationships", cio_relationships=LINKS), "object:1:acme"),
    (
        {
            "type": "delivery",
            "action": "event",
            "identifiers": {"id": "d"},
            "name": "opened",
            "attributes": {"device_token": "t"},
        },
        "delivery:d",
    ),
]


@pytest.mark.parametrize(("message", "lane"), UNCHANGED)
def test_every_action_is_taken_as_it_is(message: dict[str, Any], lane: str) -> None:
    operation = parse_message(json.dumps(message).encode(), STAMP)
    assert isinstance(operation, NativeOperation)
    assert json.loads(operation.v2_item) == message
    assert (operation.kind, operation.lane) == (message["action"], lane)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (event(), event(id=ULID, timestamp=1_700_000_000)),
        (event(id="person-7", timestamp=1712345678.0), event(id=ULID, timestamp=1_712_345_678)),
        (event(id=None, timestamp=None, attributes=None), event(id=ULID, timestamp=1_700_000_000)),
        (event(id=ULID, timestamp=7, data={"a": 1}), event(id=ULID, timestamp=7, attributes={"a": 1})),
        (event(id=ULID, timestamp=7, properties={"a": 1}), event(id=ULID, timestamp=7, attributes={"a": 1})),
        (
            {**person("delete"), "identifiers": {"id": 42.0, "email": None}},
            {**person("delete"), "identifiers": {"id": "42"}},
        ),
        (person("identify", timestamp=5.0, attributes=None), person("identify", timestamp=5)),
    ],
)
def test_what_is_completed(message: dict[str, Any], expected: dict[str, Any]) -> None:
    operation = parse_message(json.dumps(message).encode(), STAMP)
    assert isinstance(operation, NativeOperation)
    assert json.loads(operation.v2_item) == expected


VISIT = {"event": "visit", "properties": {"a": 1}}
PAGE = person("page", name="visit", attributes={"a": 1})


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"type": "track", "anonymousId": "anon", "payload": {"event": "visit", "data": {"a": 1}}}, "track"),
        ({"type": "track", "anonymous_id": "anon", "payload": VISIT}, "track"),
        ({"type": "track", "userId": None, "anonymous_id": "anon", "payload": VISIT}, "track"),
        ({**event(attributes={"a": 1}), "identifiers": {"anonymous_id": "anon"}}, "track"),
        ({**PAGE, "identifiers": {"anonymous_id": "anon", "id": None}}, "page"),
    ],
)  # fmt: skip
def test_an_anonymous_event_is_one_of_track_v1(message: dict[str, Any], kind: str) -> None:
    operation = parse_message(json.dumps(message).encode(), STAMP)
    assert isinstance(operation, AnonymousEvent)
    assert operation.kind == kind
    body = {"anonymous_id": "anon", "name": "visit", "data": {"a": 1}, "id": ULID, "timestamp": 1_700_000_000}
    assert json.loads(operation.v1_body) == (body if kind == "track" else {**body, "type": kind})
    assert operation.lane == "anon"


POISON: list[tuple[Any, str]] = [
    (person("explode"), "unknown_action"),
    ({**person("x"), "action": None}, "unknown_action"),
    ({**person("x"), "action": ["event"]}, "unknown_action"),
    (thing("event", name="x"), "unknown_action"),
    ({"type": "people", "action": "delete", "identifiers": ADA}, "unknown_type"),
    ({"type": "person", "action": "delete"}, "bad_user_id"),
    ({**person("delete"), "identifiers": {}}, "bad_user_id"),
    ({**person("delete"), "identifiers": {"id": "a", "email": "a@example.com"}}, "bad_user_id"),
    ({**person("delete"), "identifiers": {"id": "a", "more": 1}}, "bad_user_id"),
    ({**person("delete"), "identifiers": {"id": "../x"}}, "bad_user_id"),
    ({**person("delete"), "identifiers": {"id": "x" * 151}}, "bad_user_id"),
    ({**person("delete"), "identifiers": {"id": 1.5}}, "bad_user_id"),
    ({**person("delete"), "identifiers": {"email": "nobody"}}, "bad_user_id"),
    ({**person("delete"), "identifiers": {"anonymous_id": "anon"}}, "bad_user_id"),
    ({**event(), "identifiers": {"anonymous_id": " "}}, "bad_user_id"),
    ({"type": "person", "action": "merge", "primary": ADA}, "bad_user_id"),
    ({"type": "person", "action": "merge", "primary": ADA, "secondary": {"phone": "+1"}}, "bad_user_id"),
    ({**thing("delete"), "identifiers": {"object_type_id": "1"}}, "bad_user_id"),
    (person("event"), "bad_payload"),
    (person("page", name=" "), "bad_payload"),
    (event(attributes=[]), "bad_payload"),
    (event(timestamp="2026-01-01"), "bad_payload"),
    (event(timestamp=1.5), "bad_payload"),
    (event(attributes={"a": 1}, data={"a": 2}), "bad_payload"),
    (person("identify", attributes=[]), "bad_payload"),
    (person("identify", cio_relationships={}), "bad_payload"),
    (person("add_relationships"), "bad_payload"),
    (person("add_relationships", cio_relationships=["acme"]), "bad_payload"),
    (person("add_device"), "bad_payload"),
    (person("add_device", device={"platform": "ios"}), "bad_payload"),
    (person("add_device", device={"token": "t", "platform": "windows"}), "bad_payload"),
    (person("add_device", device={"token": "t", "platform": "ios", "last_used": "now"}), "bad_payload"),
    (person("delete_device", device={"token": ""}), "bad_payload"),
]


@pytest.mark.parametrize(("message", "cause"), POISON)
def test_what_is_malformed_has_its_cause(message: Any, cause: str) -> None:
    with pytest.raises(PoisonError) as caught:
        parse_message(json.dumps(message).encode(), STAMP)
    assert caught.value.cause == cause
    assert "ada" not in caught.value.detail


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "email", "token", "platform"]), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = ["identifiers", "name", "attributes", "timestamp", "id", "device", "cio_relationships", "primary"]


@given(
    st.sampled_from(["person", "object", "delivery"]),
    st.sampled_from(["event", "identify", "add_device", "merge", "add_relationships", "delete"]),
    st.dictionaries(st.sampled_from(NAMES), JSON),
)
def test_no_content_raises_anything_else(kind: str, action: str, content: dict[str, Any]) -> None:
    with suppress(PoisonError):
        parse_message(json.dumps({"type": kind, "action": action, **content}).encode(), STAMP)
