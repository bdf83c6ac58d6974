"""The worker on a real broker against the stand-in: nothing lost, whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs.pipeline_worker import WorkerProcess, health
from tests.programs.track_client import run
from tests.programs.waiting import until, wait_until
from tests.proofs.delivery_faults import GROUP, Stream, run_through_faults
from tests.servers.free_port import free_port
from tests.servers.kafka_broker import KafkaBroker, Message
from tests.servers.odd_server import OddServer
from tests.servers.standin_server import StandinServer
from tests.unit.pipeline.test_message import POISON


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaBroker]:
    with KafkaBroker() as running:
        yield running


@pytest.fixture
def topic(broker: KafkaBroker, request: pytest.FixtureRequest) -> str:
    """A topic of the test's own, with one partition, and one for its dead letters."""
    name = str(request.node.name)
    for each in (name, f"{name}-dlq"):
        asyncio.run(broker.create_topic(each))
    return name


def settings(broker: KafkaBroker, topic: str, standin: StandinServer, **more: str) -> dict[str, str]:
    return settings_of(broker, topic, standin.url, **more)


def settings_of(broker: KafkaBroker, topic: str, url: str, **more: str) -> dict[str, str]:
    return {
        "KAFKA_BROKERS": broker.address,
        "KAFKA_TOPIC": topic,
        "KAFKA_GROUP": f"{GROUP}-{topic}",
        "KAFKA_SESSION_TIMEOUT_MS": "1500",
        "KAFKA_HEARTBEAT_MS": "300",
        "CUSTOMERIO_BASE_URL": url,
        "BATCH_WAIT_MS": "100",
        **more,
    }


def event(person: str, sequence: int) -> Message:
    payload = {"event": "step", "properties": {"sequence": sequence}}
    message = {"type": "track", "userId": person, "payload": payload}
    return Message(person.encode(), json.dumps(message).encode())


def events(count: int, people: int = 20) -> list[Message]:
    return [event(f"person-{number % people}", number) for number in range(count)]


def produce(broker: KafkaBroker, topic: str, messages: list[Message]) -> None:
    asyncio.run(broker.produce(topic, messages))


def committed(broker: KafkaBroker, topic: str) -> int:
    return sum(asyncio.run(broker.committed(f"{GROUP}-{topic}", topic)).values())


def sequences(journal: Path, standin: StandinServer) -> list[int]:
    """Of all events that were applied for the first time, in their order."""
    standin.stats()
    entries: list[dict[str, Any]] = StandinServer.journal(journal)
    return [entry["attributes"]["sequence"] for entry in entries if not entry["duplicate"]]


def test_workers_that_are_killed_lose_nothing_and_keep_the_order(tmp_path: Path) -> None:
    stream = Stream(messages=1200, per_second=200, people=60)
    proof = asyncio.run(run_through_faults(stream, tmp_path, workers=3, kill_every_seconds=2, seed=1))
    assert proof.lost == set(), proof.summary()
    assert proof.delivered == len(stream.good())
    assert proof.dead_letters.keys() == stream.poison()
    assert proof.disorder == []
    assert proof.differing_ids == 0


def test_every_poison_is_a_dead_letter_with_its_cause(broker: KafkaBroker, topic: str) -> None:
    # What only Customer.io can refuse, and what is too large for it, beside what is no message.
    nameless = {"type": "identify", "userId": "u1", "payload": {"": 1}}
    large = {"type": "identify", "userId": "u1", "payload": {f"a{n}": "x" * 900 for n in range(40)}}
    expected = {
        **POISON,
        "refused by the API": (json.dumps(nameless).encode(), "refused"),
        "too large": (json.dumps(large).encode(), "too_large"),
    }
    messages = [Message(name.encode(), value) for name, (value, _) in expected.items()]
    port = free_port()
    with StandinServer() as standin:
        produce(broker, topic, [*messages, event("person", 1)])
        with WorkerProcess(settings(broker, topic, standin, HEALTH_PORT=str(port))) as worker:
            wait_until("the good one is there", 20, lambda: standin.stats()["events"] == 1)
            letters = asyncio.run(broker.read_all(f"{topic}-dlq", len(messages)))
            causes = {
                letter.key.decode(): dict(letter.headers)["dlq-cause"].decode()
                for letter in letters
                if letter.key
            }
            assert causes == {name: cause for name, (_, cause) in expected.items()}
            values = {letter.key.decode(): letter.value for letter in letters if letter.key}
            assert values == {name: value for name, (value, _) in expected.items()}
            wait_until("all is committed", 10, lambda: committed(broker, topic) == len(messages) + 1)

            assert health(port, "healthz") == (200, "ok\n")
            assert health(port, "readyz") == (200, "ok\n")
            page = health(port, "metrics")[1]
            assert 'customerio_delivered_total{kind="track"} 1.0' in page
            assert 'customerio_dead_letters_total{cause="not_json"} ' in page
            assert f'customerio_consumed_total{{partition="0",topic="{topic}"}} {len(expected) + 1}.0' in page
            assert 'customerio_requests_total{status="200"}' in page

            worker.terminate()
            assert worker.wait(10) == 0
            assert "u1" not in worker.errors()


