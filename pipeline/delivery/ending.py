"""Ends the process in order: after a signal, or after an error that stops all deliveries."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from pipeline.cancelling import cancel


class Ending:
    """Why the process ends. ``event`` is set then; ``error`` is ``None`` after a signal.

    Use it inside a running event loop.
    """

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.error: BaseException | None = None

    def listen(self) -> None:
        """Set the event at SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.event.set)

    def fail(self, error: BaseException) -> None:
        """Set the event because of an error. The first error is kept."""
        if self.error is None:
            self.error = error
        self.event.set()


async def unless_ended(work: Coroutine[Any, Any, None], ended: asyncio.Event) -> bool:
    """Await ``work``, which may take forever, until it is done or ``ended`` is set.

    Returns:
        Whether the work was done. If ``ended`` was set first, the work was cancelled and is over; an error
        that it raised while it was cancelled is dropped.

    Raises:
        RuntimeError: the work was cancelled from inside.
    """
    doing = asyncio.create_task(work)
    waiting = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            return False
        if doing.cancelled():
            raise RuntimeError("internal error: the work was cancelled unexpectedly")
        doing.result()
        return True
    finally:
        await cancel(doing, waiting)
