"""What is found out about an operation before it is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.client.before_sending import (
    BATCH_FRAME_BYTES,
    ITEM_BYTES,
    batch_body,
    batch_size_bytes,
    v1_body,
    v2_item,
    with_deduplication_id,
)
from pipeline.operation import Operation
from pipeline.outcome import Refused


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1, 2}, b"bytes"])
def test_what_is_no_json_is_refused_before_it_is_sent(value: Any) -> None:
    for operation in (
        Operation("identify", "ada", {"a": value}),
        Operation("track", "ada", {"a": value}, event="visit"),
    ):
        for body in (v1_body(operation), v2_item(operation)):
            assert isinstance(body, Refused)
            assert (body.attempts, body.status, body.reason) == (0, None, "invalid")


def test_what_has_no_end_is_refused_before_it_is_sent() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert v2_item(Operation("identify", "ada", deep)) == Refused(0, None, "invalid", "", "nested too deeply")


def test_an_id_that_has_no_utf_8_form_is_refused() -> None:
    body = v1_body(Operation("identify", "\udc00", {}))
    assert isinstance(body, Refused)
    assert "surrogates" in body.message


def test_the_limits_are_kept_to_the_byte() -> None:
    frame = len(Operation("identify", "ada", {"a": ""}).v2_item)
    fits = Operation("identify", "ada", {"a": "x" * (ITEM_BYTES - frame)})
    beyond = Operation("identify", "ada", {"a": "x" * (ITEM_BYTES - frame + 1)})
    assert v2_item(fits) == fits.v2_item
    assert v2_item(beyond) == Refused(0, None, "too_large", "", "32769 bytes, at most 32768 are allowed")

    data = {"a": "x" * (100_000 - len('{"a":""}'))}
    event = Operation("track", "ada", data, event="visit")
    assert v1_body(event) == event.v1_body
    larger = v1_body(Operation("track", "ada", {**data, "b": 1}, event="visit"))
    assert larger == Refused(0, None, "too_large", "data", "100006 bytes, at most 100000 are allowed")
    # No limit is published for an identify of v1 as a whole.
    assert isinstance(v1_body(Operation("identify", "ada", {**data, "b": 1})), bytes)


def test_only_an_event_without_an_id_gets_one() -> None:
    identify = Operation("identify", "ada", {})
    named = Operation("track", "ada", {}, event="visit", deduplication_id="01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert with_deduplication_id(identify) is identify
    assert with_deduplication_id(named) is named
    event = Operation("track", "ada", {}, event="visit")
    first, second = with_deduplication_id(event), with_deduplication_id(event)
    assert first.deduplication_id != second.deduplication_id
    assert len(first.deduplication_id or "") == 26


@given(
    st.lists(
        st.builds(
            Operation,
            st.sampled_from(["identify", "track"]),
            st.text(min_size=1, max_size=5),
            st.dictionaries(st.text(max_size=3), st.text(max_size=20) | st.just(float("nan")), max_size=3),
            st.text(max_size=5),
        ),
        max_size=10,
    )
)
def test_sizes_add_up_to_no_less_than_the_batch(operations: list[Operation]) -> None:
    bodies = [v2_item(with_deduplication_id(operation)) for operation in operations]
    sent = [body for body in bodies if isinstance(body, bytes)]
    size = len(batch_body(sent))
    counted = BATCH_FRAME_BYTES + sum(map(batch_size_bytes, operations))
    assert counted - 1 <= size <= counted
