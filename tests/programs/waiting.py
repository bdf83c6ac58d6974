"""Wait for conditions, never for a time.

Who waits looks now and then and sleeps in between: a loop without a sleep takes a processor from the very
programs that it waits for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_DEADLINE_SECONDS = 20.0
_LOOK_SECONDS = 0.02


def wait_until(what: str, seconds: float, happened: Callable[[], object]) -> None:
    """Wait until something has happened in a process beside this one.

    Raises:
        TimeoutError: it has not, in so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(_LOOK_SECONDS)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something has come true in this event loop or in a process beside it.

    Raises:
        TimeoutError: it has not in twenty seconds.
    """
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it does not come")
        await asyncio.sleep(0.005)
