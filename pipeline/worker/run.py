"""A worker from its start to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError, KafkaError

from config.errors import ConfigError
from pipeline.delivery.courier import Courier
from pipeline.delivery.ending import Ending, unless_ended
from pipeline.delivery.opening import open_delivery
from pipeline.delivery.start import check_credentials
from pipeline.kafka import connection_options
from pipeline.monitoring.health import Checks, health_page
from pipeline.outcome import DeliveryError
from pipeline.settings import KafkaSettings, PipelineSettings
from pipeline.worker.kafka_dead_letters import KafkaDeadLetters
from pipeline.worker.kafka_worker import KafkaWorker

_log = logging.getLogger(__name__)

_BROKER_RETRY_SECONDS = 1.0
_BROKER_RETRIES_PER_LOG_LINE = 30
# Together below the ten seconds in which a worker that is told to stop has ended.
_FINISH_SECONDS = 4.0
_COMMIT_SECONDS = 1.5
_LEAVE_SECONDS = 1.5
# Of the session timeout, for what is on its way at a rebalance: the group waits for the whole of it.
_DRAIN_SHARE = 1 / 3


class _State:
    """What the health page tells."""

    def __init__(self) -> None:
        self.waiting_for: str | None = "starting"
        self.worker: KafkaWorker | None = None

    def ready(self) -> str | None:
        if self.waiting_for is None and self.worker is not None:
            return self.worker.trouble
        return self.waiting_for


async def run_worker(settings: PipelineSettings) -> int:
    """Delivers a topic until it is told to stop.

    Returns:
        0 if it was stopped in order, 1 after an error of the broker.

    Raises:
        ConfigError: settings or credentials are wrong. Nothing is lost by that: what was read and not
            delivered is read again.
    """
    ending = Ending()
    ending.listen()
    state = _State()
    if settings.limit.redis_url is None:
        _log.warning("REDIS_URL is not set: this process keeps the limit, others know nothing of it")
    # It is alive while it answers: the process ends with its reading loop, and stands still without a broker,
    # which no restart brings back.
    checks = Checks(ready=state.ready)
    async with (
        open_delivery(settings) as delivery,
        health_page(settings.operations, delivery.metrics, checks),
    ):
        consumer = _consumer(settings.kafka)
        dead_letters = KafkaDeadLetters(settings.kafka)
        try:
            state.waiting_for = "waiting for Customer.io"
            if not await unless_ended(check_credentials(delivery.client), ending.event):
                return 0
            state.waiting_for = "waiting for the broker"
            for start in (consumer.start, dead_letters.start):
                if not await unless_ended(_reach(start, settings.kafka), ending.event):
                    return 0
            state.waiting_for = None
            courier = Courier(
                delivery.make_sender, delivery.refuse, dead_letters, delivery.metrics, ending.fail
            )
            drain_seconds = settings.kafka.session_timeout_ms / 1000 * _DRAIN_SHARE
            state.worker = KafkaWorker(
                consumer, settings.kafka.topic, courier, delivery.metrics, drain_seconds
            )
            return await _work(state.worker, courier, ending)
        except KafkaError as error:
            _log.error("stopped", extra={"error": f"{type(error).__name__}: {error}"})
            return 1
        finally:
            await _leave(consumer.stop, "the group")
            await _leave(dead_letters.stop, "the dead letters")


async def _work(worker: KafkaWorker, courier: Courier, ending: Ending) -> int:
    _log.info("delivering")
    try:
        await worker.run(ending.event)
    except KafkaError as error:
        ending.fail(error)
    finally:
        # After an error nothing more can be delivered; what has been is committed.
        await worker.finish(0.0 if ending.error else _FINISH_SECONDS, _COMMIT_SECONDS)
    if isinstance(ending.error, DeliveryError):
        raise ConfigError(
            f"CUSTOMERIO_*: {ending.error}; the worker has stopped, what it had not delivered "
            "stays in the topic"
        )
    if ending.error is not None:
        _log.error("stopped", extra={"error": f"{type(ending.error).__name__}: {ending.error}"})
        return 1
    _log.info("stopped in order")
    return 0


def _consumer(settings: KafkaSettings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **connection_options(settings),
        group_id=settings.group,
        enable_auto_commit=False,
        # What came before the group's first start is delivered too.
        auto_offset_reset="earliest",
        # What a producer's transaction has taken back is not delivered.
        isolation_level="read_committed",
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_ms,
        fetch_max_bytes=16 * 1024 * 1024,
    )


async def _reach(start: Callable[[], Awaitable[None]], settings: KafkaSettings) -> None:
    """Waits for the broker as long as it is away."""
    for attempt in count():
        try:
            await start()
        except KafkaConnectionError as error:
            if attempt % _BROKER_RETRIES_PER_LOG_LINE == 0:
                extra = {"brokers": settings.brokers, "error": str(error)}
                _log.warning("the broker can't be used yet", extra=extra)
            await asyncio.sleep(_BROKER_RETRY_SECONDS)
        else:
            return


async def _leave(stop: Callable[[], Awaitable[None]], what: str) -> None:
    """Says good-bye, if the broker listens; without it the group finds out by its session timeout."""
    try:
        await asyncio.wait_for(stop(), _LEAVE_SECONDS)
    except (TimeoutError, KafkaError):
        _log.warning("left without the broker's consent", extra={"what": what})
    except asyncio.CancelledError:
        # aiokafka raises it too when it gives up on a broker that is away.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        _log.warning("left without the broker's consent", extra={"what": what})
