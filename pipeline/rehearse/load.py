"""The load of a rehearsal: messages into the topic at the exact arrivals of a profile."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer

from config.profile import Profile
from pipeline.produce import outgoing
from pipeline.produce.producer import Producer
from shapes.rate_options import schedule_of
from shapes.schedule import Schedule

_PEOPLE = 500


class Load:
    """Sends one message at each arrival of all scenarios, numbered from 1 for each person.

    Args:
        profile: the scenarios; whatever their kind of user, each arrival is one event.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.sent = 0
        self.acknowledged = 0
        self.sequences: Counter[str] = Counter()

    async def send(self, producer: Producer) -> None:
        """Send all messages, and wait until each is acknowledged.

        Raises:
            KafkaError: a message was not acknowledged.
        """
        began = time.monotonic()
        under_way = []
        for instant in self._arrivals():
            await asyncio.sleep(max(0.0, began + instant - time.monotonic()))
            person = f"person-{self.sent % _PEOPLE:04d}"
            self.sequences[person] += 1
            properties = {"sequence": self.sequences[person], "_load_test": True}
            acknowledged = await producer.enqueue(outgoing.track(person, "rehearsed", properties))
            acknowledged.add_done_callback(self._count)
            under_way.append(acknowledged)
            self.sent += 1
        await asyncio.gather(*under_way)

    def _count(self, future: asyncio.Future[AIOKafkaProducer]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.acknowledged += 1

    def _arrivals(self) -> Iterator[float]:
        """Yield the arrivals of all scenarios in order, in seconds from the start."""
        schedules = [
            (scenario.start_time, schedule_of(scenario)) for scenario in self._profile.scenarios.values()
        ]
        return heapq.merge(*(_instants(start, schedule) for start, schedule in schedules))


def _instants(start: float, schedule: Schedule) -> Iterator[float]:
    return (start + schedule.arrival_time(number) for number in range(1, schedule.total + 1))
