"""Load through the queue: what the run says of each message is what the stand-in's journal says."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.programs.load_test import Finished, run_load_test
from tests.programs.pipeline_worker import WorkerProcess, health
from tests.programs.waiting import wait_until
from tests.servers.free_port import free_port
from tests.servers.kafka_broker import KafkaBroker
from tests.servers.standin_server import StandinServer

PROFILE = """
drain_timeout = "{drain}"

[scenarios.queued_load]
executor = "ramping-arrival-rate"
user = "queued"
start_rate = {rate}
pre_allocated_vus = 20
stages = [{{ target = {rate}, duration = "2s" }}]

[thresholds]
errors = ["rate==0"]
produce_duration = ["p(95)<5000"]
delivery_duration = ["p(95)<60000"]
"""
# Without a broker, whatever the developer's own environment says.
NO_BROKER = {"KAFKA_BROKERS": "", "REDIS_URL": ""}


def applied(standin: StandinServer, journal: Path) -> list[dict[str, Any]]:
    """Return the journal's lines of the load, without the first message that only makes sure of the way."""
    standin.stats()
    lines = standin.journal(journal)
    of_load = [line for line in lines if "_load_test_arrival" in (line["attributes"] or {})]
    assert len(lines) == len(of_load) + 1
    return of_load


