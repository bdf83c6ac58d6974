"""Waits for conditions, never for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_DEADLINE_SECONDS = 20.0


async def until(condition: Callable[[], object]) -> None:
    """Returns when something has come true in this event loop or in a process beside it.

    Raises:
        TimeoutError: it has not in twenty seconds.
    """
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it does not come")
        await asyncio.sleep(0.005)
