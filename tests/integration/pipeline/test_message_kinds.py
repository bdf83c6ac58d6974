"""Native operations, anonymous events and mapped messages reach the stand-in and do there what they say."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs.pipeline_worker import WorkerProcess
from tests.servers.standin_server import StandinServer


@pytest.fixture
def standin() -> Iterator[StandinServer]:
    with StandinServer() as running:
        yield running


def run(standin: StandinServer, source: Path, **variables: str) -> tuple[int, str, str]:
    settings = {
        "CUSTOMERIO_BASE_URL": standin.url,
        "BATCH_WAIT_MS": "20",
        "LIMIT_MIN_GAP_MS": "0",
        **variables,
    }
    with WorkerProcess(settings, "--from", str(source)) as worker:
        return worker.wait(30), worker.output(), worker.errors()


def written(tmp_path: Path, *messages: dict[str, Any]) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("".join(json.dumps(message) + "\n" for message in messages))
    return path


def person(who: str, action: str, **more: Any) -> dict[str, Any]:
    return {"type": "person", "identifiers": {"id": who}, "action": action, **more}


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_every_kind_does_at_the_standin_what_it_says(
    standin: StandinServer, tmp_path: Path, api: str
) -> None:
    visit = {"event": "visit", "properties": {"a": 1}}
    source = written(
        tmp_path,
        {"type": "track", "anonymousId": "anon-1", "payload": visit},
        {**person("", "page", name="/home"), "identifiers": {"anonymous_id": "anon-1"}},
        {"type": "identify", "userId": "ada", "payload": {"plan": "pro", "anonymous_id": "anon-1"}},
        person("ada", "event", name="bought", attributes={"price": 3}),
        person("ada", "screen", name="home"),
        person("ada", "add_device", device={"token": "phone", "platform": "ios"}),
        person("ada", "add_device", device={"token": "tablet", "platform": "ios"}),
        person("ada", "delete_device", device={"token": "tablet"}),
        person("ada", "add_relationships", cio_relationships=[{"identifiers": {"cio_object_id": "1"}}]),
        person("bob", "identify", attributes={"plan": "free"}),
        person("bob", "delete"),
        person("eve", "identify"),
        person("eve", "suppress"),
        {"type": "object", "identifiers": {"object_type_id": "1", "object_id": "acme"}, "action": "identify"},
        {"type": "person", "action": "merge", "primary": {"id": "zoe"}, "secondary": {"email": "z@b.com"}},
    )  # fmt: skip
    code, output, errors = run(standin, source, TRACK_API=api)
    assert (code, output) == (0, "events.jsonl: 15 delivered, 0 dead letters\n"), errors
    ada = standin.person("ada")
    assert ada is not None
    assert ada["attributes"]["plan"] == "pro"
    assert ada["events"]["bought"] == 1
    assert list(ada["devices"]) == ["phone"]
    assert standin.person("bob") is None
    assert standin.stats()["requests"]["track_anonymous"] == 2


def test_messages_go_through_the_pipelines_api_too(tmp_path: Path) -> None:
    source = written(
        tmp_path,
        {"type": "track", "anonymousId": "anon-1", "payload": {"event": "visit"}},
        {"type": "identify", "userId": "ada", "payload": {"plan": "pro", "anonymous_id": "anon-1"}},
        {"type": "track", "userId": "ada", "payload": {"event": "bought", "timestamp": 1_760_000_000}},
        person("bob", "delete"),
    )
    variables = {"TRACK_API": "pipelines", "CUSTOMERIO_WRITE_KEY": "the-write-key"}
    with StandinServer("--write-key", "the-write-key") as standin:
        code, output, errors = run(standin, source, **variables)
        stats, ada = standin.stats(), standin.person("ada")
        again = tmp_path / "again.jsonl"
        again.write_bytes(source.read_bytes())
        wrong = run(standin, again, **{**variables, "CUSTOMERIO_WRITE_KEY": "another-write-key"})
    assert output.startswith("events.jsonl: 3 delivered, 1 dead letters"), errors
    assert code == 1
    [letter] = Path(f"{source}.dead.jsonl").read_text().splitlines()
    assert "TRACK_API=v2" in letter
    assert ada is not None
    assert (ada["attributes"]["plan"], ada["events"]) == ("pro", {"visit": 1, "bought": 1})
    # The first call, which is invalid, shows that the key works and strict mode is on.
    assert stats["requests"] == {"pipelines_identify": 1, "pipelines_batch": 1}
    assert stats["ignored"] == 0
    assert wrong[0] == 2
    assert "the write key is wrong" in wrong[2]
    assert "another-write-key" not in wrong[2]


def test_a_mapped_file_needs_no_fork(standin: StandinServer, tmp_path: Path) -> None:
    source = written(
        tmp_path,
        {"type": "identify", "userId": "ada", "traits": {"plan": "pro"}},
        {"type": "track", "userId": "ada", "event": "bought", "timestamp": "2026-01-31T12:00:00Z"},
        {"type": "page", "anonymousId": "anon", "name": "/home", "properties": {"path": "/"}},
        {"type": "group", "userId": "ada", "groupId": "acme", "traits": {"size": 3}},
        {"type": "alias", "userId": "ada", "previousId": "old"},
        {"type": "unheard-of"},
    )  # fmt: skip
    mapping = {"MESSAGE_MAPPING": "examples.segment_mapping:map_message"}
    code, output, errors = run(standin, source, **mapping)
    assert code == 1
    assert output.startswith("events.jsonl: 5 delivered, 1 dead letters"), errors
    [letter] = Path(f"{source}.dead.jsonl").read_text().splitlines()
    assert json.loads(letter)["cause"] == "unmapped"
    ada = standin.person("ada")
    assert ada is not None
    assert (ada["attributes"]["plan"], ada["events"]["bought"]) == ("pro", 1)


def test_a_wrong_mapping_stops_it_before_anything_is_sent(standin: StandinServer, tmp_path: Path) -> None:
    code, _, errors = run(standin, written(tmp_path), MESSAGE_MAPPING="examples.segment_mapping:missing")
    assert code == 2
    assert errors.splitlines()[-1].startswith("error: MESSAGE_MAPPING: ")
    assert standin.stats()["requests"] == {}


def test_blank_lines_and_byte_order_marks_are_no_dead_letters(standin: StandinServer, tmp_path: Path) -> None:
    mark, message = b"\xef\xbb\xbf", b'{"type":"identify","userId":"ada","payload":{}}'
    source = tmp_path / "events.jsonl"
    source.write_bytes(mark + b"\r\n" + mark + message + b"\n\n \t\r\n" + message + b"\n" + mark)
    assert run(standin, source)[:2] == (0, "events.jsonl: 2 delivered, 0 dead letters\n")


def test_a_compressed_file_is_refused_with_its_name(standin: StandinServer, tmp_path: Path) -> None:
    source = tmp_path / "events.jsonl.gz"
    source.write_bytes(gzip.compress(b'{"type":"identify","userId":"ada","payload":{}}\n' * 100))
    code, _, errors = run(standin, source)
    assert code == 2
    assert "gzip" in errors.splitlines()[-1]
    assert standin.stats()["items"]["taken"] == {}
    assert not Path(f"{source}.dead.jsonl").exists()
