"""Calls the limiter's script in Redis, one call at a time. Each call is answered in time or fails."""

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
    """Redis is unreachable, too slow, or answers with an error. The message is for logs."""


class RedisRefusesError(RedisGoneError):
    """Redis refuses the user, the password or a permission."""


class RedisLink:
    """Runs the script on one key, over one connection that is replaced after a failure.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``. No message repeats it: it may hold a password.
        key: the key of the state.
        constants: the values that the script shares with Python; only tests change them.

    Raises:
        ConfigError: the URL has another form.
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
        """Return the script's answer.

        Raises:
            RedisGoneError: the answer was an error or did not come in time.
        """
        self.calls += 1
        text = json.dumps(message, separators=(",", ":"))
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        try:
            return await self._evaluate_in_time(text)
        finally:
            # redis-py sometimes returns an answer although its task was cancelled. Without this the task
            # would go on.
            if task and task.cancelling() > cancelled:
                raise asyncio.CancelledError

    async def _evaluate_in_time(self, text: str) -> list[int]:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._evaluate(text)
        except (AuthenticationError, NoPermissionError) as error:
            await self._reconnect()
            raise RedisRefusesError(str(error)) from error
        except TimeoutError as error:
            await self._reconnect()
            raise RedisGoneError(f"no answer within {CALL_SECONDS} s") from error
        except (RedisError, OSError) as error:
            await self._reconnect()
            raise RedisGoneError(f"{type(error).__name__}: {error}") from error

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _evaluate(self, text: str) -> list[int]:
        try:
            answer = await self._client.evalsha(_DIGEST, 1, self._key, text, self._constants)
        except NoScriptError:
            answer = await self._client.eval(_SCRIPT, 1, self._key, text, self._constants)
        return [int(number) for number in answer]

    async def _reconnect(self) -> None:
        old, self._client = self._client, self._connect()
        await old.aclose()

    def _connect(self) -> redis.asyncio.Redis:
        return redis.asyncio.Redis.from_url(
            self._url,
            # RESP2 is understood by all servers and needs no handshake.
            protocol=2,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            # A call describes the moment at which it is made. A later retry would describe the past.
            retry=Retry(NoBackoff(), 0),
            max_connections=1,
        )
