"""A message keeps its origin and its de-duplication id through every replay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from pipeline.origin import Origin, deduplication_id, origin_of, replay_headers

ORIGINS = st.builds(
    Origin, st.text(min_size=1), st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1), st.integers(-1, 2**50)
)


@dataclass(frozen=True)
class Read:
    """A record as a consumer gets it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    headers: tuple[tuple[str, bytes], ...] = ()


@given(ORIGINS)
def test_a_record_is_its_own_origin(origin: Origin) -> None:
    assert origin_of(Read(*origin)) == origin


@given(ORIGINS, ORIGINS)
def test_a_replayed_record_keeps_its_origin(first: Origin, again: Origin) -> None:
    assert origin_of(Read(*again, tuple(replay_headers(first)))) == first


@pytest.mark.parametrize("left_out", range(4))
def test_a_half_of_an_origin_is_none(left_out: int) -> None:
    headers = replay_headers(Origin("events", 1, 2, 3))
    del headers[left_out]
    assert origin_of(Read("again", 0, 5, 7, tuple(headers))) == Origin("again", 0, 5, 7)


def test_headers_of_another_form_are_no_origin() -> None:
    headers = [*replay_headers(Origin("events", 1, 2, 3)), ("replay-offset", b"\xff")]
    assert origin_of(Read("again", 0, 5, 7, tuple(headers))) == Origin("again", 0, 5, 7)


def test_headers_without_a_value_are_no_origin() -> None:
    # Kafka allows it, whatever aiokafka's types say.
    headers = cast(
        tuple[tuple[str, bytes], ...], tuple((name, None) for name, _ in replay_headers(Origin("e", 1, 2, 3)))
    )
    assert origin_of(Read("again", 0, 5, 7, headers)) == Origin("again", 0, 5, 7)


@given(ORIGINS)
def test_an_id_is_a_ulid_of_the_records_time(origin: Origin) -> None:
    parsed = ULID.from_str(deduplication_id(*origin))
    expected = origin.timestamp_ms if 0 <= origin.timestamp_ms < 2**48 else 0
    assert parsed.milliseconds == expected
    assert deduplication_id(*origin) == str(parsed)


@given(ORIGINS, ORIGINS)
def test_different_positions_have_different_ids(one: Origin, other: Origin) -> None:
    assert (deduplication_id(*one) == deduplication_id(*other)) == (_place(one) == _place(other))


@pytest.mark.parametrize("other", [("a", 11, 1), ("a1", 1, 1), ("a", 1, 11), ('a", 1', 1, 1)])
def test_neighbouring_texts_do_not_run_together(other: tuple[str, int, int]) -> None:
    assert deduplication_id("a", 1, 1, 5) != deduplication_id(*other, 5)


def test_an_id_stays_as_it_is() -> None:
    """A change would double what is redelivered across an upgrade."""
    assert deduplication_id("customerio-events", 3, 42, 1_764_000_000_000) == "01KAV9FT00MFT5X7R1M8TZC77B"


def _place(origin: Origin) -> tuple[str, int, int, int]:
    time_ms = origin.timestamp_ms if 0 <= origin.timestamp_ms < 2**48 else 0
    return (origin.topic, origin.partition, origin.offset, time_ms)
