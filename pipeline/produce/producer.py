"""The producer that fills the topic of the workers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer

from pipeline.produce import outgoing
from pipeline.produce.outgoing import OutgoingMessage

_CLIENT_ID = "customerio-producer"
_LINGER_MS = 5
_BATCH_BYTES = 128 * 1024
# No checked message is as large. The topic's own limit is 1 MiB by default.
_MOST_BYTES = 1024 * 1024


class Producer:
    """A producer for applications: ``async with Producer(brokers, topic) as producer: ...``.

    A message is safe when the call returns: all in-sync replicas have it. With ``idempotent``, retries of the
    client neither duplicate nor reorder messages; without idempotent writes at the broker, entry fails.

    Args:
        brokers: ``host:port``; separate several with commas.
        topic: an existing topic.
        idempotent: whether to write idempotently.
        connection: further arguments for aiokafka's client, such as those for TLS.

    Raises:
        KafkaError: on entry, if the broker can't be used; in a call, if the message is not acknowledged.
    """

    def __init__(
        self,
        brokers: str,
        topic: str,
        *,
        idempotent: bool = True,
        connection: Mapping[str, Any] | None = None,
    ) -> None:
        self._topic = topic
        self._idempotent = idempotent
        self._connection = {"client_id": _CLIENT_ID, **(connection or {}), "bootstrap_servers": brokers}
        self._producer: AIOKafkaProducer | None = None

    async def identify(self, user_id: str, attributes: Mapping[str, Any]) -> None:
        """Send a message that sets attributes of a person.

        Raises:
            ValueError, TypeError: the worker would not accept the message; nothing was sent.
        """
        await (await self.enqueue(outgoing.identify(user_id, attributes)))

    async def track(
        self,
        user_id: str,
        event: str,
        properties: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Send a message that records an event of a person.

        Args:
            timestamp: when the event happened, in Unix seconds; ``None`` for the time of sending.

        Raises:
            ValueError, TypeError: the worker would not accept the message; nothing was sent.
        """
        await (await self.enqueue(outgoing.track(user_id, event, properties, timestamp)))

    async def enqueue(self, message: OutgoingMessage) -> asyncio.Future[Any]:
        """Send a message without waiting until it is safe; for sending many messages.

        Waits for room in the client's buffer, and returns a future that is done when the message is safe.
        Messages of one person arrive in the order of the calls.
        """
        if self._producer is None:
            raise RuntimeError("the producer is not open: expected 'async with Producer(...)'")
        acknowledged: asyncio.Future[Any] = await self._producer.send(self._topic, message.value, message.key)
        return acknowledged

    async def __aenter__(self) -> Self:
        producer = AIOKafkaProducer(
            **self._connection,
            acks="all",
            enable_idempotence=self._idempotent,
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            max_request_size=_MOST_BYTES,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send every enqueued message, and close the connections."""
        if self._producer is not None:
            await self._producer.stop()
