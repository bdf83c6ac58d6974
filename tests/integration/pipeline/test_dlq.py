"""``python -m pipeline.dlq`` on a real broker: nothing is lost, nothing personal is shown unasked."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.dead_letter import DeadLetter
from pipeline.dlq.command import main
from pipeline.origin import origin_of
from tests.programs.command_line import mistake
from tests.servers.kafka_broker import KafkaBroker, Message

_ROOT = Path(__file__).resolve().parents[3]
_DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with KafkaBroker() as running:
        yield running


def letter(number: int, cause: str = "refused", **changed: Any) -> DeadLetter:
    value = json.dumps({"type": "identify", "userId": f"person-{number}", "payload": {"n": number}}).encode()
    facts: dict[str, Any] = {
        "key": f"person-{number}".encode(),
        "value": value,
        "cause": cause,
        "detail": "400, invalid: name: müßte anders sein",
        "attempts": 1,
        "topic": "events",
        "partition": 2,
        "offset": 1000 + number,
        "timestamp_ms": 1_764_000_000_000 + number,
        "failed_at_ms": 1_764_000_000_000 + number * _DAY_MS,
    }
    return DeadLetter(**(facts | changed))


def fill(broker: KafkaBroker, topic: str, letters: Sequence[DeadLetter], partitions: int = 1) -> None:
    """Makes ``topic`` and its dead-letter topic; letter n goes to partition n mod ``partitions``."""

    async def produce() -> None:
        await broker.create_topic(topic, 3)
        await broker.create_topic(f"{topic}-dlq", partitions)
        messages = []
        for number, letter in enumerate(letters):
            key, value, headers = letter.to_record()
            messages.append(Message(key, value, number % partitions, headers))
        await broker.produce(f"{topic}-dlq", messages)

    asyncio.run(produce())


def dlq(broker: KafkaBroker, command: str, topic: str, *options: str) -> int:
    return main([command, "--brokers", broker.address, "--topic", topic, *options])


def listed(
    broker: KafkaBroker, capsys: pytest.CaptureFixture[str], topic: str, *options: str
) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert dlq(broker, "list", topic, "--json", *options) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def arrived(broker: KafkaBroker, topic: str, count: int = 0) -> list[Any]:
    return asyncio.run(broker.read_all(topic, count))


def test_list_shows_no_key_and_no_payload(broker: KafkaBroker, capsys: pytest.CaptureFixture[str]) -> None:
    fill(broker, "shown", [letter(1), letter(2, "too_large", attempts=3)])
    assert dlq(broker, "list", "shown") == 0
    out = capsys.readouterr().out
    assert [line.split("\t")[:4] for line in out.splitlines()] == [
        ["0:0", "refused", "1", "2025-11-25T16:00:00Z"],
        ["0:1", "too_large", "3", "2025-11-26T16:00:00Z"],
    ]
    assert "person" not in out
    assert dlq(broker, "list", "shown", "--show-keys") == 0
    assert "person-1" in capsys.readouterr().out


def test_filters(broker: KafkaBroker, capsys: pytest.CaptureFixture[str]) -> None:
    causes = ["refused", "not_json", "too_large"]
    fill(broker, "filters", [letter(n, causes[n % 3]) for n in range(12)], partitions=2)

    def origins(*options: str) -> list[int]:
        return [letter["offset"] - 1000 for letter in listed(broker, capsys, "filters", *options)]

    assert origins() == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]
    assert origins("--cause", "not_json") == [4, 10, 1, 7]
    assert origins("--cause", "not_json", "--cause", "too_large", "--partition", "1") == [1, 5, 7, 11]
    assert origins("--since", "2025-11-27T16:00", "--until", "2025-11-29T17:00:00+01:00") == [4, 3]
    assert origins("--since", "1h") == []
    assert origins("--person", "person-7") == [7]
    assert origins("--limit", "7") == [0, 2, 4, 6, 8, 10, 1]


def test_show_prints_one_letter_in_full(broker: KafkaBroker, capsys: pytest.CaptureFixture[str]) -> None:
    fill(broker, "full", [letter(1), letter(2, value=b"\xff\x00", key=b"esc\x1b[2J")])
    assert dlq(broker, "show", "full", "0:0") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["key"] == "person-1"
    assert json.loads(shown["value"])["payload"] == {"n": 1}
    assert shown["detail"] == letter(1).detail
    assert dlq(broker, "show", "full", "0:1") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert json.loads(out)["value"] == {"base64": "/wA="}
    for nowhere in ("0:2", "7:0"):
        assert dlq(broker, "show", "full", nowhere) == 1
        assert capsys.readouterr().err == f"error: no dead letter at {nowhere} of full-dlq\n"


def test_replay_sends_every_byte_back_with_its_origin(
    broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = [
        letter(0, topic="back"),
        letter(1, topic="back", value=b"\xff\n\x00", key=b"\xfe"),
        letter(2, topic="back", value=None),
        letter(3, topic="back", key=None),
    ]
    fill(broker, "back", letters, partitions=2)
    assert dlq(broker, "replay", "back", "--dry-run") == 0
    assert arrived(broker, "back") == []
    assert dlq(broker, "replay", "back") == 0
    assert capsys.readouterr().out.splitlines() == [
        "would replay 4 dead letters (4 refused) of back-dlq",
        "replayed 4 dead letters (4 refused) of back-dlq",
    ]
    records = arrived(broker, "back", 4)
    assert sorted((origin_of(r), r.key, r.value) for r in records) == sorted(
        (letter.origin, letter.key, letter.value) for letter in letters
    )
    assert listed(broker, capsys, "back") == []
    assert asyncio.run(broker.committed("customerio-dlq", "back-dlq")) == {0: 2, 1: 2}
    # Handled, and on a broker that deletes nothing still there to be looked at.
    assert dlq(broker, "show", "back", "0:0") == 0


def test_letters_that_are_not_meant_stay(broker: KafkaBroker, capsys: pytest.CaptureFixture[str]) -> None:
    causes = ["refused", "not_json", "too_large"]
    letters = [letter(n, causes[n % 3], topic="stay") for n in range(12)]
    fill(broker, "stay", letters, partitions=2)
    assert dlq(broker, "replay", "stay", "--cause", "refused", "--limit", "3") == 0
    assert "replayed 3 dead letters (3 refused)" in capsys.readouterr().out
    # Partition 0 holds 0, 6 and partition 1 holds 3, 9 with this cause.
    assert sorted(origin_of(r).offset for r in arrived(broker, "stay", 3)) == [1000, 1003, 1006]
    left = listed(broker, capsys, "stay", "--show-keys")
    assert sorted(letter["key"] for letter in left) == sorted(
        letter.key.decode()
        for n, letter in enumerate(letters)
        if letter.key is not None and n not in (0, 3, 6)
    )
    assert {letter["position"][0] for letter in left if letter["offset"] % 2} == {"1"}, (
        "each keeps its partition"
    )
    kept = {r.key: r for r in arrived(broker, "stay-dlq")}[b"person-2"]
    assert DeadLetter.from_record(kept.key, kept.value, kept.headers) == letters[2]


def test_purge(broker: KafkaBroker, capsys: pytest.CaptureFixture[str]) -> None:
    fill(broker, "purged", [letter(n, ["refused", "not_json"][n % 2]) for n in range(6)])
    assert dlq(broker, "purge", "purged") == 2
    assert capsys.readouterr().err == (
        "error: purge: expected a filter, or --all to throw away every pending letter\n"
    )
    assert dlq(broker, "purge", "purged", "--cause", "not_json", "--dry-run") == 0
    assert len(listed(broker, capsys, "purged")) == 6
    assert dlq(broker, "purge", "purged", "--cause", "not_json") == 0
    said = capsys.readouterr()
    assert said.out.startswith("purged 3 dead letters (3 not_json) of purged-dlq\n")
    assert said.err.count("\n") == 1
    assert "did not delete the records" in said.err, "tansu can't"
    assert [letter["cause"] for letter in listed(broker, capsys, "purged")] == ["refused"] * 3
    assert dlq(broker, "purge", "purged", "--all") == 0
    assert listed(broker, capsys, "purged") == []
    assert arrived(broker, "purged") == []


def test_what_is_no_letter_is_shown_and_never_replayed(
    broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(broker, "foreign", [letter(1, topic="foreign")])
    asyncio.run(broker.produce("foreign-dlq", [Message(b"k", b"hello"), Message(b"k", None)]))
    assert dlq(broker, "replay", "foreign") == 0
    assert len(arrived(broker, "foreign", 1)) == 1
    assert [letter["cause"] for letter in listed(broker, capsys, "foreign")] == ["not_a_letter"] * 2
    assert dlq(broker, "purge", "foreign", "--cause", "not_a_letter") == 0
    assert listed(broker, capsys, "foreign") == []


def test_nothing_is_replayed_to_a_topic_that_is_not_there(
    broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(broker, "moved", [letter(1, topic="moved"), letter(2, topic="gone")])
    assert dlq(broker, "replay", "moved") == 1
    assert "there is no topic gone" in capsys.readouterr().err
    assert arrived(broker, "moved") == []
    assert len(listed(broker, capsys, "moved")) == 2


def test_a_topic_without_dead_letters_is_not_made(
    broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert dlq(broker, "list", "never-made") == 0
        assert capsys.readouterr() == ("", "no pending dead letter in never-made-dlq matches\n")


def test_no_kill_and_no_other_command_loses_a_letter(
    broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two commands with different filters at once, killed in the midst of it and begun anew."""
    count = 3000
    letters = [letter(n, ["refused", "not_json", "too_large"][n % 3], topic="killed") for n in range(count)]
    fill(broker, "killed", letters, partitions=2)
    causes = ("refused", "not_json")
    for _ in range(3):
        running = [_replay(broker, "killed", cause) for cause in causes]
        _wait_until_something_is_handled(broker, "killed-dlq")
        for process in running:
            process.kill()
            process.wait()
    for cause in causes:
        assert _replay(broker, "killed", cause).wait(20) == 0

    replayed = {origin_of(record) for record in arrived(broker, "killed")}
    assert replayed == {letter.origin for letter in letters if letter.cause != "too_large"}
    left = listed(broker, capsys, "killed")
    assert {letter["cause"] for letter in left} == {"too_large"}
    assert {letter["offset"] for letter in left} == {
        letter.offset for letter in letters if letter.cause == "too_large"
    }


