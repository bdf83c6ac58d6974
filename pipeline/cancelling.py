"""Cancels tasks reliably."""

from __future__ import annotations

import asyncio
from typing import Any

_RETRY_SECONDS = 0.25


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until each is done. Their results and errors are ignored.

    A library may swallow a cancellation: redis-py sometimes does, and so does ``asyncio.wait_for`` before
    Python 3.12 when its work is just done. So each task is cancelled again until it is done.
    """
    for task in tasks:
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_RETRY_SECONDS)
