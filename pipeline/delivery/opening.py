"""Opens the way to Customer.io: the limiter, the client, and senders for the chosen API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from config.errors import ConfigError
from pipeline.client import (
    BATCH_BYTES,
    BATCH_FRAME_BYTES,
    PIPELINES_BATCH_BYTES,
    RetryPolicy,
    TrackClient,
    batch_size_bytes,
    refusal,
)
from pipeline.delivery.mapping import load_mapping
from pipeline.delivery.message import Parse, parser
from pipeline.delivery.reachability import Reachability
from pipeline.delivery.waits import WaitLog
from pipeline.limiter import LimiterSettings, RateLimiter, SharedSettings, open_limiter
from pipeline.monitoring.metrics import PipelineMetrics
from pipeline.operation import AnyOperation
from pipeline.outcome import Held, Outcome, Refused
from pipeline.sender import BatchLimits, BatchSender, LoneRetries
from pipeline.settings import PipelineSettings

# While Customer.io is unreachable, requests are retried without end, with pauses of at most five seconds.
_WITHOUT_END = RetryPolicy(attempts=None, total_seconds=None, base_seconds=0.2, cap_seconds=5.0)
_OPERATIONS_BYTES = min(BATCH_BYTES, PIPELINES_BATCH_BYTES) - BATCH_FRAME_BYTES

#: The most messages accepted and not settled, and the bytes of them at which reading pauses. A waiting
#: message needs four times its bytes of memory: as received, as parsed, and as it will be sent.
BUFFER = 5000
BUFFER_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Delivery:
    """The open way to Customer.io.

    Args:
        client: the client of the Track API.
        make_sender: returns a batch sender over the client.
        refuse: returns why an operation cannot be sent; else ``None``.
        parse: returns the operation in the value of a message.
        metrics: the metrics of this process.
    """

    client: TrackClient
    make_sender: Callable[[], BatchSender]
    refuse: Callable[[AnyOperation], Refused | None]
    parse: Parse
    metrics: PipelineMetrics


@asynccontextmanager
async def open_delivery(settings: PipelineSettings) -> AsyncIterator[Delivery]:
    """Open the limiter and the client, and close them at the end.

    Raises:
        ConfigError: the certificate file or the mapping of messages cannot be read, or the limiter refuses
            the settings.
    """
    parse = parser(load_mapping(settings.message_mapping))
    async with AsyncExitStack() as until_end:
        limiter = await _open_limiter(settings)
        until_end.push_async_callback(limiter.aclose)
        metrics = PipelineMetrics(limiter.stats)
        try:
            client = await until_end.enter_async_context(_client(settings, limiter, metrics))
        except OSError as error:
            raise ConfigError("CUSTOMERIO_CA_FILE: expected a PEM file with certificates") from error
        api = settings.target.api
        yield Delivery(
            client, _senders(client, settings), lambda operation: refusal(operation, api), parse, metrics
        )


def _client(settings: PipelineSettings, limiter: RateLimiter, metrics: PipelineMetrics) -> TrackClient:
    reachability = Reachability()

    def observe_request(word: str, seconds: float) -> None:
        metrics.observe_request(word, seconds)
        reachability.observe_request(word)

    return TrackClient(
        base_url=settings.target.base_url,
        credentials=settings.target.credentials,
        limiter=limiter,
        retry=_WITHOUT_END,
        connections=settings.limit.concurrency,
        ca_file=settings.target.ca_file,
        on_retry=metrics.count_retry,
        on_request=observe_request,
        on_wait=WaitLog().before_wait,
        hold=True,
    )


async def _open_limiter(settings: PipelineSettings) -> RateLimiter:
    limits = settings.limit
    return await open_limiter(
        LimiterSettings(
            requests=limits.requests,
            window_seconds=limits.window_seconds,
            concurrency=limits.concurrency,
            min_gap_seconds=limits.min_gap_seconds,
        ),
        limits.redis_url,
        SharedSettings(
            # Each workspace has a limit of its own, also when they share a Redis.
            name=settings.target.workspace,
            max_processes=limits.max_processes,
            without_redis=limits.without_redis,
        ),
    )


def _senders(client: TrackClient, settings: PipelineSettings) -> Callable[[], BatchSender]:
    """Return a function that makes senders: v1 sends one operation per request, the others many."""
    api, batch = settings.target.api, settings.batch
    lone_retries = LoneRetries(
        lambda operation: client.retry_alone(operation, api),
        settings.undeliverable.attempts,
        settings.undeliverable.pause_seconds,
    )
    if api != "v1":

        async def send_batch(operations: Sequence[AnyOperation]) -> list[Outcome | Held]:
            return await client.send_batch(operations, api)

        limits = BatchLimits(batch.items, _OPERATIONS_BYTES, batch.wait_seconds, batch.concurrency, BUFFER)
        return lambda: BatchSender(
            send_batch, limits, lambda operation: batch_size_bytes(operation, api), lone_retries
        )

    async def send_each(operations: Sequence[AnyOperation]) -> list[Outcome | Held]:
        return [await client.send(operation) for operation in operations]

    limits = BatchLimits(1, _OPERATIONS_BYTES, 0.0, batch.concurrency, BUFFER)
    return lambda: BatchSender(send_each, limits, lambda operation: 0, lone_retries)
