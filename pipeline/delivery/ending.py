"""What ends a delivery: a signal, or an error after which going on makes no sense."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from pipeline.cancelling import cancel


class Ending:
    """Set once; ``error`` is ``None`` if it was a signal. Use within a running event loop."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.error: BaseException | None = None

    def listen(self) -> None:
        """Ends in order at SIGTERM and SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.event.set)

    def fail(self, error: BaseException) -> None:
        """Ends because of an error; the first one counts."""
        if self.error is None:
            self.error = error
        self.event.set()


async def unless_ended(work: Coroutine[Any, Any, None], ended: asyncio.Event) -> bool:
    """Does something that may take for ever, such as waiting for a server that is away.

    Returns:
        whether it was done; ``False`` if ``ended`` was set first. The work has been cancelled and is over
        then; what it raises on its way out is dropped.
    """
    doing = asyncio.create_task(work)
    waiting = asyncio.create_task(ended.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            return False
        if doing.cancelled():
            raise RuntimeError("the work was cancelled by nobody")
        doing.result()
        return True
    finally:
        await cancel(doing, waiting)
