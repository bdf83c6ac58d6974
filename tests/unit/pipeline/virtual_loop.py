"""An event loop whose clock stands still until a test moves it."""

from __future__ import annotations

import asyncio


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs what is due and nothing else; ``advance`` is the only thing that makes time pass."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Makes time pass and runs what is due then."""
        self._now += seconds
        self.settle()

    def settle(self) -> None:
        """Runs everything that can run without time passing."""
        self.run_until_complete(self._turns())

    async def _turns(self) -> None:
        # A batch's end wakes a caller, who adds, which starts a batch: a few turns each.
        for _ in range(20):
            await asyncio.sleep(0)
