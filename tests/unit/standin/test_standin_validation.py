"""Each published limit: the largest value that passes, and the smallest that does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.customerio.limits import limit
from standin.json_body import parse_object
from standin.responses import Invalid
from standin.validation import (
    check_event,
    check_event_id,
    check_identifiers,
    check_path_identifier,
    check_person_attributes,
)

# A busy machine is no failure.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def accepts(check: Callable[..., object], *arguments: Any) -> bool:
    try:
        check(*arguments)
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("character", ["a", "é", "😀"])
def test_sizes_are_counted_in_bytes(character: str) -> None:
    width = len(character.encode())

    def text(name: str, extra: int) -> str:
        return character * (limit(name) // width + extra)

    for extra, expected in ((0, True), (1, False)):
        identifier = text("identifier_bytes", extra)
        name = text("attribute_name_bytes", extra)
        value = text("attribute_value_bytes", extra)
        event = {"name": text("event_name_bytes", extra)}
        assert accepts(check_path_identifier, identifier) is expected
        assert accepts(check_person_attributes, {name: 1}) is expected
        assert accepts(check_person_attributes, {"note": value}) is expected
        assert accepts(check_event, event, 0) is expected


def test_the_number_of_attributes_is_counted_without_instructions() -> None:
    most = {f"a{number}": number for number in range(limit("attributes_per_person"))}
    check_person_attributes({**most, "_update": True, "_timestamp": 1_760_000_000})

    with pytest.raises(Invalid, match="attributes, at most"):
        check_person_attributes({**most, "one_more": 1})


def test_event_data_is_limited_to_its_own_size() -> None:
    size = limit("event_data_bytes")
    fits = {"name": "buy", "data": {"x": "a" * (size - len('{"x":""}'))}}
    check_event(fits, size + 100)

    with pytest.raises(Invalid, match="at most"):
        check_event({"name": "buy", "data": {"x": fits["data"]["x"] + "a"}}, size + 100)  # type: ignore[index]


@pytest.mark.parametrize("value", [list(range(400)), {"k": "v" * 1000}, 10**1200])
def test_values_that_are_no_text_have_a_size_too(value: Any) -> None:
    with pytest.raises(Invalid, match="at most"):
        check_person_attributes({"large": value})


def test_names_of_events_are_trimmed_before_they_are_measured() -> None:
    assert check_event({"name": f"  {'a' * limit('event_name_bytes')}\t"}, 0) == "a" * 100


@pytest.mark.parametrize("value", [1_760_000_000_000, 1.5, "1760000000", True, -1])
@pytest.mark.parametrize("name", ["created_at", "_timestamp"])
def test_times_are_whole_unix_seconds(name: str, value: Any) -> None:
    with pytest.raises(Invalid, match="Unix seconds"):
        check_person_attributes({name: value})


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": 1},
        {"name": "a", "type": "click"},
        {"name": "a", "type": []},
        {"name": "a", "data": []},
        {"name": "a", "timestamp": "now"},
        {"name": "a", "id": "not a ULID"},
    ],
)
def test_bad_events(event: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        check_event(event, 0)


def test_a_ulid_is_the_same_in_either_case() -> None:
    assert check_event_id({"id": "01arz3ndektsv4rrffq69g5fav"}) == "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    with pytest.raises(Invalid):
        check_event_id({"id": "81ARZ3NDEKTSV4RRFFQ69G5FAV"})


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"id": ""},
        {"id": None},
        {"id": "1", "email": "a@x.com"},
        {"email": "no address"},
        {"x": 1},
    ],
)
def test_exactly_one_identifier_is_wanted(value: Any) -> None:
    with pytest.raises(Invalid):
        check_identifiers(value, "identifiers", ("id", "email", "cio_id"))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b'{"a":NaN}', b'{"a":"\xff"}', b"[" * 100_000, b"\xef\xbb\xbf{}"],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Invalid):
        parse_object(body)


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(Invalid, match="surrogate"):
        check_person_attributes(parse_object(rb'{"note":"\ud83d"}'))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@patient
@given(st.dictionaries(st.sampled_from(["id", "email", "name", "type", "data", "_update", "x"]), json_values))
def test_any_object_is_taken_or_refused_and_nothing_else(body: dict[str, Any]) -> None:
    accepts(check_person_attributes, body)
    accepts(check_event, body, 1_000_000)
