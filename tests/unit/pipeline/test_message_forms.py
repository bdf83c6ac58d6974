"""The odd forms in which good messages arrive: none is lost, emptied or stamped with a wrong id or time."""

from __future__ import annotations

import asyncio
import bz2
import gzip
import json
import lzma
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from pipeline.delivery.encodings import HEAD_BYTES, name_of_encoding
from pipeline.delivery.mapping import load_mapping
from pipeline.delivery.message import PoisonError, Stamp, parse_message
from pipeline.operation import Operation
from pipeline.origin import normal_ms
from pipeline.produce.sources import Lines

ULID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
OWN = "01bx5zzkbkactav9wevgemmvrz"
STAMP = Stamp(deduplication_id=ULID, timestamp=1_700_000_000, order_key=None)


def parsed(message: Any) -> Operation:
    operation = parse_message(json.dumps(message).encode(), STAMP)
    assert isinstance(operation, Operation)
    return operation


def track(payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "track", "userId": "u1", "payload": {"event": "order", **payload}, **more}


@pytest.mark.parametrize(
    ("event_id", "expected"),
    [(OWN, OWN), ("u1", ULID), ("8" + OWN[1:], ULID), (7, ULID), (None, ULID), (OWN + "0", ULID)],
)
def test_an_id_is_honoured_where_it_is_a_ulid(event_id: Any, expected: str) -> None:
    assert parsed(track({"id": event_id})).deduplication_id == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (track({"timestamp": 1712345678.0}), 1_712_345_678),
        (track({}, timestamp=1_712_345_678), 1_712_345_678),
        (track({}, timestamp=1712345678.0), 1_712_345_678),
        (track({"timestamp": 5}, timestamp=6), 5),
        (track({"timestamp": None}, timestamp=None), STAMP.timestamp),
    ],
)
def test_a_time_counts_beside_the_payload_and_as_a_float(message: Any, expected: int) -> None:
    timestamp = parsed(message).timestamp
    assert (timestamp, type(timestamp)) == (expected, int)


@pytest.mark.parametrize("name", ["properties", "data", "attributes"])
def test_event_data_count_under_each_of_their_names(name: str) -> None:
    assert parsed(track({name: {"total": 5}})).attributes == {"total": 5}


def test_no_event_data_are_lost_where_there_are_two() -> None:
    assert parsed(track({"properties": {}, "data": {"a": 1}})).attributes == {"a": 1}
    assert parsed(track({"properties": {"a": 1}, "data": {"a": 1}})).attributes == {"a": 1}
    with pytest.raises(PoisonError, match="expected one of properties, data, attributes"):
        parsed(track({"properties": {"a": 1}, "data": {"b": 1}}))


def test_a_whole_number_is_an_id_however_it_is_written() -> None:
    assert parsed({"type": "identify", "userId": 42.0, "payload": {}}).person == "42"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (track({"timestamp": 1712345678.5}), "bad_payload"),
        (track({}, timestamp="2026-01-01T00:00:00Z"), "bad_payload"),
        (track({}, timestamp=1_712_345_678_000), "bad_payload"),
        ({"type": "identify", "userId": 1e300, "payload": {}}, "bad_user_id"),
    ],
)
def test_what_is_no_whole_number_of_seconds_is_poison(message: Any, cause: str) -> None:
    with pytest.raises(PoisonError) as caught:
        parsed(message)
    assert caught.value.cause == cause


def test_byte_order_marks_are_skipped() -> None:
    content = b"\xef\xbb\xbf" * 2 + json.dumps(track({})).encode()
    assert parse_message(content, STAMP).kind == "track"


def zipped(content: bytes) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (gzip.compress(b"{}"), "gzip"),
        (bz2.compress(b"{}"), "bzip2"),
        (lzma.compress(b"{}"), "xz"),
        (zipped(b"{}"), "zip"),
        ("{}".encode("utf-16"), "UTF-16"),
    ],
    # The bytes hold the time of packing, and parallel processes must agree on the names of tests.
    ids=["gzip", "bzip2", "xz", "zip", "utf-16"],
)
def test_what_is_compressed_is_refused_with_its_name(content: bytes, name: str) -> None:
    assert name in str(name_of_encoding(content[:HEAD_BYTES]))
    with pytest.raises(PoisonError, match=name) as caught:
        parse_message(content, STAMP)
    assert caught.value.cause == "not_utf8"


def test_the_producer_refuses_a_compressed_file_and_skips_blank_lines(tmp_path: Path) -> None:
    async def messages(path: Path) -> list[str]:
        with path.open("rb") as file:
            lines = Lines(path.name, file.fileno(), skip_bad=False)
            return [message.key.decode() async for message in lines.messages()]

    packed, plain = tmp_path / "events.gz", tmp_path / "events.jsonl"
    packed.write_bytes(gzip.compress(json.dumps(track({})).encode()))
    plain.write_bytes(b"\xef\xbb\xbf\r\n" + json.dumps(track({})).encode() + b"\n\n")
    with pytest.raises(ConfigError, match=r"events\.gz: this is gzip"):
        asyncio.run(messages(packed))
    assert asyncio.run(messages(plain)) == ["u1"]


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_a_record_time_is_recognised_in_any_unit(unit: int) -> None:
    assert normal_ms(1_712_345_678 * unit) // 1000 == 1_712_345_678


@pytest.mark.parametrize("timestamp_ms", [-1, 0, 1000, 5 * 10**8])
def test_other_record_times_stay_as_they_are(timestamp_ms: int) -> None:
    assert normal_ms(timestamp_ms) == timestamp_ms


MAPPING = """
def good(message):
    return {"type": "identify", "userId": message["who"], "payload": {}}

def nothing(message):
    return None

def no_json(message):
    return {"type": "identify", "userId": "ada", "payload": {"at": object()}}

def two(message, more):
    return message

async def slow(message):
    return message

thing = 7
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "our_mapping.py").write_text(MAPPING)
    (tmp_path / "newer_mapping.py").write_text("MESSAGE_MAPPING_VERSION = 2\n" + MAPPING)
    (tmp_path / "broken_mapping.py").write_text("raise RuntimeError('two\\nlines')\n")
    (tmp_path / "wrong_mapping.py").write_text("def (:\n")
    return tmp_path


def test_a_mapping_turns_another_shape_into_ours(modules: Path) -> None:
    operation = parse_message(b'{"who":"ada"}', STAMP, load_mapping("our_mapping:good"))
    assert isinstance(operation, Operation)
    assert operation.person == "ada"
    assert load_mapping(None) is None


@pytest.mark.parametrize("name", ["good", "nothing", "no_json"])
def test_a_message_that_is_not_mapped_is_poison(modules: Path, name: str) -> None:
    with pytest.raises(PoisonError) as caught:
        parse_message(b'{"secret":"ada"}', STAMP, load_mapping(f"our_mapping:{name}"))
    assert caught.value.cause == "unmapped"
    assert "ada" not in caught.value.detail


@pytest.mark.parametrize(
    "setting",
    [
        "our_mapping",
        "our_mapping.good",
        "our mapping:good",
        ":good",
        "no_such_module:good",
        "our_mapping:missing",
        "our_mapping:thing",
        "our_mapping:two",
        "our_mapping:slow",
        "newer_mapping:good",
        "broken_mapping:good",
        "wrong_mapping:good",
    ],
)
def test_a_wrong_mapping_is_one_line_that_names_the_setting(modules: Path, setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_mapping(setting)
    assert str(caught.value).startswith("MESSAGE_MAPPING: ")
    assert "\n" not in str(caught.value)
