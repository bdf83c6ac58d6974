"""The dead-letter topic: its pending letters, and how far they have been handled.

Handled is what lies before the offset that the group ``customerio-dlq`` has committed. The commands never
join that group: they only read and set its offsets, so none waits for another to leave.
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
# Less than a poll: an empty one must mean that the broker had nothing.
_FETCH_WAIT_MS = 100
_POLL_MS = 150
_MOST_AT_ONCE = 500


@contextmanager
def broker_errors(brokers: str) -> Iterator[None]:
    """Turns whatever a broker's absence or refusal raises into one line."""
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
    """Opened by ``open_topic``; raises KafkaError and TimeoutError, see ``broker_errors``."""

    def __init__(self, topic: str, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        self.topic = topic
        self._admin = admin
        self._consumer = consumer

    async def partitions(self) -> list[int]:
        """Their numbers; none if there is no such topic, which is not made by asking."""
        if not await self.exists(self.topic):
            return []
        [described] = await self._admin.describe_topics([self.topic])
        return sorted(partition["partition"] for partition in described["partitions"])

    async def exists(self, topic: str) -> bool:
        return topic in await self._admin.list_topics()

    async def first_pending(self, partition: int) -> int:
        """The offset of the first letter that is not handled, or where it would be."""
        beginning, committed = await self._beginning(partition), await self.handled_up_to(partition)
        return max(beginning, committed)

    async def handled_up_to(self, partition: int) -> int:
        """The committed offset; 0 if there is none."""
        where = TopicPartition(self.topic, partition)
        # Named one by one: "all partitions" is more than some brokers answer.
        offsets = await self._admin.list_consumer_group_offsets(GROUP, partitions=[where])
        return max(0, int(offsets[where].offset))

    async def read(self, partition: int, start: int, stop: int | None = None) -> AsyncGenerator[Pending]:
        """Letters from ``start`` to before ``stop``; without ``stop`` to the end as it is when it is reached.

        Raises:
            TimeoutError: the broker is silent.
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
            # The end may be told too low: it is reached when nothing more comes.
            if stop is None and not batches and await self._consumer.position(where) >= end:
                return
            if time.monotonic() - heard > _SILENCE_SECONDS:
                raise TimeoutError

    async def find(self, partition: int, offset: int) -> Pending | None:
        """The letter at this offset, handled or not; ``None`` if there is none."""
        if partition not in await self.partitions() or offset < await self._beginning(partition):
            return None
        async with aclosing(self.read(partition, offset)) as letters:
            async for pending in letters:
                return pending if pending.offset == offset else None
        return None

    async def mark_handled(self, partition: int, offset: int) -> None:
        """Everything before ``offset`` is handled."""
        where = TopicPartition(self.topic, partition)
        async with asyncio.timeout(_SILENCE_SECONDS):
            await self._consumer.commit({where: offset})

    async def delete_before(self, offsets: Mapping[int, int]) -> None:
        """Has the broker delete what lies before these offsets, by partition.

        Raises:
            KafkaError: it can't: an old broker, a compacted topic, a substitute for Kafka.
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
    """Connects to the broker; closes the connections at the end."""
    connection = connection_options(settings) | {"request_timeout_ms": REQUEST_TIMEOUT_MS}
    async with AsyncExitStack() as until_exit:
        admin = AIOKafkaAdminClient(**connection)
        until_exit.push_async_callback(admin.close)
        await admin.start()
        consumer = AIOKafkaConsumer(
            **connection,
            group_id=GROUP,
            enable_auto_commit=False,
            # Where the group's offset lies beyond the topic's end, the topic is a new one.
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            max_partition_fetch_bytes=8 * 1024 * 1024,
        )
        until_exit.push_async_callback(consumer.stop)
        await consumer.start()
        yield DeadLetterTopic(settings.dead_letter_topic, admin, consumer)
