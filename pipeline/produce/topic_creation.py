"""Creates the topic that is to be filled."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from config.errors import ConfigError
from pipeline.kafka import connection_options
from pipeline.settings import KafkaSettings

_REQUEST_TIMEOUT_MS = 10_000
_MOST_REPLICAS = 3


async def ensure_topic(settings: KafkaSettings, partitions: int | None) -> None:
    """Create the topic if it is missing and ``partitions`` is given, with up to three replicas.

    Raises:
        ConfigError: the topic is missing and ``partitions`` is ``None``. Without this check a broker may
            create the topic on the first message, with its own defaults.
        KafkaError: the broker can't be used, or refuses.
    """
    admin = AIOKafkaAdminClient(**connection_options(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        if settings.topic in await admin.list_topics():
            return
        if partitions is None:
            raise ConfigError(f"there is no topic {settings.topic}; --partitions N makes it")
        await _create(admin, settings.topic, partitions)
    finally:
        await admin.close()


async def _create(admin: AIOKafkaAdminClient, topic: str, partitions: int) -> None:
    brokers = (await admin.describe_cluster())["brokers"]
    answer = await admin.create_topics([NewTopic(topic, partitions, min(_MOST_REPLICAS, len(brokers)))])
    for _, code, *message in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            kind: type[KafkaError] = for_code(code)
            raise kind(*message)
