"""The one judge of answers: what was accepted, what was refused, and what nobody at Customer.io wrote."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.customerio.answers import Judgement, Meaning, Problem, judge
from config.customerio.paths import (
    BATCH_PATH,
    ENTITY_PATH,
    CallKind,
    call_kind,
    customer_path,
    events_path,
)
from users.outcome import FailureKind, failure_kind

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


def encoded(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def problem(status: int, content: Any) -> Problem:
    """Why the only operation of a request is refused."""
    judgement = judge(status, encoded(content), CallKind.ENTITY)
    assert judgement.meaning is Meaning.REFUSED
    assert judgement.problem is not None
    assert judgement.refused in ({0: judgement.problem}, {})
    return judgement.problem


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
    assert problem(400, content) == expected


def test_other_refusals_have_words_of_their_own() -> None:
    assert problem(422, b"<html>").reason == "status_422"
    assert problem(413, b"<html>") == Problem("too_large", "", "413: the request is too large")
    assert problem(413, {"meta": {"error": "too big"}}) == Problem("too_large", "", "too big")


def test_a_text_without_end_is_cut() -> None:
    assert len(problem(400, {"meta": {"error": "x" * 10_000}}).message) == 500


# -- refusals within a batch ----------------------------------------------------------------------


def test_a_207_names_the_refused() -> None:
    content = {"errors": [refused(2, "required"), refused(0), refused(2, "invalid", "id", "why")]}
    assert judge(207, encoded(content), CallKind.BATCH, 3) == Judgement(
        Meaning.PARTLY_REFUSED,
        207,
        {0: Problem("invalid", "name", "no"), 2: Problem("required", "name, id", "no; why")},
    )


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
    assert judge(207, encoded(content), CallKind.BATCH, 3) == Judgement(Meaning.DOUBTFUL, 207)


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 207, 226, 299])
@pytest.mark.parametrize("call", CallKind)
def test_a_2xx_of_any_number_that_names_errors_is_about_what_it_names(status: int, call: CallKind) -> None:
    content = {"errors": [refused(0, "required", "name", "empty")]}
    assert judge(status, encoded(content), call, 2 if call is CallKind.BATCH else 1) == Judgement(
        Meaning.PARTLY_REFUSED, status, {0: Problem("required", "name", "empty")}
    )


ERRORS: list[Any] = [
    {"errors": ["bad"]},
    {"errors": "bad"},
    {"errors": {"batch_index": 0, "reason": "invalid"}},
    {"errors": [{"reason": "invalid"}]},
    {"errors": [None]},
    {"errors": True},
    {"meta": {"error": "bad"}},
    {"meta": {"error": {"code": 1}}},
    {"meta": {"errors": ["bad"]}},
    {"meta": {"errors": "bad"}},
    {"meta": {"errors": ["bad"]}, "errors": []},
    {"meta": [{"error": "bad"}]},
    # A name that stands there twice: parsers keep the last value.
    b'{"errors": ["bad"], "errors": []}',
    b'{"errors": [], "errors": ["bad"]}',
    b'{"meta": {"error": "bad"}, "meta": {}}',
]


@pytest.mark.parametrize("content", ERRORS)
@pytest.mark.parametrize("status", [200, 204, 207])
def test_errors_in_all_their_forms_are_seen_in_a_2xx(status: int, content: Any) -> None:
    for call in (CallKind.V1, CallKind.ENTITY):
        judgement = judge(status, encoded(content), call)
        assert (judgement.meaning, list(judgement.refused)) == (Meaning.PARTLY_REFUSED, [0])
    names_an_item = content.get("errors") if isinstance(content, dict) else None
    in_batch = judge(status, encoded(content), CallKind.BATCH, 2)
    assert in_batch.meaning is (
        Meaning.PARTLY_REFUSED if isinstance(names_an_item, dict) else Meaning.DOUBTFUL
    )


SUCCESSES: list[Any] = [
    b"{}\n",
    b"{}",
    b" {} ",
    b"\xef\xbb\xbf{}",
    {"errors": []},
    {"errors": None},
    {"errors": {}},
    {"meta": {"errors": []}},
    {"meta": {"error": None}},
    {"meta": {}},
    {"meta": None, "errors": None},
    {"url": "https://track.customer.io", "region": "us", "environment_id": 1},
]


@pytest.mark.parametrize("content", SUCCESSES)
@pytest.mark.parametrize("call", CallKind)
def test_a_200_with_an_object_that_names_no_error_accepts_everything(content: Any, call: CallKind) -> None:
    assert judge(200, encoded(content), call, 1) == Judgement(Meaning.ACCEPTED, 200)


NOT_CUSTOMERIOS: list[Any] = [
    b"", b" \n", b"<html>Please sign in</html>", b"OK", b"[]", b"[1]", b"null", b"true", b'"{}"', b"0",
    b'{"error": "upstream timed out"}', b'{"error": {"code": 504}}',
    b"{", b"{}{}", b"{}\n<html>", b"\xff", b"\x1f\x8b\x08", b"[" * 100_000, b"{" * 100_000, b" " * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("body", NOT_CUSTOMERIOS)
@pytest.mark.parametrize("call", CallKind)
def test_a_200_that_somebody_else_wrote_accepts_nothing(body: bytes, call: CallKind) -> None:
    assert judge(200, body, call, 1) == Judgement(Meaning.FOREIGN, 200)


@pytest.mark.parametrize("status", [100, 101, 201, 202, 203, 204, 205, 206, 208, 226, 299])
@pytest.mark.parametrize("body", [b"", b"{}\n", b"<html>"])
@pytest.mark.parametrize("call", CallKind)
def test_another_2xx_accepts_nothing_whatever_is_in_it(status: int, body: bytes, call: CallKind) -> None:
    judgement = judge(status, body, call, 1)
    assert judgement == Judgement(Meaning.FOREIGN, status)
    assert failure_kind(judgement) is FailureKind.UNEXPECTED_2XX


@pytest.mark.parametrize(
    ("status", "meaning", "kind"),
    [
        (301, Meaning.REDIRECTED, FailureKind.REDIRECT),
        (304, Meaning.REDIRECTED, FailureKind.REDIRECT),
        (307, Meaning.REDIRECTED, FailureKind.REDIRECT),
        (400, Meaning.REFUSED, FailureKind.CLIENT_ERROR),
        (401, Meaning.UNAUTHORIZED, FailureKind.UNAUTHORIZED),
        (403, Meaning.UNAUTHORIZED, FailureKind.CLIENT_ERROR),
        (404, Meaning.UNEXPECTED, FailureKind.CLIENT_ERROR),
        (405, Meaning.UNEXPECTED, FailureKind.CLIENT_ERROR),
        (408, Meaning.RETRY, FailureKind.CLIENT_ERROR),
        (413, Meaning.REFUSED, FailureKind.CLIENT_ERROR),
        (422, Meaning.REFUSED, FailureKind.CLIENT_ERROR),
        (429, Meaning.RETRY, FailureKind.RATE_LIMITED),
        (500, Meaning.RETRY, FailureKind.SERVER_ERROR),
        (503, Meaning.RETRY, FailureKind.SERVER_ERROR),
        (522, Meaning.RETRY, FailureKind.SERVER_ERROR),
        (599, Meaning.RETRY, FailureKind.SERVER_ERROR),
    ],
)
@pytest.mark.parametrize("call", CallKind)
def test_beyond_2xx_the_status_decides(
    status: int, meaning: Meaning, kind: FailureKind, call: CallKind
) -> None:
    judgement = judge(status, b"{}\n", call, 1)
    assert (judgement.meaning, judgement.status) == (meaning, status)
    assert failure_kind(judgement) is kind


def test_a_body_that_json_can_read_and_not_write_is_no_crash() -> None:
    for depth in range(0, 1200, 7):
        deep = b'{"errors":[{"message":' + b"[" * depth + b"]" * depth + b"}]}"
        assert judge(200, deep, CallKind.ENTITY).meaning in (Meaning.PARTLY_REFUSED, Meaning.FOREIGN)
    lone = judge(200, b'{"errors":["\\ud800"]}', CallKind.V1)
    assert lone.refused[0].message.encode() == b"?"


@settings(deadline=None)
@given(
    status=st.integers(100, 599),
    content=json_values | st.binary(max_size=20),
    call=st.sampled_from(CallKind),
    items=st.integers(1, 5),
)
def test_any_answer_has_one_meaning_and_never_names_what_was_not_sent(
    status: int, content: Any, call: CallKind, items: int
) -> None:
    items = items if call is CallKind.BATCH else 1
    body = encoded(content)
    judgement = judge(status, body, call, items)
    assert judgement == judge(status, body, call, items)
    assert judgement.status == status
    assert judgement.refused.keys() <= set(range(items))
    assert (judgement.problem is not None) == (judgement.meaning is Meaning.REFUSED)
    if judgement.meaning is Meaning.PARTLY_REFUSED:
        assert judgement.refused
    # The check "status is 200" is therefore true of a 200 alone.
    accepted = judgement.meaning is Meaning.ACCEPTED
    assert accepted == (failure_kind(judgement) is None)
    assert not accepted or (status == 200 and isinstance(json.loads(body), Mapping))


@settings(deadline=None)
@given(json_values, st.integers(1, 5))
def test_a_207_names_items_of_its_batch_or_leaves_all_in_doubt(content: Any, items: int) -> None:
    judgement = judge(207, encoded(content), CallKind.BATCH, items)
    assert judgement.meaning is (Meaning.PARTLY_REFUSED if judgement.refused else Meaning.DOUBTFUL)


def test_paths_tell_the_kind_of_call() -> None:
    assert call_kind(BATCH_PATH) is CallKind.BATCH
    assert call_kind(ENTITY_PATH) is CallKind.ENTITY
    assert {call_kind(customer_path("ada")), call_kind(events_path("ada"))} == {CallKind.V1}
