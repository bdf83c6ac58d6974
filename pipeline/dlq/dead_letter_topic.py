"""The dead-letter topic: its pending letters, and the offsets up to which letters are handled.

A letter is handled if it lies before the committed offset of the group ``customerio-dlq``. The commands only
read and set the offsets of that group. They never join it, so no command waits for another one to leave.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    RequestTimedOutError,
)

from pipeline.dlq.errors import BrokerError
from pipeline.dlq.pending import Pending, read_letter
from pipeline.kafka import connection_options
from pipeline.settings import KafkaSettings

GROUP = "customerio-dlq"
REQUEST_TIMEOUT_MS = 10_000
_SILENCE_SECONDS = 15.0
# Shorter than a poll, so that an empty poll means that the broker had no record.
_FETCH_WAIT_MS = 100
_POLL_MS = 150
_MOST_AT_ONCE = 500


@contextmanager
def broker_errors(brokers: str) -> Iterator[None]:
    """Turn the errors of an unreachable or refusing broker into a ``BrokerError`` of one line."""
    try:
        yield
    except (TimeoutError, KafkaTimeoutError, RequestTimedOutError) as error:
        raise BrokerError(f"the broker at {brokers} does not answer") from error
    except (KafkaConnectionError, NodeNotReadyError) as error:
        raise BrokerError(f"the broker at {brokers} can't be reached") from error
    except KafkaError as error:
        reason = str(error) or type(error).__name__
        raise BrokerError(f"the broker at {brokers} can't be used: {reason}") from error


class DeadLetterTopic:
    """Reads the topic and sets its committed offsets. Open it with ``open_topic``.

    Its methods raise KafkaError and TimeoutError; see ``broker_errors``.
    """

    def __init__(self, topic: str, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        self.topic = topic
        self._admin = admin
        self._consumer = consumer

    async def partitions(self) -> list[int]:
        """Return the numbers of the partitions; none if the topic does not exist. It is not created."""
        if not await self.exists(self.topic):
            return []
        [described] = await self._admin.describe_topics([self.topic])
        return sorted(partition["partition"] for partition in described["partitions"])

    async def exists(self, topic: str) -> bool:
        """Return whether the broker has a topic of this name."""
        return topic in await self._admin.list_topics()

    async def first_pending(self, partition: int) -> int:
        """Return the offset of the first pending letter, or the offset that the next one will have."""
        beginning, committed = await self._beginning(partition), await self.handled_up_to(partition)
        return max(beginning, committed)

    async def handled_up_to(self, partition: int) -> int:
        """Return the committed offset; 0 if there is none."""
        where = TopicPartition(self.topic, partition)
        # Some brokers do not answer a question for all partitions, so each is named.
        offsets = await self._admin.list_consumer_group_offsets(GROUP, partitions=[where])
        return max(0, int(offsets[where].offset))

    async def read(self, partition: int, start: int, stop: int | None = None) -> AsyncGenerator[Pending]:
        """Yield letters from ``start`` to before ``stop``; without ``stop``, to the end of the partition.

        Raises:
            TimeoutError: the broker does not answer.
        """
        where = TopicPartition(self.topic, partition)
        self._consumer.assign([where])
        self._consumer.seek(where, start)
        end = await self._end(partition) if stop is None else stop
        heard = time.monotonic()
        while stop is None or await self._consumer.position(where) < stop:
            batches = await self._consumer.getmany(where, timeout_ms=_POLL_MS, max_records=_MOST_AT_ONCE)
            for record in batches.get(where, []):
                heard = time.monotonic()
                if stop is not None and record.offset >= stop:
                    return
                letter = read_letter(record.key, record.value, record.headers, record.timestamp)
                yield Pending(partition, record.offset, letter, record.headers)
            # Some brokers report an end that is too low. The end is reached when no more records come.
            if stop is None and not batches and await self._consumer.position(where) >= end:
                return
            if time.monotonic() - heard > _SILENCE_SECONDS:
                raise TimeoutError

    async def find(self, partition: int, offset: int) -> Pending | None:
        """Return the letter at this offset, handled or not; ``None`` if there is none."""
        if partition not in await self.partitions() or offset < await self._beginning(partition):
            return None
        async with aclosing(self.read(partition, offset)) as letters:
            async for pending in letters:
                return pending if pending.offset == offset else None
        return None

    async def mark_handled(self, partition: int, offset: int) -> None:
        """Commit ``offset``: every letter before it is handled."""
        where = TopicPartition(self.topic, partition)
        async with asyncio.timeout(_SILENCE_SECONDS):
            await self._consumer.commit({where: offset})

    async def delete_before(self, offsets: Mapping[int, int]) -> None:
        """Ask the broker to delete the records before these offsets, by partition.

        Raises:
            KafkaError: the broker cannot delete records, for example because the topic is compacted.
        """
        await self._admin.delete_records(
            {
                TopicPartition(self.topic, partition): RecordsToDelete(offset)
                for partition, offset in offsets.items()
            }
        )

    async def _beginning(self, partition: int) -> int:
        where = TopicPartition(self.topic, partition)
        offsets = await self._consumer.beginning_offsets([where])
        return int(offsets[where])

    async def _end(self, partition: int) -> int:
        where = TopicPartition(self.topic, partition)
        offsets = await self._consumer.end_offsets([where])
        return int(offsets[where])


@asynccontextmanager
async def open_topic(settings: KafkaSettings) -> AsyncIterator[DeadLetterTopic]:
    """Connect to the broker, and close the connections at the end."""
    connection = connection_options(settings) | {"request_timeout_ms": REQUEST_TIMEOUT_MS}
    async with AsyncExitStack() as until_exit:
        admin = AIOKafkaAdminClient(**connection)
        until_exit.push_async_callback(admin.close)
        await admin.start()
        consumer = AIOKafkaConsumer(
            **connection,
            group_id=GROUP,
            enable_auto_commit=False,
            # A committed offset beyond the end of the topic means that the topic was created anew.
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=8 * 1024 * 1024,
        )
        until_exit.push_async_callback(consumer.stop)
        await consumer.start()
        yield DeadLetterTopic(settings.dead_letter_topic, admin, consumer)