def _wait_until_something_is_handled(broker: KafkaBroker, topic: str) -> None:
    async def wait() -> None:
        before = await broker.committed("customerio-dlq", topic)
        async with asyncio.timeout(20):
            while await broker.committed("customerio-dlq", topic) == before:
                await asyncio.sleep(0.01)

    asyncio.run(wait())


def _replay(broker: KafkaBroker, topic: str, cause: str) -> subprocess.Popen[bytes]:
    where = ["--brokers", broker.address, "--topic", topic]
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.dlq", "replay", *where, "--cause", cause],
        cwd=_ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_broker_that_is_not_there_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.dlq", "list", "--brokers", "127.0.0.1:1"],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: the broker at 127.0.0.1:1 can't be reached\n"


def test_a_file_of_dead_letters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "events.jsonl.dead.jsonl", tmp_path / "again.jsonl"
    letters = [letter(1), letter(2, "not_json", value=b"\xff{"), letter(3, "too_large", value=None)]
    source.write_text("".join(letter.to_json_line() for letter in letters), encoding="utf-8")
    assert main(["list", "--file", str(source), "--cause", "not_json"]) == 0
    assert capsys.readouterr().out.startswith("2\tnot_json\t1\t")
    assert main(["show", "--file", str(source), "3"]) == 0
    assert json.loads(capsys.readouterr().out)["cause"] == "too_large"
    assert main(["replay", "--file", str(source), "--dry-run"]) == 0
    assert not target.exists()
    assert main(["replay", "--file", str(source), "--to", str(target)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "wrote 2 dead letters (1 not_json, 1 refused)"
    assert "1 without a message" in said.err
    assert target.read_bytes() == (letters[0].value or b"") + b"\n\xff{\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "required"),
        (["list", "--since", "yesterday"], "expected a time such as"),
        (["list", "--limit", "0"], "--limit: expected at least 1"),
        (["list", "--limit", "-1"], "expected a whole number"),
        (["show", "x"], "expected partition:offset"),
        (["show", "17"], "expected partition:offset"),
        (["show", "--file", "dead.jsonl", "0:17"], "a line's number"),
        (["purge", "--file", "dead.jsonl", "--all"], "delete the file"),
        (["replay", "--to", "x"], "--file and --to together"),
        (["replay", "--file", "x"], "--file and --to together"),
        (["list", "--file", "/nowhere/dead.jsonl"], "/nowhere/dead.jsonl: can't be read"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in mistake(main, arguments, capsys)
