"""How long deliveries stand still when workers come and go: 3, 8 and 3 of them, and a restart.

    python -m tests.proofs.rebalances [--static] [--brokers-waits]
    python -m tests.proofs.rebalances --brokers HOST:PORT --topic TOPIC

It sends messages at a steady rate, changes the number of real workers, and reads from the stand-in's journal
when each message was accepted. A message carries the instant at which it was sent, on this machine's clock.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.produce import outgoing
from pipeline.produce.producer import Producer
from tests.programs.pipeline_worker import WorkerProcess, health
from tests.servers.free_port import free_port
from tests.servers.kafka_broker import GROUP_COORDINATOR, KafkaBroker
from tests.servers.standin_server import StandinServer

TOPIC = "customerio-events"
_PARTITIONS = 24
_PEOPLE = 48
_EVENTS_PER_SECOND = 200.0
_FEWEST, _MOST = 3, 8
# A step is over when nothing has been behind for so long, and at the earliest after its least length.
_CALM_SECONDS = 3.0
_LEAST_STEP_SECONDS = 10.0
_MOST_STEP_SECONDS = 120.0
# Members that joined together beat together, and drift apart over hours. Each slot beats faster by this
# share, so that they are apart from the beginning.
_HEARTBEAT_SHARE = 0.07
_BEHIND = 100  # messages under way at 200/s when nothing stands still


@dataclass(frozen=True)
class Stop:
    """What a step did to deliveries, in seconds.

    Args:
        nothing: the longest time in which no message at all was accepted.
        typical: the longest a message took from its sending to its acceptance; the median of the people.
        longest: the same of the person for whom it took longest.
        lasted: from the step until deliveries had caught up.
    """

    nothing: float
    typical: float
    longest: float
    lasted: float


class Fleet:
    """Workers in numbered slots, as the pods of a StatefulSet."""

    def __init__(self, variables: dict[str, str], heartbeat_ms: int, *, is_static: bool) -> None:
        self._variables = variables
        self._heartbeat_ms = heartbeat_ms
        self._is_static = is_static
        self._workers: dict[int, tuple[WorkerProcess, int]] = {}

    def scale_to(self, count: int) -> None:
        """Start workers, or tell those of the highest slots to end."""
        for slot in range(count):
            if slot not in self._workers:
                self._workers[slot] = self._start(slot)
        for slot in [slot for slot in self._workers if slot >= count]:
            self._workers.pop(slot)[0].terminate()

    def restart(self, slot: int) -> None:
        """End a worker in order and start its successor."""
        worker, _ = self._workers.pop(slot)
        worker.terminate()
        worker.wait()
        self._workers[slot] = self._start(slot)

    @property
    def is_ready(self) -> bool:
        """Whether every worker is."""
        return all(health(port, "readyz")[0] == 200 for _, port in self._workers.values())

    def stop(self) -> None:
        """End all."""
        for worker, _ in self._workers.values():
            worker.terminate()
        for worker, _ in self._workers.values():
            worker.wait()

    def _start(self, slot: int) -> tuple[WorkerProcess, int]:
        port = free_port()
        own = {
            "HEALTH_PORT": str(port),
            "KAFKA_HEARTBEAT_MS": str(round(self._heartbeat_ms * (1 - slot * _HEARTBEAT_SHARE))),
        }
        if self._is_static:
            own["KAFKA_INSTANCE_ID"] = f"worker-{slot}"
        return WorkerProcess({**self._variables, **own}, anew=True), port


class Sending:
    """Messages at a steady rate, each with the instant at which it was sent."""

    def __init__(self) -> None:
        self.sent = 0

    async def run(self, producer: Producer) -> None:
        """Send until cancelled."""
        began = time.monotonic()
        for number in itertools.count(1):
            await asyncio.sleep(max(0.0, began + number / _EVENTS_PER_SECOND - time.monotonic()))
            properties = {"sent": time.monotonic(), "number": number}
            await producer.enqueue(outgoing.track(f"person-{number % _PEOPLE}", "moved", properties))
            self.sent = number


async def measure(
    brokers: str, topic: str, variables: dict[str, str], heartbeat_ms: int, *, is_static: bool
) -> dict[str, Stop]:
    """Run all steps and return what each did."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.jsonl"
        async with AsyncExitStack() as until_end:
            standin = until_end.enter_context(StandinServer("--journal", str(journal)))
            settings = {
                "KAFKA_BROKERS": brokers,
                "KAFKA_TOPIC": topic,
                "KAFKA_GROUP": f"rebalances-{time.time_ns()}",
                "CUSTOMERIO_BASE_URL": standin.url,
                # Nothing but the rebalance may hold a message back.
                "BATCH_WAIT_MS": "100",
                "LIMIT_REQUESTS": "10000",
                "LIMIT_MIN_GAP_MS": "0",
                **variables,
            }
            fleet = Fleet(settings, heartbeat_ms, is_static=is_static)
            until_end.callback(fleet.stop)
            fleet.scale_to(_FEWEST)
            producer = await until_end.enter_async_context(Producer(brokers, topic, idempotent=False))
            sending = Sending()
            task = asyncio.create_task(sending.run(producer))
            try:
                spans = [span async for span in _spans(fleet, sending, standin)]
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            accepted = _accepted(StandinServer.journal(journal))
        return {name: _stop(accepted, start, caught_up, end) for name, start, caught_up, end in spans[1:]}


