"""A stream of messages through workers that die, and the proof of what became of each message."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.programs.pipeline_worker import WorkerProcess
from tests.programs.waiting import wait_until
from tests.servers.kafka_broker import KafkaBroker, Message
from tests.servers.standin_server import StandinServer

TOPIC = "customerio-events"
DEAD_LETTERS = "customerio-events-dlq"
GROUP = "customerio-workers"
POISON_EVERY = 100


@dataclass(frozen=True)
class Stream:
    """Messages at a steady rate: each person's numbered from 0, an identify first and now and then, some
    of them poison.

    Args:
        messages: in all.
        per_second: messages produced per second.
        people: over how many they are spread.
    """

    messages: int
    per_second: int
    people: int = 200

    def message(self, number: int) -> Message:
        person, sequence = f"person-{number % self.people}", number // self.people
        if self.is_poison(number):
            return Message(person.encode(), f"poison {number}".encode())
        if sequence % 10 == 0:
            content: dict[str, Any] = {"type": "identify", "payload": {"sequence": sequence}}
        else:
            payload = {"event": "step", "properties": {"sequence": sequence}}
            content = {"type": "track", "payload": payload}
        return Message(person.encode(), json.dumps({**content, "userId": person}).encode())

    def is_poison(self, number: int) -> bool:
        return number % POISON_EVERY == POISON_EVERY - 1

    def good(self) -> set[tuple[str, int]]:
        """Return person and sequence of every message that is to be delivered."""
        return {
            (f"person-{number % self.people}", number // self.people)
            for number in range(self.messages)
            if not self.is_poison(number)
        }

    def poison(self) -> set[bytes]:
        return {f"poison {number}".encode() for number in range(self.messages) if self.is_poison(number)}


@dataclass(frozen=True)
class Proof:
    """What became of the messages of a stream."""

    delivered: int
    lost: set[tuple[str, int]]
    dead_letters: Counter[bytes]
    duplicates: int
    differing_ids: int
    disorder: list[str]

    def summary(self) -> str:
        return (
            f"{self.delivered} delivered, {len(self.dead_letters)} dead letters "
            f"({self.dead_letters.total()} records), {len(self.lost)} lost, "
            f"{self.duplicates} duplicates, {self.differing_ids} of them under another id, "
            f"{len(self.disorder)} out of order"
        )


async def produce(broker: KafkaBroker, stream: Stream) -> None:
    """Send the stream at its rate."""
    began = time.monotonic()
    sent = 0
    while sent < stream.messages:
        due = min(stream.messages, int((time.monotonic() - began) * stream.per_second) + 1)
        if due > sent:
            await broker.produce(TOPIC, [stream.message(number) for number in range(sent, due)])
            sent = due
        await asyncio.sleep(0.1)


async def kill_now_and_then(
    workers: list[WorkerProcess], variables: dict[str, str], every_seconds: float, seed: int
) -> None:
    """Kill a worker with SIGKILL and start another in its place, again and again, until cancelled."""
    chance = random.Random(seed)
    while True:
        await asyncio.sleep(every_seconds * chance.uniform(0.5, 1.5))
        victim = chance.randrange(len(workers))
        workers[victim].kill()
        workers[victim].stop()
        workers[victim] = WorkerProcess(variables)


async def everything_committed(broker: KafkaBroker, messages: int) -> None:
    """Wait until the group has committed as many messages as were produced."""
    while sum((await broker.committed(GROUP, TOPIC)).values()) < messages:
        await asyncio.sleep(0.5)


async def prove(broker: KafkaBroker, stream: Stream, standin: StandinServer, journal: Path) -> Proof:
    """Compare what was applied at the stand-in, and what was dead-lettered, with the stream."""
    standin.stats()  # makes sure that the journal is written
    letters = await broker.read_all(DEAD_LETTERS, len(stream.poison()))
    first_ids: dict[tuple[str, int], str | None] = {}
    highest: dict[str, int] = {}
    latest_identify: dict[str, int] = {}
    duplicates = differing = 0
    disorder = []
    for entry in StandinServer.journal(journal):
        person, sequence = entry["person"], entry["attributes"]["sequence"]
        if entry["operation"] == "identify":
            latest_identify[person] = sequence
        if (person, sequence) in first_ids:
            duplicates += 1
            differing += entry["event_id"] != first_ids[person, sequence]
            continue
        if sequence < highest.get(person, -1):
            disorder.append(f"{person}: {sequence} after {highest[person]}")
        highest[person] = sequence
        first_ids[person, sequence] = entry["event_id"]
    good = stream.good()
    last = {person: max(s for p, s in good if p == person and s % 10 == 0) for person in latest_identify}
    disorder += [f"{person}: ends as of {s}" for person, s in latest_identify.items() if s != last[person]]
    return Proof(
        delivered=len(first_ids),
        lost=good - first_ids.keys(),
        dead_letters=Counter(letter.value for letter in letters),
        duplicates=duplicates,
        differing_ids=differing,
        disorder=disorder,
    )


async def run_through_faults(
    stream: Stream, tmp_path: Path, *, workers: int, kill_every_seconds: float, seed: int, **variables: str
) -> Proof:
    """Let workers deliver a stream while they are killed at random and the stand-in fails and hangs.

    Raises:
        TimeoutError: not everything was settled in two minutes after the stream's end.
    """
    journal = tmp_path / "journal.jsonl"
    faults = ["--error-share", "0.05", "--hang-share", "0.01", "--hang-seconds", "2", "--seed", str(seed)]
    with KafkaBroker() as broker, StandinServer("--journal", str(journal), *faults) as standin:
        await broker.create_topic(TOPIC, 6)
        await broker.create_topic(DEAD_LETTERS, 1)
        variables = {
            "KAFKA_BROKERS": broker.address,
            "CUSTOMERIO_BASE_URL": standin.url,
            "KAFKA_SESSION_TIMEOUT_MS": "3000",
            "KAFKA_HEARTBEAT_MS": "500",
            "BATCH_SIZE": "10",
            "BATCH_WAIT_MS": "200",
            **variables,
        }
        running = [WorkerProcess(variables) for _ in range(workers)]
        try:
            killing = asyncio.create_task(kill_now_and_then(running, variables, kill_every_seconds, seed))
            await produce(broker, stream)
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
            await asyncio.wait_for(everything_committed(broker, stream.messages), 120)
            for worker in running:
                worker.terminate()
            wait_until(
                "all workers have ended", 15, lambda: all(w.process.poll() is not None for w in running)
            )
            return await prove(broker, stream, standin, journal)
        finally:
            for worker in running:
                worker.stop()


def main() -> int:
    """Deliver one stream and print what became of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--per-second", type=int, default=400)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kill-every-seconds", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--redis", help="share the limit of the workers through this Redis")
    options = parser.parse_args()
    more = {"REDIS_URL": options.redis} if options.redis else {}
    with tempfile.TemporaryDirectory() as folder:
        proof = asyncio.run(
            run_through_faults(
                Stream(options.messages, options.per_second),
                Path(folder),
                workers=options.workers,
                kill_every_seconds=options.kill_every_seconds,
                seed=options.seed,
                **more,
            )
        )
    print(proof.summary())
    return 1 if proof.lost or proof.disorder or proof.differing_ids else 0


if __name__ == "__main__":
    sys.exit(main())
