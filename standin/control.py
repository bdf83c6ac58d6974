"""The stand-in's state that can be changed while it runs: faults, rate limit, pause, workspace."""

from __future__ import annotations

import asyncio
import time

from standin.faults import Fault, Faults, FaultSource
from standin.journal import Journal
from standin.rate_limit import SlidingWindow
from standin.workspace import Workspace


class Control:
    """What the requests ask and what ``/_standin`` changes."""

    def __init__(self, faults: Faults, record_arrivals: bool = False, journal: Journal | None = None) -> None:
        self._record_arrivals = record_arrivals
        self._journal = journal
        self._gate = asyncio.Event()
        self._gate.set()
        self._end_of_pause: asyncio.TimerHandle | None = None
        self._new_workspace()
        self.set_faults(faults)

    # -- changes ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """Empties the workspace and sets all counts to zero; the faults stay in force."""
        if self._journal is not None:
            self._journal.write("reset")
        self._new_workspace()

    def set_faults(self, faults: Faults) -> None:
        """Puts faults in force; a seed starts its sequence again, a rate limit its window."""
        self.faults = faults
        self._source = FaultSource(faults)
        self._window = None if faults.rate_limit is None else SlidingWindow(faults.rate_limit)

    def pause(self, seconds: float) -> None:
        """Holds all answers back for so long from now on; 0 ends a pause that is under way."""
        if self._end_of_pause is not None:
            self._end_of_pause.cancel()
        self._gate.clear()
        self._end_of_pause = asyncio.get_running_loop().call_later(seconds, self._gate.set)

    @property
    def paused(self) -> bool:
        return not self._gate.is_set()

    # -- questions --------------------------------------------------------------------------------

    def admit(self) -> float:
        """Asks the rate limit: 0.0 for yes, else the seconds until there is a place."""
        return 0.0 if self._window is None else self._window.admit(time.perf_counter())

    def draw_fault(self) -> Fault | None:
        return self._source.draw()

    async def delay(self, arrived: float) -> None:
        """Waits until an answer may go out: the latency from the arrival, then the end of a pause."""
        due = arrived + self._source.draw_latency_seconds()
        # The event loop's timers count whole milliseconds and may fire early by a part of one.
        while (wait := due - time.perf_counter()) > 0.0:
            await asyncio.sleep(wait)
        if not self._gate.is_set():
            await self._gate.wait()

    # -- the parts --------------------------------------------------------------------------------

    def _new_workspace(self) -> None:
        self.workspace = Workspace(self._record_arrivals, self._journal)
