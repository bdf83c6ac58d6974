"""Runs a worker from start to stop."""

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
from pipeline.delivery.start import check_account
from pipeline.kafka import connection_options
from pipeline.monitoring.health import Checks, health_page
from pipeline.outcome import DeliveryError
from pipeline.settings import KafkaSettings, PipelineSettings
from pipeline.worker.kafka_dead_letters import KafkaDeadLetters
from pipeline.worker.kafka_worker import KafkaWorker
from pipeline.worker.readiness import Readiness
from pipeline.worker.topic import wait_for_topic

_log = logging.getLogger(__name__)

_BROKER_RETRY_SECONDS = 1.0
_BROKER_RETRIES_PER_LOG_LINE = 30
# Together below ten seconds: a worker ends within ten seconds after it is told to stop.
_FINISH_SECONDS = 4.0
_COMMIT_SECONDS = 1.5
_LEAVE_SECONDS = 1.5
# The share of the session timeout that deliveries in flight may take at a rebalance. The group waits for
# the whole timeout.
_DRAIN_SHARE = 1 / 3


async def run_worker(settings: PipelineSettings) -> int:
    """Deliver a topic's messages until a signal stops the worker.

    Returns:
        The exit code: 0 after an orderly stop, 1 after an error of the broker.

    Raises:
        ConfigError: settings or credentials are wrong. No message is lost: the messages that were read and
            not delivered will be read again.
    """
    ending = Ending()
    ending.listen()
    readiness = Readiness("starting")
    if settings.limit.redis_url is None:
        _log.warning("REDIS_URL is not set: the rate limit holds for this process alone")
    # No check of liveness is needed: the process ends when its read loop ends. Without a broker it waits, and
    # a restart would not bring the broker back.
    checks = Checks(ready=readiness.reason)
    async with (
        open_delivery(settings) as delivery,
        health_page(settings.operations, delivery.metrics, checks),
    ):
        consumer = _consumer(settings.kafka)
        dead_letters = KafkaDeadLetters(settings.kafka)
        try:
            readiness.wait_for("waiting for Customer.io")
            if not await unless_ended(check_account(delivery.client, settings.target), ending.event):
                return 0
            readiness.wait_for("waiting for the broker")
            for start in (consumer.start, dead_letters.start):
                if not await unless_ended(_connect(start, settings.kafka), ending.event):
                    return 0
            topic = settings.kafka.topic
            if not await unless_ended(wait_for_topic(consumer, topic, readiness), ending.event):
                return 0
            courier = Courier(
                delivery.make_sender,
                delivery.refuse,
                dead_letters,
                delivery.metrics,
                ending.fail,
                delivery.parse,
            )
            drain_seconds = settings.kafka.session_timeout_ms / 1000 * _DRAIN_SHARE
            worker = KafkaWorker(
                consumer, settings.kafka.topic, courier, delivery.metrics, readiness, drain_seconds
            )
            await _work(worker, ending)
        except KafkaError as error:
            _log.error("stopped", extra={"error": f"{type(error).__name__}: {error}"})
            return 1
        finally:
            await _disconnect(consumer.stop, "the group")
            await _disconnect(dead_letters.stop, "the dead letters")
    return _report(courier, ending)


async def _work(worker: KafkaWorker, ending: Ending) -> None:
    _log.info("delivering")
    try:
        await worker.run(ending.event)
    except KafkaError as error:
        ending.fail(error)
    finally:
        # After an error nothing more can be delivered, but what was delivered is committed.
        await worker.finish(0.0 if ending.error else _FINISH_SECONDS, _COMMIT_SECONDS)


def _report(courier: Courier, ending: Ending) -> int:
    """Log what was delivered, as the last line of all; return the exit code."""
    if isinstance(ending.error, DeliveryError):
        raise ConfigError(
            f"CUSTOMERIO_*: {ending.error}; the worker has stopped, and what it had not delivered "
            f"stays in the topic; {courier.delivered} delivered, {courier.dead} dead letters"
        )
    counts = {"delivered": courier.delivered, "dead_letters": courier.dead}
    if ending.error is not None:
        extra = {"error": f"{type(ending.error).__name__}: {ending.error}", **counts}
        _log.error("stopped", extra=extra)
        return 1
    _log.info("stopped in order", extra=counts)
    return 0


def _consumer(settings: KafkaSettings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **connection_options(settings),
        group_id=settings.group,
        group_instance_id=settings.instance_id,
        enable_auto_commit=False,
        # Messages from before the group's first start are delivered, too.
        auto_offset_reset="earliest",
        # Messages of an aborted transaction are not delivered.
        isolation_level="read_committed",
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=settings.heartbeat_ms,
        fetch_max_bytes=16 * 1024 * 1024,
    )


async def _connect(start: Callable[[], Awaitable[None]], settings: KafkaSettings) -> None:
    """Call ``start`` until the broker is reachable."""
    for attempt in count():
        try:
            await start()
        except KafkaConnectionError as error:
            if attempt % _BROKER_RETRIES_PER_LOG_LINE == 0:
                extra = {"brokers": settings.brokers, "error": str(error)}
                _log.warning("the broker can't be used yet; trying again", extra=extra)
            await asyncio.sleep(_BROKER_RETRY_SECONDS)
        else:
            return


async def _disconnect(stop: Callable[[], Awaitable[None]], what: str) -> None:
    """Disconnect. If the broker does not answer, the group notices at the session timeout."""
    try:
        await asyncio.wait_for(stop(), _LEAVE_SECONDS)
    except (TimeoutError, KafkaError):
        _log.warning("disconnected without an answer from the broker", extra={"what": what})
    except asyncio.CancelledError:
        # aiokafka also raises this when it gives up on a broker that is away.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        _log.warning("disconnected without an answer from the broker", extra={"what": what})
