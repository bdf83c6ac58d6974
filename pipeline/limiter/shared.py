"""The limiter that any number of processes share through Redis."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import AbstractAsyncContextManager
from typing import Self

from config.errors import ConfigError
from pipeline.cancelling import cancel
from pipeline.limiter.interface import LimiterSettings, LimiterStats
from pipeline.limiter.redis_link import RedisGoneError, RedisLink, RedisRefusesError
from pipeline.limiter.script_call import LEASE_SECONDS, MICRO, PROBE_SECONDS, AnswerKind
from pipeline.limiter.settings import SharedSettings
from pipeline.limiter.shared_plan import Mode, SharedPlan
from pipeline.limiter.slots import GatedSlots

_log = logging.getLogger(__name__)

_TRIES_TO_JOIN = 3


class TooManyProcessesError(ConfigError):
    """``max_processes`` processes share the limiter already; one more would make their parts unsafe."""


class SharedLimiter:
    """A ``RateLimiter`` whose starts Redis plans, in order, for all processes that use the same name.

    One task talks to Redis. It asks for starts when a caller waits, and sends a heartbeat when there is
    nothing to ask. No caller waits for a call of its own.

    Args:
        link: the connection to Redis; the limiter closes it.
        settings: the limits of all processes together.
        shared: how processes share the limit.
    """

    def __init__(self, link: RedisLink, settings: LimiterSettings, shared: SharedSettings) -> None:
        self._link = link
        self._shared = shared
        self._changed = asyncio.Event()
        self._plan = SharedPlan(secrets.token_hex(8), settings, shared)
        self._slots = GatedSlots(self._plan, settings, self._changed.set)
        self._gate = self._slots.gate
        self._loop = asyncio.get_running_loop()
        self._logged_state = ""
        self._task: asyncio.Task[None] | None = None
        self.depleted = self._gate.depleted

    @classmethod
    async def open(cls, link: RedisLink, settings: LimiterSettings, shared: SharedSettings) -> Self:
        """Return a limiter that has joined the others.

        If Redis is unreachable, the limiter goes on trying, and nothing starts until Redis answers.

        Raises:
            TooManyProcessesError: no place was free, and none became free within a lease.
            ConfigError: Redis refuses the user, the password or a permission; or the other processes use
                another window.
        """
        limiter = cls(link, settings, shared)
        try:
            await limiter._join()
        except BaseException:
            await link.aclose()
            raise
        limiter._start_talking()
        return limiter

    @property
    def calls(self) -> int:
        """The number of calls to Redis so far."""
        return self._link.calls

    def slot(self) -> AbstractAsyncContextManager[None]:
        return self._slots.slot()

    async def wait_for_room(self) -> None:
        await self._gate.wait_for_room()

    def throttled(self, retry_after_seconds: float | None = None) -> None:
        self._slots.throttled(retry_after_seconds)
        # The other processes should know at once.
        self._changed.set()

    def stats(self) -> LimiterStats:
        return self._slots.stats()

    async def aclose(self) -> None:
        self._gate.close()
        task, self._task = self._task, None
        if task is None:
            return
        task.remove_done_callback(self._end)
        await cancel(task)
        try:
            if self._plan.is_shared:
                await self._leave()
        finally:
            await self._link.aclose()
        if not task.cancelled():
            task.result()

    # -- talking to Redis -------------------------------------------------------------------------

    async def _join(self) -> None:
        # A process that was killed keeps its place until its lease ends.
        deadline = self._loop.time() + LEASE_SECONDS + PROBE_SECONDS
        misses = 0
        while True:
            try:
                answer, given_back = await self._send()
            except RedisRefusesError as error:
                raise ConfigError(
                    f"limiter: Redis refuses the user, the password or a permission: {error}"
                ) from error
            except RedisGoneError as error:
                misses += 1
                if misses < _TRIES_TO_JOIN:
                    continue
                self._plan.lose_redis(self._loop.time())
                self._log_state(f"Redis is unreachable ({error}); nothing starts until it answers")
                return
            refusal = self._accept(answer, given_back)
            if refusal is None:
                return
            if answer[0] != AnswerKind.TOO_MANY:
                raise ConfigError(f"limiter: {refusal}")
            if self._loop.time() >= deadline:
                raise TooManyProcessesError(f"limiter: {refusal}")
            await asyncio.sleep(PROBE_SECONDS)

    def _start_talking(self) -> None:
        self._task = asyncio.create_task(self._talk(), name=f"limiter {self._shared.name}")
        self._task.add_done_callback(self._end)

    async def _talk(self) -> None:
        try:
            while True:
                await self._wait_until_due()
                await self._call()
        finally:
            # The program ends without aclose(): leave no connection open.
            if self._task is not None:
                await self._link.aclose()

    async def _call(self) -> None:
        try:
            refusal = self._accept(*await self._send())
        except RedisGoneError as error:
            self._lose_redis(error)
        else:
            if self._plan.reservations.too_slow:
                refusal = "Redis answers too slowly to know its clock"
            self._log_state(refusal and f"{refusal}; nothing starts")
        self._gate.advance()

    async def _wait_until_due(self) -> None:
        while True:
            now = self._loop.time()
            wait = self._plan.call_from(now, self._gate.running, self._gate.queued) - now
            if wait <= 0:
                return
            self._changed.clear()
            timer = self._loop.call_later(wait, self._changed.set)
            try:
                await self._changed.wait()
            finally:
                timer.cancel()

    async def _send(self, *, leaving: bool = False) -> tuple[list[int], list[int]]:
        """Make a call; return the answer, and the instants that the call gave back."""
        call = self._plan.prepare_call(
            self._loop.time(), self._gate.running, self._gate.queued, leaving=leaving
        )
        return await self._link.call(call), call["given_back"]

    def _accept(self, answer: list[int], given_back: list[int]) -> str | None:
        """Apply an answer; return the reason if Redis has no place for this process."""
        kind, *rest = answer
        if kind == AnswerKind.OK:
            self._plan.accept_answer(rest, given_back, self._loop.time())
            return None
        if kind == AnswerKind.STALE:
            raise RuntimeError("internal error: a later call of this process came first")
        self._plan.leave()
        if kind == AnswerKind.TOO_MANY:
            living, most = rest
            return (
                f"{self._shared.name!r} is shared by {living} processes already; at most {most} may share it"
            )
        return f"{self._shared.name!r} is in use with a window of {rest[0] / MICRO:g} s"

    def _lose_redis(self, error: RedisGoneError) -> None:
        self._plan.lose_redis(self._loop.time())
        if self._plan.mode is Mode.OUTSIDE or self._shared.without_redis == "wait":
            self._log_state(f"Redis is gone ({error}); nothing starts until it is back")
        else:
            after = self._plan.alone_after_seconds
            self._log_state(
                f"Redis is gone ({error}); in {after:.1f} s this process goes on with its own part"
            )

    async def _leave(self) -> None:
        try:
            await self._send(leaving=True)
        except RedisGoneError as error:
            _log.warning(
                "limiter %s: could not sign off; the lease of this process will expire: %s",
                self._shared.name,
                error,
            )

    def _end(self, task: asyncio.Task[None]) -> None:
        # Without this task no request would ever start again, so the waiting callers are cancelled.
        if not task.cancelled():
            _log.critical("limiter %s: stopped", self._shared.name, exc_info=task.exception())
        self._gate.close()

    def _log_state(self, trouble: str | None) -> None:
        """Log each change of state once."""
        state = (trouble or "").partition("(")[0]
        if state == self._logged_state:
            return
        self._logged_state = state
        if trouble:
            _log.warning("limiter %s: %s", self._shared.name, trouble)
        else:
            _log.info("limiter %s: shared by %d processes", self._shared.name, self._plan.members)
