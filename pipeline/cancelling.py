"""Ends tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN_SECONDS = 0.25


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Returns when all are over, however they ended.

    A library may swallow a cancellation (redis-py does at times, and ``asyncio.wait_for`` before Python 3.12
    when its work is just done), so each is cancelled until it is over.
    """
    for task in tasks:
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_AGAIN_SECONDS)
