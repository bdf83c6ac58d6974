"""``python -m pipeline.produce`` and the producer for applications, on a real broker."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from pipeline.delivery.message import PoisonError
from pipeline.produce.command import main
from pipeline.produce.producer import Producer
from tests.programs.command_line import mistake
from tests.servers.kafka_broker import KafkaBroker

_ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with KafkaBroker() as running:
        yield running


def produce(broker: KafkaBroker, topic: str, *options: str) -> int:
    # tansu knows no idempotent writes.
    where = ["--brokers", broker.address, "--topic", topic, "--partitions", "4", "--no-idempotence"]
    return main([*where, *options])


def arrived(broker: KafkaBroker, topic: str, count: int = 0) -> list[Any]:
    return asyncio.run(broker.read_all(topic, count))


def test_invented_messages_are_in_order_for_each_person(
    broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert produce(broker, "invented", "--count", "1000", "--people", "30") == 0
    out = capsys.readouterr().out
    assert out.startswith("sent to invented: 210 identify, 790 track in ")
    records = arrived(broker, "invented", 1000)
    assert len(records) == 1000
    assert len({record.partition for record in records}) == 4
    sequences: dict[str, list[int]] = defaultdict(list)
    for record in records:
        message = json.loads(record.value)
        assert record.key == message["userId"].encode()
        payload = message["payload"]
        assert message["type"] in ("identify", "track")
        sequences[message["userId"]].append(
            (payload["properties"] if message["type"] == "track" else payload)["sequence"]
        )
    assert sorted(sequences) == [f"person-{n:06d}" for n in range(1, 31)]
    assert all(each == list(range(1, len(each) + 1)) for each in sequences.values())


def test_a_rate_is_kept_from_the_start(broker: KafkaBroker) -> None:
    begun = time.monotonic()
    assert produce(broker, "paced", "--count", "101", "--rate", "200") == 0
    # Never faster; how much slower is the machine's business.
    assert time.monotonic() - begun >= 0.5
    assert len(arrived(broker, "paced", 101)) == 101


def test_lines_of_a_file_arrive_byte_for_byte(
    broker: KafkaBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        b'{"type": "identify", "userId": "ada", "payload": {"name": "\xc3\x84da"}}',
        b'{ "type":"track","userId":7,"payload":{"event":"bought"} }',
    ]
    source = tmp_path / "events.jsonl"
    source.write_bytes(lines[0] + b"\r\n\n" + lines[1])
    assert produce(broker, "lines", "--from", str(source)) == 0
    assert "1 identify, 1 track" in capsys.readouterr().out
    assert {(r.key, r.value) for r in arrived(broker, "lines", 2)} == {(b"ada", lines[0]), (b"7", lines[1])}


_GOOD = '{"type":"track","userId":"ada","payload":{"event":"bought"}}\n'


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("{", "not_json"),
        ('{"type":"page","userId":"ada","payload":{}}', "unknown_type: type: expected 'identify' or 'track'"),
        ('{"type":"identify","userId":"","payload":{}}', "bad_user_id"),
        ('{"type":"identify","userId":"a","payload":{"x":"' + "y" * 40_000 + '"}}', "too_large"),
        ('{"type":"identify","userId":"a","payload":{"x":"' + "y" * 1_100_000 + '"}}', "too_large: longer"),
    ],
)
def test_a_bad_line_ends_it_and_is_named(
    broker: KafkaBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str, expected: str
) -> None:
    topic = tmp_path.name
    source = tmp_path / "events.jsonl"
    source.write_text(_GOOD * 2 + bad + "\n" + _GOOD)
    assert produce(broker, topic, "--from", str(source)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {source}: line 3: {expected}")
    assert said.err.endswith("; sent before: 2\n")
    assert len(arrived(broker, topic, 2)) == 2
    assert produce(broker, topic, "--from", str(source), "--skip-bad") == 0
    assert capsys.readouterr().out.rstrip().endswith("; 1 bad lines skipped")
    assert len(arrived(broker, topic, 5)) == 5


def test_standard_input_and_no_broker() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.produce", "--from", "-", "--brokers", "127.0.0.1:1"],
        cwd=_ROOT,
        input=_GOOD,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the broker at 127.0.0.1:1 can't be reached; sent before: 0\n"


def test_standard_input(broker: KafkaBroker) -> None:
    where = ["--brokers", broker.address, "--topic", "piped", "--partitions", "1", "--no-idempotence"]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.produce", "--from", "-", *where],
        cwd=_ROOT,
        input=_GOOD * 5000,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(arrived(broker, "piped", 5000)) == 5000


def test_it_goes_on_when_the_broker_is_back(broker: KafkaBroker) -> None:
    where = ["--brokers", broker.address, "--topic", "cut", "--partitions", "2", "--no-idempotence"]
    running = subprocess.Popen(
        [sys.executable, "-m", "pipeline.produce", "--count", "3000", "--rate", "1500", *where],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        asyncio.run(_wait_for_topic(broker, "cut"))
        arrived(broker, "cut", 1)
        broker.cut()
        time.sleep(0.5)  # the length of the absence, not a wait for something
        broker.restore()
        out, errors = running.communicate(timeout=30)
    finally:
        broker.restore()
        running.kill()
        running.communicate()
    assert (running.returncode, errors) == (0, "")
    assert "1000 identify, 2000 track" in out
    # Without idempotence what was on its way may be there twice.
    assert len({(r.key, r.value) for r in arrived(broker, "cut", 3000)}) == 3000


async def _wait_for_topic(broker: KafkaBroker, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        async with asyncio.timeout(20):
            while topic not in await admin.list_topics():
                await asyncio.sleep(0.01)
    finally:
        await admin.close()


def test_a_broker_without_idempotence_refuses_by_default(
    broker: KafkaBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(broker.create_topic("strict"))
    assert main(["--brokers", broker.address, "--topic", "strict", "--count", "1"]) == 1
    assert "--no-idempotence" in capsys.readouterr().err
    assert arrived(broker, "strict") == []


def test_a_topic_is_not_made_unasked(broker: KafkaBroker, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--brokers", broker.address, "--topic", "typo", "--count", "1"]) == 2
    assert "there is no topic typo; --partitions N makes it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "--from --relay --count"),
        (["--count", "0"], "at least 1"),
        (["--count", "1", "--rate", "0"], "more than 0"),
        (["--count", "1", "--from", "-"], "not allowed"),
        (["--from", "/nowhere/events.jsonl"], "/nowhere/events.jsonl: can't be read"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in mistake(main, arguments, capsys)


def test_an_application_sends_what_the_worker_takes(broker: KafkaBroker) -> None:
    async def application() -> None:
        async with Producer(broker.address, "application", idempotent=False) as producer:
            await producer.identify("ada", {"plan": "pro"})
            await producer.track("ada", "bought", {"price": 3}, timestamp=1_764_000_000)
            with pytest.raises(PoisonError, match="userId: empty"):
                await producer.identify("", {})
            with pytest.raises(ValueError, match="JSON"):
                await producer.track("ada", "bought", {"price": float("nan")})

    asyncio.run(broker.create_topic("application"))
    asyncio.run(application())
    records = arrived(broker, "application", 2)
    assert [json.loads(record.value) for record in records] == [
        {"type": "identify", "userId": "ada", "payload": {"plan": "pro"}},
        {
            "type": "track",
            "userId": "ada",
            "payload": {"event": "bought", "properties": {"price": 3}, "timestamp": 1_764_000_000},
        },
    ]
    assert [record.key for record in records] == [b"ada", b"ada"]


def test_an_application_learns_of_a_broker_that_is_not_there() -> None:
    async def application() -> None:
        async with Producer("127.0.0.1:1", "application"):
            pass

    with pytest.raises(KafkaError):
        asyncio.run(application())
