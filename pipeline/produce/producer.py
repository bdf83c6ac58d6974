"""Puts messages on the topic that the workers read."""

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
# Nothing that is checked is as large; the broker's own limit for the topic is usually 1 MiB.
_MOST_BYTES = 1024 * 1024


class Producer:
    """For applications: ``async with Producer(brokers, topic) as producer: await producer.track(...)``.

    A message is safe when the call returns: all replicas in sync have it. With ``idempotent`` the client's
    own retries neither double nor reorder anything; a broker that can't do that refuses the start.

    Args:
        brokers: ``host:port``, several separated by commas.
        topic: must exist.
        idempotent: see above.
        connection: further arguments of aiokafka's clients, such as for TLS.

    Raises:
        KafkaError: on entry, if the broker can't be used; by each call, if the message is not acknowledged.
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
        """Sets attributes of a person.

        Raises:
            ValueError, TypeError: the worker would not take it; nothing was sent.
        """
        await (await self.enqueue(outgoing.identify(user_id, attributes)))

    async def track(
        self,
        user_id: str,
        event: str,
        properties: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Records an event of a person; ``timestamp`` in Unix seconds, the time of sending if ``None``.

        Raises:
            ValueError, TypeError: the worker would not take it; nothing was sent.
        """
        await (await self.enqueue(outgoing.track(user_id, event, properties, timestamp)))

    async def enqueue(self, message: OutgoingMessage) -> asyncio.Future[Any]:
        """For many: returns when there is room for it, with what is done when it is safe.

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
        """Sends what is enqueued, and closes the connections."""
        if self._producer is not None:
            await self._producer.stop()
