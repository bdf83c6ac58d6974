"""The client of the Track API, v1 and v2, and of the Pipelines API in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from config.customerio.answers import Meaning
from config.customerio.paths import BATCH_PATH, PIPELINES_BATCH_PATH, PIPELINES_PATH, REGION_PATH
from config.settings import Credentials
from pipeline.client.attempts import Attempts, OnWait
from pipeline.client.batches import BatchDelivery, Item
from pipeline.client.before_sending import (
    BATCH_BYTES,
    BATCH_FRAME_BYTES,
    PIPELINES_BATCH_BYTES,
    LoneRequest,
    TrackApi,
    lone_request,
    with_deduplication_id,
)
from pipeline.client.connections import Connections, Fault
from pipeline.client.retry import MAX_RETRY_AFTER_SECONDS, RetryPolicy
from pipeline.client.singles import deliver_alone, outcome_of
from pipeline.client.suspicion import Suspicion
from pipeline.limiter.interface import RateLimiter
from pipeline.operation import AnyOperation
from pipeline.outcome import Delivered, DeliveryError, Held, Outcome, Refused, StuckError

_DEFAULT_RETRY = RetryPolicy()


class TrackClient:
    """Delivers operations over one pool of connections: ``async with TrackClient(...) as client``.

    It retries 408, 429, 5xx, a 2xx that Customer.io did not write, and connections that are refused, break or
    stay silent, even where the request may have arrived: an identify may be repeated, and Customer.io ignores
    an event whose id it has seen. An event without an id gets one before its first attempt. A caller that
    sends an operation again after an error must give it an id before: ``with_deduplication_id``.

    Every attempt holds a slot of the limiter; a request that waits for its next attempt holds none. If the
    limiter's queue is full, the client waits for room in it.

    Args:
        base_url: ``http(s)://host[:port]`` of the workspace's region.
        credentials: of the workspace.
        limiter: asked before every attempt, told of every 429.
        retry: how often and how long one request is attempted.
        timeout_seconds: for one attempt.
        connections: in the pool; at least as many as the limiter allows requests at once.
        ca_file: a PEM file of the authorities to trust instead of the system's.
        on_retry: called before each further attempt with the reason: ``429``, ``503``, ``timeout``,
            ``connection``, ``unreadable_207``.
        on_request: called after every attempt with its status, or with the reason if it had none that counts,
            and with its duration in seconds.
        on_wait: called before each pause, see ``OnWait``.
        hold: whether an operation whose requests fail, while Customer.io accepts a harmless write, is given
            back as ``Held``; its caller retries it by ``retry_alone``. Otherwise it is retried as ``retry``
            says.

    Raises:
        ConfigError: ``base_url`` has another form, or is that of a live host over plain http.
    """

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Credentials,
        limiter: RateLimiter,
        retry: RetryPolicy = _DEFAULT_RETRY,
        timeout_seconds: float = 10.0,
        connections: int = 20,
        ca_file: str | None = None,
        on_retry: Callable[[str], None] | None = None,
        on_request: Callable[[str, float], None] | None = None,
        on_wait: OnWait | None = None,
        hold: bool = False,
    ) -> None:
        self._connections = Connections(base_url, credentials, timeout_seconds, connections, ca_file)
        self._attempts = Attempts(self._connections, limiter, retry, on_retry, on_request, on_wait)
        self._suspicion = Suspicion(self._attempts) if hold else None

    async def __aenter__(self) -> Self:
        """Open the client.

        Raises:
            OSError: ``ca_file`` cannot be read.
        """
        await self._connections.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._connections.close()

    async def send(self, operation: AnyOperation) -> Outcome | Held:
        """Deliver one operation by Track v1, if that has a form for it, and return its outcome.

        Raises:
            BudgetSpentError: the operation may have arrived.
            UnauthorizedError, RedirectedError, UnexpectedAnswerError: it has not arrived.
        """
        return await self._send_alone(operation, "v1")

    async def send_entity(self, operation: AnyOperation) -> Outcome | Held:
        """Deliver one operation by Track v2, if that has a form for it; raises as ``send``."""
        return await self._send_alone(operation, "v2")

    async def send_call(self, operation: AnyOperation) -> Outcome | Held:
        """Deliver one operation by the Pipelines API; raises as ``send``."""
        return await self._send_alone(operation, "pipelines")

    async def send_batch(
        self, operations: Sequence[AnyOperation], api: TrackApi = "v2"
    ) -> list[Outcome | Held]:
        """Deliver operations by one request and return their outcomes in the same order.

        More requests follow if the batch is refused as a whole, its answer leaves doubt, or it is stuck, and
        for anonymous events of Track.

        Args:
            operations: to deliver.
            api: Track v2, or Pipelines.

        Raises:
            ValueError: together the operations are larger than a batch may be.
            BudgetSpentError: each operation may have arrived.
            UnauthorizedError, RedirectedError, UnexpectedAnswerError: none has arrived, unless an earlier
                request for a part of them was answered.
        """
        _check_size(operations, api)
        requests = [lone_request(with_deduplication_id(operation), api) for operation in operations]
        outcomes = [
            request if isinstance(request, Refused) else Item(request, operation.lane)
            for operation, request in zip(operations, requests, strict=True)
        ]
        sent = [
            (operation, item)
            for operation, item in zip(operations, outcomes, strict=True)
            if isinstance(item, Item)
        ]
        if sent:
            await self._deliver_batch(sent, api)
        return [item if isinstance(item, Refused) else item.settled for item in outcomes]

    async def retry_alone(self, operation: AnyOperation, api: TrackApi) -> Outcome | Held:
        """Make one attempt to deliver an operation that was held; raises as ``send``.

        If it fails, a harmless write shows whether others are accepted: ``Held.is_blamed``.
        """
        if self._suspicion is None:
            raise ValueError("only a client with hold=True retries what it holds")
        request = lone_request(with_deduplication_id(operation), api)
        if isinstance(request, Refused):
            return request
        answer = await self._attempts.request_once(*request)
        if not isinstance(answer, Fault):
            return outcome_of(answer, 1)
        self._attempts.retrying(answer.word)
        self._attempts.waiting(answer, min(answer.retry_after_seconds or 0.0, MAX_RETRY_AFTER_SECONDS))
        is_blamed = answer.word != "429" and await self._suspicion.are_others_accepted([operation], api)
        return Held(1, answer.text, is_blamed, answer.retry_after_seconds)

    async def _send_alone(self, operation: AnyOperation, api: TrackApi) -> Outcome | Held:
        request = lone_request(with_deduplication_id(operation), api)
        if isinstance(request, Refused):
            return request
        suspicion = self._suspicion
        if suspicion is None:
            return await deliver_alone(self._attempts, request)
        try:
            outcome = await deliver_alone(self._attempts, request, is_stuck=suspicion.of([operation], api))
        except StuckError as error:
            return Held(error.attempts, error.fault)
        if isinstance(outcome, Delivered):
            suspicion.remember(operation)
        return outcome

    async def _deliver_batch(self, sent: Sequence[tuple[AnyOperation, Item]], api: TrackApi) -> None:
        suspicion = self._suspicion
        is_stuck = None if suspicion is None else suspicion.of([operation for operation, _ in sent], api)
        path = PIPELINES_BATCH_PATH if api == "pipelines" else BATCH_PATH
        delivery = BatchDelivery(self._attempts, is_stuck, path, _most_bytes(api))
        await delivery.run([item for _, item in sent])
        if suspicion is None:
            return
        for operation, item in reversed(sent):
            if isinstance(item.outcome, Delivered) and operation.identifiers is not None:
                suspicion.remember(operation)
                return

    async def check_credentials(self) -> bytes:
        """Ask for the account's region, which changes nothing there; return the answer's body.

        Raises:
            UnauthorizedError, RedirectedError: the credentials or the region are wrong.
            BudgetSpentError: the host gave no final answer, so the credentials are unknown.
            DeliveryError: the host does not answer as the Track API does.
        """
        judgement, body = await self._attempts.read(REGION_PATH)
        if judgement.meaning is not Meaning.ACCEPTED:
            raise DeliveryError(
                f"{judgement.status} from {self._connections.base_url}: is this the Track API?"
            )
        return body

    async def check_write_key(self) -> None:
        """Make an invalid call to the Pipelines API, which changes nothing there.

        Raises:
            UnauthorizedError, RedirectedError: the write key or the region is wrong.
            BudgetSpentError: the host gave no final answer, so the key is unknown.
            DeliveryError: the host does not answer as the Pipelines API does in strict mode.
        """
        judgement, _ = await self._attempts.request("POST", PIPELINES_PATH + "identify", b"{}")
        if judgement.meaning is not Meaning.REFUSED:
            raise DeliveryError(
                f"{judgement.status} from {self._connections.base_url} to an invalid call: expected 400, as "
                "the Pipelines API answers in strict mode; otherwise nobody would see what it ignores"
            )


def _most_bytes(api: TrackApi) -> int:
    return PIPELINES_BATCH_BYTES if api == "pipelines" else BATCH_BYTES


def _check_size(operations: Sequence[AnyOperation], api: TrackApi) -> None:
    """Raise if a batch is too large as the caller gave it: ids that the client adds do not count."""
    requests = [lone_request(operation, api) for operation in operations]
    sizes = [
        len(request.batch_item)
        for request in requests
        if isinstance(request, LoneRequest) and request.is_batchable
    ]
    size = BATCH_FRAME_BYTES + sum(sizes) + max(0, len(sizes) - 1)
    if size > _most_bytes(api):
        raise ValueError(f"a batch of {size} bytes; at most {_most_bytes(api)} are allowed")
