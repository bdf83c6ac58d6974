"""Identifiers: their shapes, and that a path names the person whom it is made for, or is not made."""

from __future__ import annotations

import json
import posixpath
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests import Request

from config.customerio.identifiers import flaw_of_identifier, identifier_by_shape
from config.customerio.limits import limit
from config.customerio.paths import customer_path, events_path
from pipeline.client import v1_body, v2_item
from pipeline.delivery.message import PoisonError, Stamp, parse_message
from pipeline.operation import Operation
from pipeline.outcome import Refused
from standin.person import identifier_in_path

STAMP = Stamp("01ARZ3NDEKTSV4RRFFQ69G5FAV", None, None)
CUSTOMERS = "/api/v1/customers/"

SHAPES = {
    "ada": ("id", "ada"),
    "42": ("id", "42"),
    "auth0|5f7c8ec7c33c6c004bbafe82": ("id", "auth0|5f7c8ec7c33c6c004bbafe82"),
    "ada@example.com": ("email", "ada@example.com"),
    "Ada+tag@Example.COM": ("email", "Ada+tag@Example.COM"),
    "@ada": ("id", "@ada"),
    "ada@": ("id", "ada@"),
    "a@b@c": ("id", "a@b@c"),
    "a/b c@example.com": ("email", "a/b c@example.com"),
    "cio_03000010": ("cio_id", "03000010"),
    "cio_a@b.com": ("email", "cio_a@b.com"),
    "CIO_03000010": ("id", "CIO_03000010"),
    "cio": ("id", "cio"),
}

SENDABLE = [
    *SHAPES, "a/b", "a%2Fb", "https://id.example.com/7", "a//b", "100%", "%", "%zz", "...", "a..b", "..a",
    ".a", "a.", "a\\b", "ü", "a?b#c", "a;b", "~", "-", "_", " ada ", "x" * limit("identifier_bytes"),
    "events", "a/events", ";x", "a;..", "\N{HORIZONTAL ELLIPSIS}", "a/ b", "user#1", "..@b.example",
]  # fmt: skip
FLAWED = [
    "", " ", "\t", ".", "..", "%2e", "%2E%2e", ".%2e", "%252e%252e", "%25252E.", "../x", "x/..", "a/../b",
    "a/./b", "..%2fx", "a%2f..%2Fb", "..\\x", "a%5c..%5cb", "/", "//", "/a", "a/", "%2fa", "a%2F",
    "a%252f", "\\a", "a\\", "a\x00b", "a\nb", "a\r", "a\x7f", "a\x85b", "a%00b", "a%0d%0ab", "a%250a",
    "..;", "..;x", "a/..;x=1/b", ".;x", "..%3bx", " ..", ".. ", "..%20", "a/ ../b",
    "\N{FULLWIDTH FULL STOP}" * 2, "\N{TWO DOT LEADER}", "a/\N{ONE DOT LEADER}./b",
    "a\N{FULLWIDTH SOLIDUS}..",
    "cio_", "\ud800", "x" * (limit("identifier_bytes") + 1), "ü" * 76,
]  # fmt: skip


@pytest.mark.parametrize("text", SHAPES)
def test_shape_tells_the_kind(text: str) -> None:
    assert identifier_by_shape(text) == SHAPES[text]


@pytest.mark.parametrize("text", SENDABLE)
def test_an_identifier_goes_into_a_path_as_one_segment(text: str) -> None:
    assert flaw_of_identifier(text) is None
    assert customer_path(text).count("/") == CUSTOMERS.count("/")
    assert unquote(customer_path(text).removeprefix(CUSTOMERS)) == text
    assert events_path(text) == customer_path(text) + "/events"
    # Nor does the load test's client rewrite it.
    assert urlsplit(
        Request("PUT", "http://x" + customer_path(text)).prepare().url or ""
    ).path == customer_path(text)


@pytest.mark.parametrize("text", FLAWED)
def test_a_flawed_identifier_has_a_reason_and_no_path(text: str) -> None:
    flaw = flaw_of_identifier(text)
    assert flaw
    assert flaw.isascii()
    assert "\n" not in flaw
    for path in (customer_path, events_path):
        with pytest.raises(ValueError, match="identifier: "):
            path(text)


pieces = st.lists(
    st.sampled_from([".", "/", "\\", "%", "2e", "2F", "5c", "25", "00", "a", "é", "\n", "cio_", "@", " "]),
    max_size=8,
).map("".join)


@settings(deadline=None)
@given(pieces | st.text(max_size=12))
def test_no_front_end_that_decodes_and_normalises_makes_another_path_of_it(text: str) -> None:
    if flaw_of_identifier(text) is not None:
        return
    for path in (customer_path(text), events_path(text)):
        decoded = path
        for _ in range(5):
            assert posixpath.normpath(decoded).startswith(CUSTOMERS)
            # Slashes within may be merged, which makes an id that nobody else has; nothing else is lost.
            assert posixpath.normpath(decoded).replace("/", "") == decoded.replace("/", "")
            decoded = unquote(decoded)


def message(person: Any) -> bytes:
    return json.dumps({"type": "track", "userId": person, "payload": {"event": "visit"}}).encode()


@pytest.mark.parametrize("text", FLAWED)
@pytest.mark.parametrize("kind", ["identify", "track"])
def test_a_flawed_identifier_is_dead_lettered_in_both_apis(text: str, kind: Any) -> None:
    with pytest.raises(PoisonError) as caught:
        parse_message(message(text), STAMP)
    assert caught.value.cause == ("not_utf8" if text == "\ud800" else "bad_user_id")
    operation = Operation(kind, text, {}, event="visit")
    assert v1_body(operation) == v2_item(operation)
    refused = v1_body(operation)
    assert isinstance(refused, Refused)
    assert (refused.attempts, refused.status, refused.field) == (0, None, "identifier")


@pytest.mark.parametrize("text", SENDABLE)
def test_an_identifier_means_the_same_in_v1_and_v2(text: str) -> None:
    """The stand-in reads the path as Customer.io describes it."""
    operation = parse_message(message(text), STAMP)
    assert isinstance(operation, Operation)
    in_path = unquote(operation.v1_path.removeprefix(CUSTOMERS).removesuffix("/events"))
    in_body = json.loads(operation.v2_item)["identifiers"]
    ((kind, value),) = in_body.items()
    assert (kind, value) == identifier_by_shape(text)
    found = identifier_in_path(in_path)
    assert (found.kind, found.value) == (kind, value.lower() if kind == "email" else value)
