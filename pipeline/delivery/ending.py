"""What ends a delivery: a signal, or an error after which going on makes no sense."""

from __future__ import annotations

import asyncio
import signal


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
