"""Waits for the topic to exist. Otherwise a worker joins its group and looks ready, with nothing to read."""

from __future__ import annotations

import asyncio
import logging

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from pipeline.worker.readiness import Readiness

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 1.0


async def wait_for_topic(consumer: AIOKafkaConsumer, topic: str, readiness: Readiness) -> None:
    """Return once the topic exists. Log one line if it does not, and one when it does.

    All topics are listed: asking for one by its name would create it at many brokers, with their defaults.

    Args:
        consumer: started.
        topic: the topic to be read.
        readiness: says what the worker waits for.
    """
    is_missing = False
    while not await _exists(consumer, topic):
        if not is_missing:
            is_missing = True
            readiness.wait_for(f"waiting for the topic {topic}: it does not exist")
            _log.warning(
                "KAFKA_TOPIC: the topic does not exist; waiting until it does", extra={"topic": topic}
            )
        await asyncio.sleep(_LOOK_SECONDS)
    if is_missing:
        _log.info("the topic exists now", extra={"topic": topic})


async def _exists(consumer: AIOKafkaConsumer, topic: str) -> bool:
    try:
        return topic in await consumer.topics()
    except KafkaError:
        # The broker is away, or is electing. aiokafka logs it and connects again.
        return False