def test_a_stop_under_load_ends_in_time_and_the_next_worker_goes_on(
    broker: KafkaBroker, topic: str, tmp_path: Path
) -> None:
    journal, port = tmp_path / "journal", free_port()
    with StandinServer("--journal", str(journal)) as standin:
        variables = settings(broker, topic, standin, BATCH_SIZE="10", HEALTH_PORT=str(port))
        with WorkerProcess(variables) as worker:
            # Before that, a question about the credentials could hang.
            wait_until("it has joined", 20, lambda: health(port, "readyz")[0] == 200)
            # Nothing that hangs is answered before the worker has to end.
            standin.set_faults(hang_share=0.3)
            # So many people that a few requests which hang don't hold all of them up.
            produce(broker, topic, events(2000, people=200))
            wait_until("deliveries are under way", 20, lambda: standin.stats()["events"] > 100)
            worker.terminate()
            assert worker.wait(10) == 0
        standin.set_faults(hang_share=0)
        with WorkerProcess(variables) as worker:
            wait_until("all is committed", 20, lambda: committed(broker, topic) == 2000)
        applied = sequences(journal, standin)
        assert sorted(applied) == list(range(2000))
        for person in range(200):
            own = [sequence for sequence in applied if sequence % 200 == person]
            assert own == sorted(own)


def test_nothing_is_dead_lettered_while_customerio_is_away(broker: KafkaBroker, topic: str) -> None:
    port = free_port()
    with StandinServer() as standin:
        produce(broker, topic, events(6000))
        with WorkerProcess(settings(broker, topic, standin, HEALTH_PORT=str(port))) as worker:
            wait_until("it has joined", 20, lambda: health(port, "readyz")[0] == 200)
            standin.set_faults(error_share=1)
            produce(broker, topic, events(6000))
            # Reading may have paused before the faults began, so both are waited for.
            retried = 'customerio_retries_total{reason="500"}'
            wait_until("it has met a 500", 20, lambda: retried in health(port, "metrics")[1])
            wait_until("reading is paused", 20, lambda: "reading paused" in worker.errors())
            standin.set_faults(error_share=0)
            wait_until("all is committed", 20, lambda: committed(broker, topic) == 12_000)
            assert worker.process.poll() is None
            assert 'customerio_retries_total{reason="500"}' in health(port, "metrics")[1]
        assert standin.stats()["events"] == 12_000
    assert asyncio.run(broker.read_all(f"{topic}-dlq")) == []


def test_wrong_credentials_stop_the_worker_and_leave_the_messages(broker: KafkaBroker, topic: str) -> None:
    produce(broker, topic, events(50))
    with StandinServer("--site-id", "site", "--api-key", "key") as standin:
        wrong = {"CUSTOMERIO_SITE_ID": "site", "CUSTOMERIO_API_KEY": "wrong-key"}
        with WorkerProcess(settings(broker, topic, standin, **wrong)) as worker:
            assert worker.wait(20) == 2
            last = worker.errors().splitlines()[-1]
            assert last.startswith("error: CUSTOMERIO_")
            assert "401" in last
            assert "wrong-key" not in worker.errors()
    assert committed(broker, topic) == 0
    assert asyncio.run(broker.read_all(f"{topic}-dlq")) == []


