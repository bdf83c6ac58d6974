"""A request's attempts: each holds a slot of the rate limiter, the waits between them hold none."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

from config.customerio.answers import Judgement, Meaning, judge
from config.customerio.hosts import region_of
from config.customerio.paths import PIPELINES_PATH, CallKind, call_kind
from pipeline.client.connections import Connections, Fault, Reply
from pipeline.client.retry import MAX_RETRY_AFTER_SECONDS, RetryPolicy
from pipeline.limiter.interface import LimiterQueueFullError, RateLimiter
from pipeline.outcome import (
    BudgetSpentError,
    RedirectedError,
    StuckError,
    UnauthorizedError,
    UnexpectedAnswerError,
)

#: Returns, after so many faults of one request, whether the request is stuck: see ``StuckError``. A 429 is no
#: fault in this sense, as it says nothing about what the request carries.
IsStuck = Callable[[int], Awaitable[bool]]
#: Called before a pause: the word for the fault, the seconds of the pause, and the seconds that the server
#: asked for, if it did.
OnWait = Callable[[str, float, float | None], None]


@dataclass(frozen=True)
class _Answer:
    """A reply, what it means, and which API was asked."""

    reply: Reply
    judgement: Judgement
    is_of_pipelines: bool


class Attempts:
    """Repeats a request until an answer is final, or the policy allows no further attempt."""

    def __init__(
        self,
        connections: Connections,
        limiter: RateLimiter,
        policy: RetryPolicy,
        on_retry: Callable[[str], None] | None,
        on_request: Callable[[str, float], None] | None = None,
        on_wait: OnWait | None = None,
    ) -> None:
        self._connections = connections
        self._limiter = limiter
        self._policy = policy
        self._on_retry = on_retry
        self._on_request = on_request
        self._on_wait = on_wait

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        items: int = 1,
        is_stuck: IsStuck | None = None,
    ) -> tuple[Judgement, int]:
        """Make a request and return what the final answer means, with the number of attempts.

        It means ``ACCEPTED``, ``PARTLY_REFUSED``, ``REFUSED`` or, for a batch, ``DOUBTFUL``.

        Args:
            method: of the request.
            path: of the request; it tells the kind of call.
            body: as it is sent.
            items: operations in the body.
            is_stuck: asked after every fault but 429; ``None`` for a request that is never stuck.

        Raises:
            StuckError: ``is_stuck`` said so.
            BudgetSpentError: attempts or time were used up, and every attempt ended in a fault.
            UnauthorizedError, RedirectedError: 401 or 403, 3xx.
            UnexpectedAnswerError: another 4xx than those that refuse what the request carries.
        """
        answer, attempts = await self._final_answer(method, path, body, items, is_stuck)
        return answer.judgement, attempts

    async def read(self, path: str) -> tuple[Judgement, bytes]:
        """Get a path; return what the final answer means, and its body. Raises as ``request``."""
        answer, _ = await self._final_answer("GET", path, None, 1, None)
        return answer.judgement, answer.reply.body

    async def _final_answer(
        self, method: str, path: str, body: bytes | None, items: int, is_stuck: IsStuck | None
    ) -> tuple[_Answer, int]:
        attempts, faults, started = 0, 0, 0.0
        while True:
            async with AsyncExitStack() as slot:
                await self._enter(slot)
                attempts += 1
                started = started or time.monotonic()
                answer = await self._attempt(method, path, body, items)
            if isinstance(answer, _Answer):
                return answer, attempts
            await self._back_off(attempts, time.monotonic() - started, answer)
            if is_stuck is not None and answer.word != "429":
                # Asked after the pause, which the server may have asked for.
                faults += 1
                if await is_stuck(faults):
                    raise StuckError(attempts, answer.text)

    async def request_once(self, method: str, path: str, body: bytes) -> Judgement | Fault:
        """Make one attempt and return what its answer means, or its fault; raises as ``request``."""
        async with AsyncExitStack() as slot:
            await self._enter(slot)
            answer = await self._attempt(method, path, body, 1)
        return answer.judgement if isinstance(answer, _Answer) else answer

    def retrying(self, word: str) -> None:
        """Tell ``on_retry``."""
        if self._on_retry is not None:
            self._on_retry(word)

    def waiting(self, fault: Fault, seconds: float) -> None:
        """Tell ``on_wait`` of a pause because of a fault."""
        if self._on_wait is not None:
            self._on_wait(fault.word, seconds, fault.retry_after_seconds)

    async def _enter(self, slot: AsyncExitStack) -> None:
        while True:
            try:
                await slot.enter_async_context(self._limiter.slot())
            except LimiterQueueFullError:
                await self._limiter.wait_for_room()
            else:
                return

    async def _attempt(self, method: str, path: str, body: bytes | None, items: int) -> _Answer | Fault:
        call, started = call_kind(path), time.monotonic()
        reply = await self._connections.exchange(method, path, body)
        answer = reply if isinstance(reply, Fault) else _answer_or_fault(reply, path, items)
        if self._on_request is not None:
            word = answer.word if isinstance(answer, Fault) else str(answer.reply.status)
            self._on_request(word, time.monotonic() - started)
        if isinstance(answer, Fault) and answer.word == "429":
            # Told while the slot is still held, so that no other request starts in between.
            self._limiter.throttled(_bounded(answer.retry_after_seconds))
        if isinstance(answer, _Answer):
            self._raise_if_turned_away(answer)
            return _fault_of_doubt(answer.judgement, call) or answer
        return answer

    async def _back_off(self, attempts: int, elapsed_seconds: float, fault: Fault) -> None:
        jitter = random.random()  # noqa: S311 - spreads retries; no secret
        wait = self._policy.wait_seconds(attempts, elapsed_seconds, jitter, fault.retry_after_seconds)
        if wait is None:
            raise BudgetSpentError(attempts, fault.text)
        self.retrying(fault.word)
        self.waiting(fault, wait)
        await asyncio.sleep(wait)

    def _raise_if_turned_away(self, answer: _Answer) -> None:
        host, status = self._connections.base_url, answer.reply.status
        match answer.judgement.meaning:
            case Meaning.UNAUTHORIZED:
                which = "the write key" if answer.is_of_pipelines else "the site id or the API key"
                raise UnauthorizedError(f"{status} from {host}: {which} is wrong")
            case Meaning.REDIRECTED:
                raise RedirectedError(_redirection(host, answer.reply))
            case Meaning.UNEXPECTED:
                which = "Pipelines" if answer.is_of_pipelines else "Track"
                raise UnexpectedAnswerError(f"{status} from {host}: is this the {which} API?")


def unreadable(status: int) -> str:
    """Return the word for a success that does not say what was accepted: ``unreadable_207``."""
    return f"unreadable_{status}"


def _answer_or_fault(reply: Reply, path: str, items: int) -> _Answer | Fault:
    judgement = judge(reply.status, reply.body, call_kind(path), items)
    match judgement.meaning:
        case Meaning.RETRY:
            return Fault(str(reply.status), str(reply.status), reply.retry_after_seconds)
        case Meaning.FOREIGN:
            return Fault(unreadable(reply.status), f"{reply.status} that is not Customer.io's")
    return _Answer(reply, judgement, path.startswith(PIPELINES_PATH))


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
