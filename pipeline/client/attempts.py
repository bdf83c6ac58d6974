"""A request's attempts: each holds a slot of the rate limiter, the waits between them hold none."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from config.customerio.answers import Judgement, Meaning, judge
from config.customerio.hosts import region_of
from config.customerio.paths import CallKind, call_kind
from pipeline.client.connections import Connections, Fault, Reply
from pipeline.client.retry import MAX_RETRY_AFTER_SECONDS, RetryPolicy
from pipeline.limiter.interface import LimiterQueueFullError, RateLimiter
from pipeline.outcome import BudgetSpentError, RedirectedError, UnauthorizedError, UnexpectedAnswerError


@dataclass(frozen=True)
class _Answer:
    """A reply and what it means."""

    reply: Reply
    judgement: Judgement


class Attempts:
    """Repeats a request until an answer is final, or the policy allows no further attempt."""

    def __init__(
        self,
        connections: Connections,
        limiter: RateLimiter,
        policy: RetryPolicy,
        on_retry: Callable[[str], None] | None,
        on_request: Callable[[str, float], None] | None = None,
    ) -> None:
        self._connections = connections
        self._limiter = limiter
        self._policy = policy
        self._on_retry = on_retry
        self._on_request = on_request

    async def request(
        self, method: str, path: str, body: bytes | None = None, items: int = 1
    ) -> tuple[Judgement, int]:
        """Make a request and return what the final answer means, with the number of attempts.

        It means ``ACCEPTED``, ``PARTLY_REFUSED``, ``REFUSED`` or, for a batch, ``DOUBTFUL``.

        Args:
            method: of the request.
            path: of the request; it tells the kind of call.
            body: as it is sent.
            items: operations in the body.

        Raises:
            BudgetSpentError: attempts or time were used up, and every attempt ended in a fault.
            UnauthorizedError, RedirectedError: 401 or 403, 3xx.
            UnexpectedAnswerError: another 4xx than those that refuse what the request carries.
        """
        call = call_kind(path)
        attempts, started = 0, 0.0
        while True:
            async with AsyncExitStack() as slot:
                await self._enter(slot)
                attempts += 1
                started = started or time.monotonic()
                answer = await self._attempt(method, path, body, call, items)
            if isinstance(answer, _Answer):
                self._raise_if_turned_away(answer)
                fault = _fault_of_doubt(answer.judgement, call)
                if fault is None:
                    return answer.judgement, attempts
            else:
                fault = answer
            await self._back_off(attempts, time.monotonic() - started, fault)

    def retrying(self, word: str) -> None:
        """Tell ``on_retry``."""
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

    async def _attempt(
        self, method: str, path: str, body: bytes | None, call: CallKind, items: int
    ) -> _Answer | Fault:
        started = time.monotonic()
        reply = await self._connections.exchange(method, path, body)
        answer = reply if isinstance(reply, Fault) else _answer_or_fault(reply, call, items)
        if self._on_request is not None:
            word = answer.word if isinstance(answer, Fault) else str(answer.reply.status)
            self._on_request(word, time.monotonic() - started)
        if isinstance(answer, Fault) and answer.word == "429":
            # Told while the slot is still held, so that no other request starts in between.
            self._limiter.throttled(_bounded(answer.retry_after_seconds))
        return answer

    async def _back_off(self, attempts: int, elapsed_seconds: float, fault: Fault) -> None:
        jitter = random.random()  # noqa: S311 - spreads retries; no secret
        wait = self._policy.wait_seconds(attempts, elapsed_seconds, jitter, fault.retry_after_seconds)
        if wait is None:
            raise BudgetSpentError(attempts, fault.text)
        self.retrying(fault.word)
        await asyncio.sleep(wait)

    def _raise_if_turned_away(self, answer: _Answer) -> None:
        host, status = self._connections.base_url, answer.reply.status
        match answer.judgement.meaning:
            case Meaning.UNAUTHORIZED:
                raise UnauthorizedError(f"{status} from {host}: the site id or the API key is wrong")
            case Meaning.REDIRECTED:
                raise RedirectedError(_redirection(host, answer.reply))
            case Meaning.UNEXPECTED:
                raise UnexpectedAnswerError(f"{status} from {host}: is this the Track API?")


def unreadable(status: int) -> str:
    """Return the word for a success that does not say what was accepted: ``unreadable_207``."""
    return f"unreadable_{status}"


def _answer_or_fault(reply: Reply, call: CallKind, items: int) -> _Answer | Fault:
    judgement = judge(reply.status, reply.body, call, items)
    match judgement.meaning:
        case Meaning.RETRY:
            return Fault(str(reply.status), str(reply.status), reply.retry_after_seconds)
        case Meaning.FOREIGN:
            return Fault(unreadable(reply.status), f"{reply.status} that is not the Track API's")
    return _Answer(reply, judgement)


def _fault_of_doubt(judgement: Judgement, call: CallKind) -> Fault | None:
    """A batch in doubt is sent again item by item; a lone operation in doubt can only be sent again."""
    if judgement.meaning is Meaning.DOUBTFUL and call is not CallKind.BATCH:
        return Fault(unreadable(judgement.status), f"{judgement.status} that names no reason")
    return None


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER_SECONDS)


def _redirection(host: str, reply: Reply) -> str:
    """Return where to, by the host alone, and what it means if that is the host of a region."""
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
