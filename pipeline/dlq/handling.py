"""Replays and purges dead letters. An interruption at any moment loses none.

A committed offset marks everything before it as handled. So a first pass finds the last wanted letter of
each partition. A second pass reads up to it, some letters at a time: it replays or drops the wanted letters,
appends the others to the same partition again, and commits when all of that is acknowledged.

After a crash in between, or with two commands at once, a letter may exist twice. None is lost: the committed
offset only passes letters that one of the commands has handled.
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
    """The offsets of a partition to handle.

    Args:
        committed: the committed offset at the time of the first pass.
        start, stop: the offsets from ``start`` to before ``stop``.
    """

    committed: int
    start: int
    stop: int


@dataclass
class FoundLetters:
    """The result of the first pass.

    Args:
        ranges: the offsets to handle, for each partition with a wanted letter.
        causes: the number of wanted letters by cause.
        topics: the topics that the wanted letters came from.
        moved: the number of other letters that the second pass will append again.
    """

    ranges: dict[int, PartitionRange] = field(default_factory=dict)
    causes: Counter[str] = field(default_factory=Counter)
    topics: set[str] = field(default_factory=set)
    moved: int = 0


async def find_letters(topic: DeadLetterTopic, wanted: Wanted, most: int | None) -> FoundLetters:
    """Find the wanted letters among the pending ones, without keeping them in memory.

    Args:
        topic: the dead-letter topic.
        wanted: returns whether a letter is wanted.
        most: find at most this many, in order of partition and offset.
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
        BrokerError: another command has moved the committed offset meanwhile; no letter is lost.
    """
    async with _open_producer(settings) as producer:
        for partition, part in found.ranges.items():
            at = part.committed
            async for chunk in _chunks(topic.read(partition, part.start, part.stop)):
                await _require_committed(topic, partition, at)
                await _send(producer, topic.topic, chunk, wanted, replay=replay)
                await _require_committed(topic, partition, at)
                at = chunk[-1].offset + 1
                await topic.mark_handled(partition, at)


async def _require_committed(topic: DeadLetterTopic, partition: int, committed: int) -> None:
    if await topic.handled_up_to(partition) != committed:
        raise BrokerError(
            f"another command is handling {topic.topic}, so this one has stopped; "
            "no dead letter is lost, some may exist twice"
        )


async def _send(
    producer: AIOKafkaProducer, dead_letter_topic: str, chunk: list[Pending], wanted: Wanted, *, replay: bool
) -> None:
    """Replay or drop wanted letters and append the others. Return when the broker has acknowledged all."""
    sent = []
    for pending in chunk:
        if not wanted(pending):
            topic, partition, headers = dead_letter_topic, pending.partition, pending.headers
        elif replay:
            # The record gets the current time: with its old time the broker could expire it unread.
            letter = pending.letter
            topic, partition, headers = letter.topic, None, replay_headers(letter.origin)
        else:
            continue
        value = pending.letter.value
        if value is None and pending.letter.key is None:
            value = b""  # aiokafka sends no record with neither key nor value
        sent.append(await producer.send(topic, value, pending.letter.key, partition, headers=list(headers)))
    # Wait for all, even if one fails: asyncio warns about a future whose error nobody has read.
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
