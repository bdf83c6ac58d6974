"""The client of the Track API, v1 and v2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from config.customerio.answers import Meaning
from config.customerio.paths import REGION_PATH
from config.settings import Credentials
from pipeline.client.attempts import Attempts
from pipeline.client.batches import Item, deliver_batch
from pipeline.client.before_sending import (
    BATCH_BYTES,
    BATCH_FRAME_BYTES,
    v1_body,
    v2_item,
    with_deduplication_id,
)
from pipeline.client.connections import Connections
from pipeline.client.retry import RetryPolicy
from pipeline.client.singles import deliver_alone
from pipeline.limiter.interface import RateLimiter
from pipeline.operation import Operation
from pipeline.outcome import DeliveryError, Outcome, Refused

_DEFAULT_RETRY = RetryPolicy()


class TrackClient:
    """Delivers operations over one pool of connections: ``async with TrackClient(...) as client``.

    408, 429, 5xx and connections that are refused, break or stay silent are retried, even where the
    request may have arrived: an identify may be repeated, and Customer.io ignores an event whose id it
    has seen. An event without such an id gets one before its first attempt. Whoever sends an operation
    again after an error must have given it an id: ``with_deduplication_id``.

    Every attempt takes a slot of the limiter; while a request waits to be made again it holds none.
    A full queue of the limiter is waited for.

    Args:
        base_url: ``http(s)://host[:port]`` of the workspace's region.
        credentials: of the workspace.
        limiter: asked before every attempt, told of every 429.
        retry: the budget of one request.
        timeout_seconds: for one attempt.
        connections: in the pool; no fewer than the limiter lets be under way at once.
        ca_file: a PEM file of the authorities to trust instead of the system's.
        on_retry: is called for every request that is to be made again, with the reason in a word: ``429``,
            ``503``, ``timeout``, ``connection``, ``unreadable_207``.
        on_request: is called after every attempt, with its status or, if it had none, with the reason in
            a word, and with the seconds it took.

    Raises:
        ConfigError: ``base_url`` is no such URL, or that of a live host over plain http.
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
    ) -> None:
        self._connections = Connections(base_url, credentials, timeout_seconds, connections, ca_file)
        self._attempts = Attempts(self._connections, limiter, retry, on_retry, on_request)

    async def __aenter__(self) -> Self:
        """
        Raises:
            OSError: ``ca_file`` can't be read.
        """
        await self._connections.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connections.close()

    async def send(self, operation: Operation) -> Outcome:
        """Delivers one operation by Track v1.

        Raises:
            BudgetSpentError: it may have arrived or not.
            UnauthorizedError, RedirectedError: it has not.
        """
        operation = with_deduplication_id(operation)
        body = v1_body(operation)
        if isinstance(body, Refused):
            return body
        return await deliver_alone(self._attempts, body, operation.v1_method, operation.v1_path)

    async def send_entity(self, operation: Operation) -> Outcome:
        """Delivers one operation by Track v2; raises as ``send``."""
        body = v2_item(with_deduplication_id(operation))
        return body if isinstance(body, Refused) else await deliver_alone(self._attempts, body)

    async def send_batch(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Delivers many operations by one request of Track v2, by more where a part is refused as a whole.

        Returns:
            An outcome for each operation, in their order.

        Raises:
            ValueError: as they stand, they are larger than a batch may be.
            BudgetSpentError: each may have arrived or not.
            UnauthorizedError, RedirectedError: none has, unless a part had been answered before.
        """
        _check_size(operations)
        bodies = [v2_item(with_deduplication_id(operation)) for operation in operations]
        items = [body if isinstance(body, Refused) else Item(body) for body in bodies]
        await deliver_batch(self._attempts, [item for item in items if isinstance(item, Item)])
        return [item if isinstance(item, Refused) else item.settled for item in items]

    async def check_credentials(self) -> None:
        """Asks for the workspace's region, which changes nothing there.

        Raises:
            UnauthorizedError, RedirectedError: the credentials or the region are wrong.
            BudgetSpentError: nobody can tell now.
            DeliveryError: the host answers otherwise than the Track API does.
        """
        judgement, _ = await self._attempts.request("GET", REGION_PATH)
        if judgement.meaning is not Meaning.ACCEPTED:
            raise DeliveryError(
                f"{judgement.status} from {self._connections.base_url}: is this the Track API?"
            )


def _check_size(operations: Sequence[Operation]) -> None:
    """Ids that are added here don't count: the caller knows nothing of them."""
    items = [item for item in map(v2_item, operations) if isinstance(item, bytes)]
    size = BATCH_FRAME_BYTES + sum(map(len, items)) + max(0, len(items) - 1)
    if size > BATCH_BYTES:
        raise ValueError(f"a batch of {size} bytes; at most {BATCH_BYTES} are allowed")
