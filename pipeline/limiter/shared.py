"""The limiter that any number of processes share through Redis."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Self

from config.errors import ConfigError
from pipeline.cancelling import cancel
from pipeline.limiter.gated import GatedLimiter
from pipeline.limiter.interface import LimiterSettings
from pipeline.limiter.redis_link import RedisGoneError, RedisLink, RedisRefusesError
from pipeline.limiter.script_call import LEASE_SECONDS, MICRO, PROBE_SECONDS, AnswerKind
from pipeline.limiter.settings import SharedSettings
from pipeline.limiter.shared_plan import Mode, SharedPlan

_log = logging.getLogger(__name__)

_TRIES_TO_JOIN = 3


class TooManyProcessesError(ConfigError):
    """``max_processes`` share the limiter already; one more would make their parts unsafe."""


class SharedLimiter(GatedLimiter[SharedPlan]):
    """A ``RateLimiter`` whose starts are planned in Redis, in order, for all processes of one name.

    One task talks to Redis: it asks for starts when somebody waits, and sends a heartbeat when there is
    nothing to ask. Callers never wait for a call of their own.

    Args:
        link: to Redis; closed with the limiter.
        settings: the limits, for all.
        shared: how they are shared.
    """

    def __init__(self, link: RedisLink, settings: LimiterSettings, shared: SharedSettings) -> None:
        self._changed = asyncio.Event()
        super().__init__(SharedPlan(secrets.token_hex(8), settings, shared), settings, self._changed.set)
        self._link = link
        self._shared = shared
        self._told = ""
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, link: RedisLink, settings: LimiterSettings, shared: SharedSettings) -> Self:
        """Joins the others. If Redis is not there, it goes on trying, and nothing starts until then.

        Raises:
            TooManyProcessesError: there is no place, nor has one become free within a lease.
            ConfigError: Redis refuses the user, the password or the rights; another window is in use.
        """
        limiter = cls(link, settings, shared)
        try:
            await limiter._join()
        except BaseException:
            await link.aclose()
            raise
        limiter._task = asyncio.create_task(limiter._talk(), name=f"limiter {shared.name}")
        limiter._task.add_done_callback(limiter._end)
        return limiter

    @property
    def calls(self) -> int:
        """Round trips to Redis so far."""
        return self._link.calls

    @property
    def is_shared(self) -> bool:
        return self._plan.mode is Mode.JOINED

    def throttled(self, retry_after_seconds: float | None = None) -> None:
        super().throttled(retry_after_seconds)
        self._changed.set()

    async def aclose(self) -> None:
        self._gate.close()
        task, self._task = self._task, None
        if task is None:
            return
        task.remove_done_callback(self._end)
        await cancel(task)
        try:
            if self.is_shared:
                await self._leave()
        finally:
            await self._link.aclose()
        if not task.cancelled():
            task.result()

    # -- talking to Redis -------------------------------------------------------------------------

    async def _join(self) -> None:
        # One that was killed keeps its place until its lease has ended.
        deadline = self._loop.time() + LEASE_SECONDS + PROBE_SECONDS
        misses = 0
        while True:
            try:
                answer, given_back = await self._send()
            except RedisRefusesError as error:
                raise ConfigError(
                    f"limiter: Redis refuses the user, the password or a right: {error}"
                ) from error
            except RedisGoneError as error:
                misses += 1
                if misses < _TRIES_TO_JOIN:
                    continue
                self._plan.lose_redis(self._loop.time())
                self._say(f"Redis is not there ({error}); nothing starts before it is")
                return
            refusal = self._take(answer, given_back)
            if refusal is None:
                return
            if answer[0] != AnswerKind.TOO_MANY:
                raise ConfigError(f"limiter: {refusal}")
            if self._loop.time() >= deadline:
                raise TooManyProcessesError(f"limiter: {refusal}")
            await asyncio.sleep(PROBE_SECONDS)

    async def _talk(self) -> None:
        try:
            while True:
                await self._until_due()
                await self._call()
        finally:
            # Ended by the end of the program and not by aclose(): no connection is left open.
            if self._task is not None:
                await self._link.aclose()

    async def _call(self) -> None:
        try:
            refusal = self._take(*await self._send())
        except RedisGoneError as error:
            self._lose(error)
        else:
            if self._plan.reservations.too_slow:
                refusal = "Redis answers too slowly for its clock to be known"
            self._say(refusal and f"{refusal}; nothing starts")
        self._gate.advance()

    async def _until_due(self) -> None:
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
        message = self._plan.prepare_call(
            self._loop.time(), self._gate.running, self._gate.queued, leaving=leaving
        )
        return await self._link.call(message), message["given_back"]

    def _take(self, answer: list[int], given_back: list[int]) -> str | None:
        """Takes in an answer; what is wrong if this process has no place."""
        kind, *rest = answer
        if kind == AnswerKind.OK:
            self._plan.accept_answer(rest, given_back, self._loop.time())
            return None
        if kind == AnswerKind.STALE:
            raise RuntimeError("a call of this process was overtaken by a later one")
        self._plan.leave()
        if kind == AnswerKind.TOO_MANY:
            living, most = rest
            return f"{self._shared.name!r} is shared by {living} processes already, of {most} that may"
        return f"{self._shared.name!r} is in use with a window of {rest[0] / MICRO:g} s"

    def _lose(self, error: RedisGoneError) -> None:
        self._plan.lose_redis(self._loop.time())
        if self._plan.mode is Mode.OUTSIDE or self._shared.without_redis == "wait":
            self._say(f"Redis is gone ({error}); nothing starts before it is back")
        else:
            after = self._plan.alone_after_seconds
            self._say(f"Redis is gone ({error}); after {after:.1f} s it goes on with its own part")

    async def _leave(self) -> None:
        try:
            await self._send(leaving=True)
        except RedisGoneError as error:
            _log.warning("limiter %s: could not sign off, its lease will end: %s", self._shared.name, error)

    def _end(self, task: asyncio.Task[None]) -> None:
        # Without this task nothing would ever start again: better end those who wait.
        if not task.cancelled():
            _log.critical("limiter %s: stopped", self._shared.name, exc_info=task.exception())
        self._gate.close()

    def _say(self, trouble: str | None) -> None:
        """Once per change of state."""
        state = (trouble or "").partition("(")[0]
        if state == self._told:
            return
        self._told = state
        if trouble:
            _log.warning("limiter %s: %s", self._shared.name, trouble)
        else:
            _log.info("limiter %s: shared by %d processes", self._shared.name, self._plan.members)
