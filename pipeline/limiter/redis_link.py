"""Calls of the limiter's script in Redis: one at a time, each answered in time or failed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, NoScriptError, RedisError

from config.errors import ConfigError
from pipeline.limiter.script_call import CALL_SECONDS, CONSTANTS

_SCRIPT = Path(__file__).with_name("shared.lua").read_text(encoding="utf-8")
_DIGEST = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()


class RedisGoneError(Exception):
    """Redis can't be used: not reached, too slow, or it answers with an error. The message is for logs."""


class RedisRefusesError(RedisGoneError):
    """The user, the password or the rights are wrong."""


class RedisLink:
    """The script under one key, over one connection that is made anew after a failure.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``; never shown, as it may hold a password.
        key: the key of the state.
        constants: what the script shares with Python; tests change them.

    Raises:
        ConfigError: the URL has no such form.
    """

    def __init__(self, url: str, key: str, constants: Mapping[str, Any] = CONSTANTS) -> None:
        self._url = url
        self._key = key
        self._constants = json.dumps(constants, separators=(",", ":"))
        try:
            self._client = self._connect()
        except ValueError as error:
            # The URL itself stays out of the message.
            raise ConfigError(
                "limiter: Redis URL: expected redis://[user:password@]host[:port][/db], or rediss://"
            ) from error
        self.calls = 0

    async def call(self, message: Mapping[str, Any]) -> list[int]:
        """The script's answer.

        Raises:
            RedisGoneError: none came in time, or an error.
        """
        self.calls += 1
        text = json.dumps(message, separators=(",", ":"))
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        try:
            return await self._in_time(text)
        finally:
            # The client at times answers although it was cancelled, and the cancellation would be lost.
            if task and task.cancelling() > cancelled:
                raise asyncio.CancelledError

    async def _in_time(self, text: str) -> list[int]:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._evaluate(text)
        except (AuthenticationError, NoPermissionError) as error:
            await self._start_anew()
            raise RedisRefusesError(str(error)) from error
        except TimeoutError as error:
            await self._start_anew()
            raise RedisGoneError(f"no answer within {CALL_SECONDS} s") from error
        except (RedisError, OSError) as error:
            await self._start_anew()
            raise RedisGoneError(f"{type(error).__name__}: {error}") from error

    async def aclose(self) -> None:
        """Closes the connection."""
        await self._client.aclose()

    async def _evaluate(self, text: str) -> list[int]:
        try:
            answer = await self._client.evalsha(_DIGEST, 1, self._key, text, self._constants)
        except NoScriptError:
            answer = await self._client.eval(_SCRIPT, 1, self._key, text, self._constants)
        return [int(number) for number in answer]

    async def _start_anew(self) -> None:
        old, self._client = self._client, self._connect()
        await old.aclose()

    def _connect(self) -> redis.asyncio.Redis:
        return redis.asyncio.Redis.from_url(
            self._url,
            # One reply format for all servers, and no further questions when connecting.
            protocol=2,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            # A call says what is true when it is made: repeated later it would say what was.
            retry=Retry(NoBackoff(), 0),
            max_connections=1,
        )
