"""Writes dead letters to their Kafka topic."""

from __future__ import annotations

import asyncio
import logging

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from config.errors import ConfigError
from pipeline.dead_letter import DeadLetter
from pipeline.kafka import MOST_LETTER_BYTES, connection_options
from pipeline.settings import KafkaSettings

_log = logging.getLogger(__name__)
_RETRY_SECONDS = 1.0
_TOPIC_SECONDS = 10.0


class KafkaDeadLetters:
    """Writes dead letters, acknowledged by all replicas. Retries for as long as the broker is away."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._topic = settings.dead_letter_topic
        self._producer = AIOKafkaProducer(
            **connection_options(settings),
            acks="all",
            max_request_size=MOST_LETTER_BYTES,
        )

    async def write(self, letter: DeadLetter) -> None:
        """Write a dead letter; see ``DeadLetters``.

        Raises:
            MessageSizeTooLargeError: the topic accepts no message of this size.
        """
        key, value, headers = letter.to_record()
        while True:
            try:
                await self._producer.send_and_wait(self._topic, value, key, headers=headers)
            except MessageSizeTooLargeError:
                raise
            except KafkaError as error:
                _log.warning(
                    "dead letter not written yet; trying again", extra={"error": type(error).__name__}
                )
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return

    async def start(self) -> None:
        """Connect, and check that the topic exists.

        Raises:
            KafkaConnectionError: the broker is unreachable.
            ConfigError: the topic does not exist, and the broker does not create it on demand.
        """
        await self._producer.start()
        try:
            await asyncio.wait_for(self._producer.partitions_for(self._topic), _TOPIC_SECONDS)
        except (TimeoutError, UnknownTopicOrPartitionError):
            await self._producer.stop()
            raise ConfigError(
                f"KAFKA_DLQ_TOPIC: {self._topic}: expected a topic that exists, for dead letters"
            ) from None

    async def stop(self) -> None:
        """Close the connection."""
        await self._producer.stop()
