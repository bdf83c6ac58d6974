"""A request's attempts: each in a slot of the rate limiter, the waits between them outside."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from config.customerio.hosts import region_of
from pipeline.client.replies import Reply, is_plain_success
from pipeline.client.retry import MAX_RETRY_AFTER_SECONDS, RetryPolicy
from pipeline.client.transport import Fault, Transport
from pipeline.limiter.interface import LimiterQueueFullError, RateLimiter
from pipeline.outcome import BudgetSpentError, RedirectedError, UnauthorizedError, UnexpectedAnswerError

#: For ``on_retry``: a success whose body nobody at Customer.io has written.
UNREADABLE_200 = "unreadable_200"
# What a request may be answered because of what it carries. Any other 4xx is about its address, or comes from
# something in between: no operation is to blame for it.
_REFUSALS = (400, 413, 422)

Judge = Callable[[Reply], Fault | None]


class Attempts:
    """Makes a request until it is answered for good, or the policy ends it."""

    def __init__(
        self,
        transport: Transport,
        limiter: RateLimiter,
        policy: RetryPolicy,
        on_retry: Callable[[str], None] | None,
        on_request: Callable[[str, float], None] | None = None,
    ) -> None:
        self._transport = transport
        self._limiter = limiter
        self._policy = policy
        self._on_retry = on_retry
        self._on_request = on_request

    async def request(
        self, method: str, path: str, body: bytes | None = None, judge: Judge | None = None
    ) -> tuple[Reply, int]:
        """The answer, its status 2xx or a 4xx that no retry helps, and the number of attempts.

        Args:
            judge: finds a fault that passes in an answer that looks final.

        Raises:
            BudgetSpentError: faults only, until attempts or time were used up.
            UnauthorizedError, RedirectedError: 401 or 403, 3xx.
            UnexpectedAnswerError: another 4xx than those that refuse what the request carries.
        """
        attempts, started = 0, 0.0
        while True:
            async with AsyncExitStack() as slot:
                await self._enter(slot)
                attempts += 1
                started = started or time.monotonic()
                answer = await self._attempt(method, path, body)
            if isinstance(answer, Reply):
                self._raise_if_turned_away(answer)
                fault = None if judge is None else judge(answer)
                if fault is None:
                    return answer, attempts
            else:
                fault = answer
            await self._back_off(attempts, time.monotonic() - started, fault)

    def retrying(self, word: str) -> None:
        """Tells ``on_retry``."""
        if self._on_retry is not None:
            self._on_retry(word)

    async def _enter(self, slot: AsyncExitStack) -> None:
        while True:
            try:
                await slot.enter_async_context(self._limiter.slot())
            except LimiterQueueFullError:
                await self._limiter.wait_for_room()
            else:
                return

    async def _attempt(self, method: str, path: str, body: bytes | None) -> Reply | Fault:
        started = time.monotonic()
        answer = await self._transport.exchange(method, path, body)
        if isinstance(answer, Reply):
            answer = _fault(answer) or answer
        if self._on_request is not None:
            word = str(answer.status) if isinstance(answer, Reply) else answer.word
            self._on_request(word, time.monotonic() - started)
        if isinstance(answer, Fault) and answer.word == "429":
            # While the slot is still held: nobody is to start in between.
            self._limiter.throttled(_bounded(answer.retry_after_seconds))
        return answer

    async def _back_off(self, attempts: int, elapsed_seconds: float, fault: Fault) -> None:
        jitter = random.random()  # noqa: S311 - spreads retries; no secret
        wait = self._policy.wait_seconds(attempts, elapsed_seconds, jitter, fault.retry_after_seconds)
        if wait is None:
            raise BudgetSpentError(attempts, fault.text)
        self.retrying(fault.word)
        await asyncio.sleep(wait)

    def _raise_if_turned_away(self, reply: Reply) -> None:
        host = self._transport.base_url
        if reply.status in (401, 403):
            raise UnauthorizedError(f"{reply.status} from {host}: the site id or the API key is wrong")
        if 300 <= reply.status < 400:
            raise RedirectedError(_redirection(host, reply))
        if reply.status >= 400 and reply.status not in _REFUSALS:
            raise UnexpectedAnswerError(f"{reply.status} from {host}: is this the Track API?")


def _fault(reply: Reply) -> Fault | None:
    """408 (too slow a request), 429, and all 5xx, proxies' own 522 and 524 among them, pass by themselves."""
    if reply.status in (408, 429) or reply.status >= 500:
        return Fault(str(reply.status), str(reply.status), reply.retry_after_seconds)
    if reply.status in (200, 201, 202) and not is_plain_success(reply):
        # A login page, a proxy's apology: whoever wrote it did not take the operations.
        return Fault(UNREADABLE_200, f"{reply.status} whose body is not the Track API's")
    return None


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER_SECONDS)


def _redirection(host: str, reply: Reply) -> str:
    """Where to, by its host alone, and what that means if it is one of Customer.io's regions."""
    try:
        parts = urlsplit(reply.location or "")
        target = f"{parts.scheme}://{parts.hostname}" if parts.hostname else "elsewhere"
    except ValueError:
        target = "elsewhere"
    text = f"{reply.status} from {host} to {target}"
    region = region_of(target)
    if region is None:
        return f"{text}: redirects are not followed; is the base URL, or the region, the workspace's?"
    return f"{text}: the workspace is in the region {region.upper()}; set CUSTOMERIO_REGION={region}"
