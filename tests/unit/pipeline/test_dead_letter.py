"""Dead letters keep every byte, as a record and as a line."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dead_letter import DeadLetter, NotALetterError

_BYTES = st.none() | st.binary() | st.text().map(str.encode)
_TIMES = st.integers(-1, 2**53)
LETTERS = st.builds(
    DeadLetter,
    key=_BYTES,
    value=_BYTES,
    cause=st.text(),
    detail=st.text(),
    attempts=st.integers(0, 1000),
    topic=st.text(min_size=1),
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    timestamp_ms=_TIMES,
    failed_at_ms=_TIMES,
)
LETTER = DeadLetter(b"ada", b"{", "not_json", "character 1", 0, "events", 2, 17, 1000, 2000)


@given(LETTERS)
def test_a_record_brings_back_the_letter(letter: DeadLetter) -> None:
    record = letter.to_record()
    if (letter.key, letter.value) != (None, None):
        assert (record.key, record.value) == (letter.key, letter.value)
    assert DeadLetter.from_record(*record) == letter


@given(LETTERS)
def test_a_line_brings_back_the_letter(letter: DeadLetter) -> None:
    line = letter.to_json_line()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert DeadLetter.from_json_line(line) == letter
    assert DeadLetter.from_json_line(line.encode()) == letter


def test_a_message_of_nothing_is_something_to_send() -> None:
    """aiokafka sends no record without key and value; its letter must not be lost for that."""
    letter = DeadLetter(None, None, "tombstone", "", 0, "events", 0, 0, 0, 0)
    record = letter.to_record()
    assert record.value == b""
    assert DeadLetter.from_record(*record) == letter


def test_headers_without_a_value_are_passed_over() -> None:
    # Kafka allows them, whatever aiokafka's types say.
    empty = cast(list[tuple[str, bytes]], [("trace", None)])
    record = LETTER.to_record()
    assert DeadLetter.from_record(record.key, record.value, [*empty, *record.headers]) == LETTER
    nameless = cast(list[tuple[str, bytes]], [(name, None) for name, _ in record.headers])
    with pytest.raises(NotALetterError):
        DeadLetter.from_record(record.key, record.value, nameless)


def test_a_value_is_text_where_it_can_be() -> None:
    assert LETTER.to_json()["value"] == "{"
    assert DeadLetter.from_record(None, b"\xff", LETTER.to_record().headers).to_json()["value"] == {
        "base64": "/w=="
    }


def test_half_of_a_surrogate_pair_in_the_detail_does_no_harm() -> None:
    letter = DeadLetter(b"k", b"v", "refused", "bad \ud800", 1, "events", 0, 0, 0, 0)
    letter.to_json_line().encode()
    assert DeadLetter.from_record(*letter.to_record()).detail == "bad \\ud800"


def test_nothing_of_the_person_is_in_its_repr() -> None:
    assert "ada" not in repr(LETTER)


@pytest.mark.parametrize("name", ["dlq-cause", "dlq-topic", "dlq-failed-at-ms"])
def test_a_record_without_a_header_is_no_letter(name: str) -> None:
    headers = [header for header in LETTER.to_record().headers if header[0] != name]
    with pytest.raises(NotALetterError, match=name):
        DeadLetter.from_record(b"k", b"v", headers)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "JSON"),
        ("[]", "object"),
        ("{}", "attempts"),
        (LETTER.to_json_line().replace('"offset":17', '"offset":true'), "offset"),
        (LETTER.to_json_line().replace('"key":"ada"', '"key":{"base64":"!"}'), "key"),
        (LETTER.to_json_line().replace('"key":"ada"', '"key":7'), "key"),
    ],
)
def test_another_line_is_no_letter(line: str, expected: str) -> None:
    with pytest.raises(NotALetterError, match=expected):
        DeadLetter.from_json_line(line)