def test_credentials_that_are_withdrawn_stop_it_too(broker: KafkaBroker, topic: str) -> None:
    port = free_port()
    with StandinServer("--site-id", "site", "--api-key", "key") as standin:
        right = {"CUSTOMERIO_SITE_ID": "site", "CUSTOMERIO_API_KEY": "key", "HEALTH_PORT": str(port)}
        with WorkerProcess(settings(broker, topic, standin, **right)) as worker:
            wait_until("it has joined", 20, lambda: health(port, "readyz")[0] == 200)
            address = standin.port
            standin.stop()
            produce(broker, topic, events(50))
            with StandinServer("--port", str(address), "--site-id", "site", "--api-key", "new"):
                assert worker.wait(20) == 2
                assert "what it had not delivered stays in the topic" in worker.errors()
    assert committed(broker, topic) == 0
    assert asyncio.run(broker.read_all(f"{topic}-dlq")) == []


def test_a_broker_that_is_away_is_waited_for(broker: KafkaBroker, topic: str) -> None:
    # By Track v1, one request for each.
    v1 = {"TRACK_API": "v1", "LIMIT_REQUESTS": "2000", "LIMIT_MIN_GAP_MS": "0"}
    with StandinServer() as standin:
        broker.cut()
        with WorkerProcess(settings(broker, topic, standin, **v1)) as worker:
            wait_until("it waits", 10, lambda: "the broker can't be used yet" in worker.errors())
            broker.restore()
            # As producers compress by default in many places.
            asyncio.run(broker.produce(topic, events(500), compression="lz4"))
            wait_until("it goes on", 20, lambda: standin.stats()["events"] == 500)
            broker.cut()
            wait_until("it has noticed", 20, lambda: "aiokafka" in worker.errors())
            broker.restore()
            produce(broker, topic, events(500))
            wait_until("it goes on", 30, lambda: committed(broker, topic) == 1000)
            stats = standin.stats()
            assert stats["events"] == 1000
            assert stats["requests"]["track"] == 1000 + stats["duplicates"]
            # It has something to commit now, and nobody who takes it.
            standin.set_faults(pause_seconds=2)
            produce(broker, topic, events(100))
            wait_until("they are on their way", 20, lambda: standin.stats()["in_flight"] > 0)
            broker.pause()
            wait_until("they are delivered", 20, lambda: standin.stats()["events"] == 1100)
            worker.terminate()
            assert worker.wait(10) == 0
            broker.resume()


def test_a_topic_that_does_not_exist_is_waited_for(broker: KafkaBroker) -> None:
    topic, port = "not-there-yet", free_port()
    asyncio.run(broker.create_topic(f"{topic}-dlq"))
    with StandinServer() as standin:
        variables = settings(broker, topic, standin, HEALTH_PORT=str(port))
        with WorkerProcess(variables) as worker:
            reason = (503, f"waiting for the topic {topic}: it does not exist\n")
            wait_until("it waits for the topic", 20, lambda: health(port, "readyz") == reason)
            assert health(port, "healthz") == (200, "ok\n")
            asyncio.run(broker.create_topic(topic))
            produce(broker, topic, events(20))
            wait_until("it delivers", 20, lambda: standin.stats()["events"] == 20)
            assert health(port, "readyz") == (200, "ok\n")
            assert worker.errors().count("KAFKA_TOPIC: the topic does not exist") == 1
            worker.terminate()
            assert worker.wait(10) == 0
            last = json.loads(worker.errors().splitlines()[-1])
            assert (last["message"], last["delivered"], last["dead_letters"]) == ("stopped in order", 20, 0)


def test_a_record_time_in_seconds_is_the_time_of_the_event(broker: KafkaBroker, topic: str) -> None:
    server = OddServer()

    async def main() -> None:
        await broker.produce(topic, [event("ada", 1)._replace(timestamp_ms=1_712_345_678)])
        async with server.serving():
            variables = {**settings_of(broker, topic, server.url), "BATCH_WAIT_MS": "20"}
            with WorkerProcess(variables):
                await until(lambda: len(server.bodies) == 2)

    run(main())
    assert server.bodies[1]["batch"][0]["timestamp"] == 1_712_345_678