async def _spans(fleet: Fleet, sending: Sending, standin: StandinServer) -> Any:
    """Take one step after another, and yield the name, start, catching up and end of each."""
    steps = {
        "start": lambda: None,
        "none": lambda: None,
        f"{_FEWEST} to {_MOST}": lambda: fleet.scale_to(_MOST),
        f"{_MOST} to {_FEWEST}": lambda: fleet.scale_to(_FEWEST),
        "restart of one": lambda: fleet.restart(0),
    }
    for name, step in steps.items():
        start = time.monotonic()
        await asyncio.to_thread(step)
        caught_up = await _settle(fleet, sending, standin, start)
        yield name, start, caught_up, time.monotonic()


async def _settle(fleet: Fleet, sending: Sending, standin: StandinServer, start: float) -> float:
    """Wait until deliveries have caught up, and return since when."""
    calm_since: float | None = None
    while True:
        await asyncio.sleep(0.1)
        now = time.monotonic()
        events = (await asyncio.to_thread(standin.stats))["events"]
        if sending.sent - events > _BEHIND or not await asyncio.to_thread(lambda: fleet.is_ready):
            calm_since = None
        elif calm_since is None:
            calm_since = now
        elif now - calm_since >= _CALM_SECONDS and now - start >= _LEAST_STEP_SECONDS:
            return calm_since
        if now - start > _MOST_STEP_SECONDS:
            raise TimeoutError(f"{sending.sent - events} messages behind after {now - start:.0f} s")


def _accepted(entries: Sequence[dict[str, Any]]) -> list[tuple[float, float, str]]:
    """Return when each event was accepted and sent, and of whom it was, in the order of acceptance."""
    return [
        (entry["at"], entry["attributes"]["sent"], entry["person"])
        for entry in entries
        if entry["operation"] == "event" and not entry["duplicate"]
    ]


def _stop(accepted: Sequence[tuple[float, float, str]], start: float, caught_up: float, end: float) -> Stop:
    during = [(at, sent, person) for at, sent, person in accepted if start <= at <= end]
    instants = [start, *(at for at, _, _ in during), end]
    waits: dict[str, float] = {}
    for at, sent, person in during:
        waits[person] = max(waits.get(person, 0.0), at - sent)
    return Stop(
        nothing=max(later - earlier for earlier, later in itertools.pairwise(instants)),
        typical=statistics.median(waits.values()),
        longest=max(waits.values()),
        lasted=caught_up - start,
    )


@contextmanager
def _broker(brokers: str | None, topic: str, *, has_own_waits: bool) -> Iterator[str]:
    """Yield the address of the broker that was named, or of one of our own with the topic."""
    if brokers is not None:
        yield brokers
        return
    with KafkaBroker() if has_own_waits else KafkaBroker(GROUP_COORDINATOR) as broker:
        asyncio.run(broker.create_topic(topic, _PARTITIONS))
        asyncio.run(broker.create_topic(f"{topic}-dlq", 1))
        yield broker.address


def main() -> int:
    """Measure all steps and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--brokers", metavar="HOST:PORT", help="default: the tests' broker")
    parser.add_argument("--topic", default=TOPIC, help="it exists, with at least 8 partitions")
    parser.add_argument(
        "--brokers-waits", action="store_true", help="let the tests' broker coordinate the group"
    )
    parser.add_argument("--static", action="store_true", help="static members, one name for each slot")
    parser.add_argument(
        "--heartbeat-ms", type=int, default=1000, metavar="N", help="of the first worker (1000)"
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the workers")
    options = parser.parse_args()
    variables = dict(setting.split("=", 1) for setting in options.set)
    with _broker(options.brokers, options.topic, has_own_waits=options.brokers_waits) as address:
        stops = asyncio.run(
            measure(address, options.topic, variables, options.heartbeat_ms, is_static=options.static)
        )
    print(f"{'step':<16}{'nothing for':>14}{'typical wait':>14}{'longest wait':>14}{'caught up after':>17}")
    for name, stop in stops.items():
        seconds = (stop.nothing, stop.typical, stop.longest)
        print(f"{name:<16}{''.join(f'{value:>12.1f} s' for value in seconds)}{stop.lasted:>15.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
