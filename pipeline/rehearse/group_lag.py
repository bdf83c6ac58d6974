"""The backlog of the group: what the producer's messages are ahead of the committed offsets."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.kafka import connection_options
from pipeline.settings import KafkaSettings

_ANSWER_SECONDS = 5.0


class CommittedOffsets:
    """Reads the group's committed offsets without being a member of it.

    The lag that a worker reports itself is gone while the worker is dead. The group's offsets are not.
    """

    def __init__(self, settings: KafkaSettings, partitions: int) -> None:
        self._partitions = [TopicPartition(settings.topic, number) for number in range(partitions)]
        self._consumer = AIOKafkaConsumer(
            **connection_options(settings), group_id=settings.group, enable_auto_commit=False
        )

    async def total(self) -> int | None:
        """Return the messages of the topic that are committed; ``None`` if the broker does not tell."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                offsets = [await self._consumer.committed(partition) for partition in self._partitions]
        except (TimeoutError, KafkaError):
            return None
        committed: int = sum(max(0, offset) for offset in offsets if offset is not None)
        return committed

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(self._partitions)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()
