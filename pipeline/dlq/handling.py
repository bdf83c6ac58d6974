"""Replay and purge: takes letters out from among the pending ones and loses none, wherever it is interrupted.

An offset can only move past everything before it. So a first pass finds the last letter of each partition
that is meant, and a second one goes up to it, some letters at a time: it replays or drops those that are
meant, appends the others to the same partition anew, and commits when all of that is acknowledged. A
crash in between, or two commands at once, leave a letter twice and never nowhere: the committed offset only
ever lies behind letters that one of them has handled.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer

from pipeline.dlq.dead_letter_topic import REQUEST_TIMEOUT_MS, DeadLetterTopic
from pipeline.dlq.errors import BrokerError
from pipeline.dlq.pending import Pending
from pipeline.kafka import MOST_LETTER_BYTES, connection_options
from pipeline.origin import replay_headers
from pipeline.settings import KafkaSettings

_CHUNK_LETTERS = 200

Wanted = Callable[[Pending], bool]


@dataclass(frozen=True)
class PartitionRange:
    """The part of a partition to go through: ``start`` to before ``stop``; ``committed`` when it was read."""

    committed: int
    start: int
    stop: int


@dataclass
class FoundLetters:
    """What the first pass found.

    Args:
        ranges: by partition; only where there is something to do.
        causes: of the letters that are meant, with their numbers.
        topics: that they came from.
        moved: others that lie before the last that is meant.
    """

    ranges: dict[int, PartitionRange] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    topics: set[str] = field(default_factory=set)
    moved: int = 0


async def find_letters(topic: DeadLetterTopic, wanted: Wanted, most: int | None) -> FoundLetters:
    """Goes through the pending letters, and holds none.

    Args:
        topic: where they are.
        wanted: which are meant.
        most: so many at most, in order of partition and offset.
    """
    found = FoundLetters()
    for partition in await topic.partitions():
        committed = await topic.handled_up_to(partition)
        start, others = None, 0
        async with aclosing(topic.read(partition, await topic.first_pending(partition))) as letters:
            async for pending in letters:
                if most is not None and found.causes.total() >= most:
                    return found
                start = pending.offset if start is None else start
                if not wanted(pending):
                    others += 1
                    continue
                found.ranges[partition] = PartitionRange(committed, start, pending.offset + 1)
                found.causes[pending.letter.cause] += 1
                found.topics.add(pending.letter.topic)
                found.moved += others
                others = 0
    return found


async def handle_letters(
    topic: DeadLetterTopic, found: FoundLetters, wanted: Wanted, settings: KafkaSettings, *, replay: bool
) -> None:
    """Send each wanted letter of ``found`` again, or drop it with ``replay=False``.

    Raises:
        BrokerError: another command has moved the group's offset meanwhile; nothing is lost.
    """
    async with _open_producer(settings) as producer:
        for partition, part in found.ranges.items():
            at = part.committed
            async for chunk in _chunks(topic.read(partition, part.start, part.stop)):
                await _demand(topic, partition, at)
                await _send(producer, topic.topic, chunk, wanted, replay=replay)
                await _demand(topic, partition, at)
                at = chunk[-1].offset + 1
                await topic.mark_handled(partition, at)


async def _demand(topic: DeadLetterTopic, partition: int, committed: int) -> None:
    if await topic.handled_up_to(partition) != committed:
        raise BrokerError(
            f"another command works on {topic.topic} at the same time: stopped; "
            "no letter is lost, some may be there twice"
        )


async def _send(
    producer: AIOKafkaProducer, dead_letter_topic: str, chunk: list[Pending], wanted: Wanted, *, replay: bool
) -> None:
    """Returns when all that has to be somewhere else is there."""
    sent = []
    for pending in chunk:
        if not wanted(pending):
            topic, partition, headers = dead_letter_topic, pending.partition, pending.headers
        elif replay:
            # Under a new time: with the old one the broker could expire it before it is read.
            letter = pending.letter
            topic, partition, headers = letter.topic, None, replay_headers(letter.origin)
        else:
            continue
        value = pending.letter.value
        if value is None and pending.letter.key is None:
            value = b""  # the client sends no record of nothing
        sent.append(await producer.send(topic, value, pending.letter.key, partition, headers=list(headers)))
    # All are waited for also when one fails: those that are given up would complain by themselves.
    for end in await asyncio.gather(*sent, return_exceptions=True):
        if isinstance(end, BaseException):
            raise end


async def _chunks(letters: AsyncGenerator[Pending]) -> AsyncGenerator[list[Pending]]:
    chunk: list[Pending] = []
    async for pending in letters:
        chunk.append(pending)
        if len(chunk) == _CHUNK_LETTERS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@asynccontextmanager
async def _open_producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        **connection_options(settings),
        acks="all",
        linger_ms=2,
        max_request_size=MOST_LETTER_BYTES,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()
