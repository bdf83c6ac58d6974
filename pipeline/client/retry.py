"""When a request is attempted again: exponential back-off with full jitter, within a budget."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: The most that a ``Retry-After`` counts for where no ``total_seconds`` bounds it.
MAX_RETRY_AFTER_SECONDS = 300.0

# Bounds the exponent below what a float can hold; any cap is reached long before.
_MOST_DOUBLINGS = 60


@dataclass(frozen=True)
class RetryPolicy:
    """How often and for how long a request is attempted; ``None`` is without bound.

    Args:
        attempts: requests in all, the first included.
        total_seconds: from the start of the first request; no wait ends later.
        base_seconds: the longest wait after the first failure; it doubles with each further one.
        cap_seconds: the longest wait that the server did not ask for.

    Raises:
        ValueError: fewer than one attempt, or a negative time.
    """

    attempts: int | None = 5
    total_seconds: float | None = 60.0
    base_seconds: float = 0.1
    cap_seconds: float = 10.0

    def __post_init__(self) -> None:
        if self.attempts is not None and self.attempts < 1:
            raise ValueError(f"attempts: expected 1 or more, got {self.attempts}")
        for name in ("total_seconds", "base_seconds", "cap_seconds"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds >= 0.0:
                raise ValueError(f"{name}: expected 0 or more, got {seconds}")

    def wait_seconds(
        self, attempts: int, elapsed_seconds: float, jitter: float, retry_after_seconds: float | None = None
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or ``None`` if there is to be none.

        A wait that the server asks for is kept, and the jitter is added: all clients that were told the same
        would otherwise return at the same moment. If the wait exceeds the time left, there is no attempt.

        Args:
            attempts: requests made so far, from 1.
            elapsed_seconds: since the start of the first.
            jitter: a random number, 0 to 1.
            retry_after_seconds: what the server asks for.
        """
        if self.attempts is not None and attempts >= self.attempts:
            return None
        asked = retry_after_seconds or 0.0
        backoff = jitter * self._longest_backoff_seconds(attempts)
        if self.total_seconds is None:
            return min(asked, MAX_RETRY_AFTER_SECONDS) + backoff
        left = self.total_seconds - elapsed_seconds
        if left <= 0.0 or asked > left:
            return None
        return min(asked + backoff, left)

    def _longest_backoff_seconds(self, attempts: int) -> float:
        return min(self.cap_seconds, math.ldexp(self.base_seconds, min(attempts - 1, _MOST_DOUBLINGS)))