def check_delivery_durations(finished: Finished, lines: Sequence[dict[str, Any]]) -> None:
    """Check that the Trend has the journal's values: from each arrival's instant to its acceptance."""
    true_ms = sorted((line["at"] - line["attributes"]["_load_test_arrival"]) * 1000 for line in lines)
    trend = finished.summary["metrics"]["delivery_duration"]
    assert trend["count"] == len(true_ms)
    for stat, percent in (("med", 50), ("p(95)", 95), ("p(99)", 99)):
        truth = true_ms[max(1, -(-len(true_ms) * percent // 100)) - 1]
        # The stand-in gives the run and its journal the same instants; an HDR histogram keeps three digits.
        assert trend[stat] == pytest.approx(truth, abs=0.01, rel=1e-3), stat


def check_every_message_arrived_once_and_in_order(
    lines: Sequence[dict[str, Any]], queued: Sequence[bytes], started: int
) -> None:
    """Check the journal's lines against what the queue holds, in the order of each person's messages."""
    ids = [line["attributes"]["_load_test_message"] for line in lines]
    assert len(set(ids)) == len(ids) == started
    assert by_person((line["person"], line["attributes"]) for line in lines) == by_person(
        map(of_queue, queued)
    )


def of_queue(value: bytes) -> tuple[str, dict[str, Any]]:
    """Return the person of a message, and the attributes or the data that have its marks."""
    message = json.loads(value)
    return message["userId"], message["payload"].get("properties", message["payload"])


def by_person(messages: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, list[str]]:
    """Return the ids of each person's messages, in their order; without the first message of the run."""
    found = defaultdict(list)
    for person, attributes in messages:
        if "_load_test_arrival" in attributes:
            found[person].append(attributes["_load_test_message"])
    return found


def started_of(finished: Finished, scheduled: int) -> int:
    """Return how many arrivals have started. All others of the schedule were dropped."""
    ledger = finished.summary["ledger"]["queued_load"]
    assert ledger["started"] + ledger["dropped"] == ledger["scheduled"] == scheduled
    return int(ledger["started"])


def test_without_a_broker_a_run_brings_a_queue_and_a_worker(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    with StandinServer("--journal", str(journal)) as standin:
        finished = run_load_test(
            tmp_path,
            profile=PROFILE.format(rate=100, drain="1m"),
            env={**NO_BROKER, "CUSTOMERIO_BASE_URL": standin.url, "BATCH_WAIT_MS": "200"},
        )
        lines = applied(standin, journal)
    assert finished.exit_code == 0, finished.stderr
    assert "a worker of this run delivers them" in finished.stderr
    started = started_of(finished, 200)
    queued = (finished.folder / "queue.jsonl").read_bytes().splitlines()
    check_every_message_arrived_once_and_in_order(lines, queued, started)
    check_delivery_durations(finished, lines)

    deliveries = finished.summary["deliveries"]
    # The summary folds a line at the terminal's width.
    assert deliveries["line"] in " ".join(finished.stdout.split())
    assert "through the file queue.jsonl\n" in finished.stdout
    assert "HTTP client" not in finished.stdout
    ledger = {name: deliveries[name] for name in ("started", "delivered", "dead_letters", "still_queued")}
    assert ledger == {"started": started, "delivered": started, "dead_letters": 0, "still_queued": 0}
    assert (deliveries["lost"], deliveries["not_produced"], deliveries["repeated"]) == (0, 0, 0)
    assert deliveries["clock_error_ms"] == 0
    assert deliveries["backlog_peak"] > 0
    assert deliveries["replicas"] == 1
    metrics = finished.summary["metrics"]
    assert metrics["produce_duration"]["count"] == metrics["produced_messages"]["count"] == started
    assert metrics["queue_backlog"]["value"] == 0
    assert "http_reqs" not in metrics
    page = (finished.folder / "report.html").read_text()
    assert "Age of the oldest message" in page
    assert "No request was answered" not in page


def test_with_a_broker_messages_go_to_the_topic(tmp_path: Path) -> None:
    journal, port = tmp_path / "journal.jsonl", free_port()
    with KafkaBroker() as broker, StandinServer("--journal", str(journal)) as standin:
        for topic in ("load", "load-dlq"):
            asyncio.run(broker.create_topic(topic, 4))
        kafka = {"KAFKA_BROKERS": broker.address, "KAFKA_TOPIC": "load", "CUSTOMERIO_BASE_URL": standin.url}
        with WorkerProcess({**kafka, "BATCH_WAIT_MS": "200", "HEALTH_PORT": str(port)}) as worker:
            wait_until("the worker is ready", 60, lambda: health(port, "readyz")[0] == 200)
            pages = ("--queue-metrics", f"http://127.0.0.1:{port}/metrics")
            finished = run_load_test(
                tmp_path, *pages, profile=PROFILE.format(rate=100, drain="1m"), env=kafka
            )
            worker.terminate()
            assert worker.wait() == 0
        lines = applied(standin, journal)
        records = asyncio.run(broker.read_all("load", len(lines) + 1))
    assert finished.exit_code == 0, finished.stderr
    assert f"Messages go to the topic load at {broker.address}" in finished.stderr
    # The person is the key, so that the topic keeps the order of a person's messages.
    assert all(record.key == of_queue(record.value)[0].encode() for record in records)
    started = started_of(finished, 200)
    check_every_message_arrived_once_and_in_order(lines, [record.value for record in records], started)
    check_delivery_durations(finished, lines)
    assert finished.summary["deliveries"]["delivered"] == started
    assert finished.summary["deliveries"]["lost"] == 0
    assert finished.summary["deliveries"]["replicas"] == 1
    assert "through the topic load\n" in finished.stdout


def test_what_is_still_queued_at_the_drain_timeout_is_counted(tmp_path: Path) -> None:
    """The worker delivers one message a second: most of them are in the queue when the run closes."""
    journal = tmp_path / "journal.jsonl"
    slow = {"LIMIT_REQUESTS": "1", "LIMIT_CONCURRENCY": "1", "BATCH_SIZE": "1", "BATCH_WAIT_MS": "0"}
    with StandinServer("--journal", str(journal)) as standin:
        finished = run_load_test(
            tmp_path,
            profile=PROFILE.format(rate=100, drain="100ms"),
            env={**NO_BROKER, **slow, "CUSTOMERIO_BASE_URL": standin.url},
        )
        lines = applied(standin, journal)
    assert finished.exit_code == 0, finished.stderr
    deliveries = finished.summary["deliveries"]
    started = started_of(finished, 200)
    assert (deliveries["started"], deliveries["delivered"]) == (started, len(lines))
    assert deliveries["still_queued"] == started - len(lines) > 0
    assert deliveries["lost"] == 0
    assert deliveries["drain_after_end_seconds"] is None
    assert f"{deliveries['still_queued']} messages were still queued" in " ".join(finished.stdout.split())
    assert (
        "Messages were still in the queue when the run closed"
        in (finished.folder / "report.html").read_text()
    )
    queue = (finished.folder / "queue.jsonl").read_bytes()
    assert queue.count(b"\n") == started + 1
