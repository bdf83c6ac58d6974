"""Retries a held operation alone, with growing pauses, until it has an outcome."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from pipeline.client.retry import MAX_RETRY_AFTER_SECONDS
from pipeline.operation import AnyOperation
from pipeline.outcome import Held, Outcome, Refused
from pipeline.sender.lanes import QueuedOperation

_log = logging.getLogger(__name__)

#: The reason of the outcome of an operation that is given up; no HTTP status comes with it.
UNDELIVERABLE = "undeliverable"

# A pause grows to this many times the first one.
_MOST_GROWTH = 60.0


@dataclass(frozen=True)
class LoneRetries:
    """How held operations are retried.

    Args:
        deliver: makes one attempt to deliver one operation.
        attempts: the failures to blame on the operation, after which it is refused as ``undeliverable``. Only
            those count after which Customer.io has accepted another write. 0 for no limit.
        pause_seconds: before the first retry; it doubles up to sixty times this.
    """

    deliver: Callable[[AnyOperation], Awaitable[Outcome | Held]]
    attempts: int
    pause_seconds: float

    def seconds_before(self, item: QueuedOperation, asked_seconds: float | None) -> float:
        """Return the pause before the next retry.

        Args:
            item: what is to be retried.
            asked_seconds: what the server asked for, if it did.
        """
        growth = min(_MOST_GROWTH, math.ldexp(1.0, min(item.retries - 1, 10)))
        return max(self.pause_seconds * growth, min(asked_seconds or 0.0, MAX_RETRY_AFTER_SECONDS))

    def after_failure(self, item: QueuedOperation, held: Held) -> QueuedOperation | Refused:
        """Return the item as it waits for its next retry, or its outcome if the limit is reached."""
        if not item.retries:
            limit = {"gives_up_after": self.attempts} if self.attempts else {}
            _log.warning(
                "waiting for Customer.io to accept an operation that fails alone; retrying it with growing "
                "pauses, the others go on",
                extra={"reason": held.fault, **limit},
            )
        failed = replace(
            item,
            attempts=item.attempts + held.attempts,
            retries=item.retries + 1,
            blamed=item.blamed + held.is_blamed,
        )
        if not self.attempts or failed.blamed < self.attempts:
            return failed
        _log.warning("given up an operation that fails alone", extra={"reason": held.fault})
        text = f"given up after {failed.attempts} attempts, while others were accepted: {held.fault}"
        return Refused(failed.attempts, None, UNDELIVERABLE, "", text)
