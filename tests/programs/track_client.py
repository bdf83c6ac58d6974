"""A client of the Track API as tests use it: in a hurry, and within a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from config.settings import Credentials
from pipeline.client import RetryPolicy, TrackClient
from pipeline.limiter.interface import LimiterSettings
from pipeline.limiter.local import LocalLimiter

SECRET = "the-secret"
QUICK = LimiterSettings(requests=10_000, concurrency=20, min_gap_seconds=0.0)
_DEADLINE_SECONDS = 30


@asynccontextmanager
async def client_of(
    url: str, limits: LimiterSettings = QUICK, *, retry: RetryPolicy, **options: Any
) -> AsyncIterator[tuple[TrackClient, LocalLimiter]]:
    limiter = LocalLimiter(limits)
    options = {"credentials": Credentials("the-site", SECRET), **options}
    async with TrackClient(base_url=url, limiter=limiter, retry=retry, **options) as client:
        yield client, limiter
    await limiter.aclose()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(coroutine, _DEADLINE_SECONDS)

    asyncio.run(bounded())
