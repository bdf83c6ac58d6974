"""What answers say, and what is found out about an operation before it is sent."""

from __future__ import annotations

import json
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
from pipeline.client.replies import Problem, Reply, named_problems, partial_problems, problem
from pipeline.operation import Operation
from pipeline.outcome import Refused

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["errors", "meta", "error", "batch_index", "reason", "field", "message"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def reply(status: int, content: Any) -> Reply:
    return Reply(status, content if isinstance(content, bytes) else json.dumps(content).encode())


def refused(index: Any, reason: str = "invalid", field: str = "name", message: str = "no") -> dict[str, Any]:
    return {"batch_index": index, "reason": reason, "field": field, "message": message}


# -- refusals of one operation --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"meta": {"error": "id: too long"}}, Problem("invalid", "", "id: too long")),
        (
            {"meta": {"errors": ["name: empty", "data: none"]}},
            Problem("invalid", "", "name: empty; data: none"),
        ),
        (
            {"errors": [{"reason": "required", "field": "name", "message": "expected a name"}]},
            Problem("required", "name", "expected a name"),
        ),
        (
            {"errors": [refused(0, "required", "name", "empty"), refused(0, "invalid", "id", "no ULID")]},
            Problem("required", "name, id", "empty; no ULID"),
        ),
        ({"errors": ["bad", {"field": 7}]}, Problem("invalid", "7", "bad")),
        ({"meta": {"error": {"code": 1}}}, Problem("invalid", "", '{"code": 1}')),
        (b"<html>Bad Request</html>", Problem("invalid", "", "400 without a reason that can be read")),
        ([], Problem("invalid", "", "400 without a reason that can be read")),
        (b"", Problem("invalid", "", "400 without a reason that can be read")),
        (b"\xff", Problem("invalid", "", "400 without a reason that can be read")),
        (b"[" * 100_000, Problem("invalid", "", "400 without a reason that can be read")),
    ],
)
def test_a_400_is_read_in_all_its_forms(content: Any, expected: Problem) -> None:
    assert problem(reply(400, content)) == expected


def test_other_refusals_have_words_of_their_own() -> None:
    assert problem(Reply(404, b"<html>")).reason == "status_404"
    assert problem(Reply(413, b"<html>")) == Problem("too_large", "", "413: the request is too large")
    assert problem(reply(413, {"meta": {"error": "too big"}})) == Problem("too_large", "", "too big")


def test_a_text_without_end_is_cut() -> None:
    assert len(problem(reply(400, {"meta": {"error": "x" * 10_000}})).message) == 500


# -- refusals within a batch ----------------------------------------------------------------------


def test_a_207_names_the_refused() -> None:
    content = {"errors": [refused(2, "required"), refused(0), refused(2, "invalid", "id", "why")]}
    assert partial_problems(reply(207, content), 3) == {
        0: Problem("invalid", "name", "no"),
        2: Problem("required", "name, id", "no; why"),
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b'{"errors": [{"batch_index": 1',
        {},
        {"errors": []},
        {"errors": "bad"},
        {"errors": [refused(0), {"reason": "invalid"}]},
        {"errors": [refused(0), refused(3)]},
        {"errors": [refused(-1)]},
        {"errors": [refused(True)]},
        {"errors": [refused(1.0)]},
        {"errors": [refused("1")]},
        {"errors": [refused(0)], "meta": {"error": "and more"}},
    ],
)
def test_a_207_that_cannot_be_relied_on_says_nothing(content: Any) -> None:
    assert partial_problems(reply(207, content), 3) is None


@given(json_values, st.integers(1, 5))
def test_any_answer_is_read_or_not_and_never_names_what_was_not_sent(content: Any, items: int) -> None:
    answer = reply(207, content)
    assert problem(answer).reason
    assert named_problems(answer, items).keys() <= set(range(items))
    partial = partial_problems(answer, items)
    assert partial is None or (partial and partial == named_problems(answer, items))


# -- before sending -------------------------------------------------------------------------------


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
