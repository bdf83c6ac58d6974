"""The state that can change while the stand-in runs: faults, rate limit, pause, workspace."""

from __future__ import annotations

import asyncio
import time

from standin.acceptance_log import AcceptanceLog
from standin.endpoint import Quota
from standin.faults import Faults, FaultSource, InjectedFault
from standin.journal import Journal
from standin.quotas import Quotas
from standin.sliding_window import SlidingWindow
from standin.workspace import Workspace


class Control:
    """What requests consult and ``/_standin`` changes."""

    def __init__(self, faults: Faults, record_arrivals: bool = False, journal: Journal | None = None) -> None:
        self._record_arrivals = record_arrivals
        self._journal = journal
        self._gate = asyncio.Event()
        self._gate.set()
        self._end_of_pause: asyncio.TimerHandle | None = None
        self.workspace = Workspace(record_arrivals, journal)
        self.acceptance_log: AcceptanceLog | None = None
        # Connections that have been idle this long are closed. ``None``: only the server's own limit holds.
        self.idle_close_seconds: float | None = None
        self.set_faults(faults)

    # -- changes ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """Start with an empty workspace and zero counts. The faults stay in force."""
        if self._journal is not None:
            self._journal.write("reset")
        self.workspace = Workspace(self._record_arrivals, self._journal)
        self.workspace.people.acceptance_log = self.acceptance_log

    def log_acceptances(self, attribute: str | None) -> None:
        """Record from now on when operations with this attribute are accepted; with ``None``, record none."""
        self.acceptance_log = None if attribute is None else AcceptanceLog(attribute)
        self.workspace.people.acceptance_log = self.acceptance_log

    def set_faults(self, faults: Faults) -> None:
        """Put faults in force. The sequence of a seed and the window of a rate limit start again."""
        self.faults = faults
        self._source = FaultSource(faults)
        self._window = None if faults.rate_limit is None else SlidingWindow(faults.rate_limit)
        self._quotas = Quotas() if faults.app_limits else None

    def pause(self, seconds: float) -> None:
        """Hold all responses back for ``seconds`` from now; 0 ends a pause."""
        if self._end_of_pause is not None:
            self._end_of_pause.cancel()
        self._gate.clear()
        self._end_of_pause = asyncio.get_running_loop().call_later(seconds, self._gate.set)

    def close_idle_after(self, seconds: float | None) -> None:
        """Close connections once they have been idle for ``seconds``; ``None`` ends that."""
        self.idle_close_seconds = seconds

    def admit(self) -> float:
        """Admit a request to the rate limit: 0.0 if it is admitted, else the seconds until one can be."""
        return 0.0 if self._window is None else self._window.admit(time.perf_counter())

    def admit_to_quota(self, quota: Quota) -> float:
        """Admit a request to a limit of the App API; returns as ``admit``."""
        return 0.0 if self._quotas is None else self._quotas.admit(quota, time.perf_counter())

    def draw_fault(self) -> InjectedFault | None:
        """Draw the fault that the next request meets."""
        return self._source.draw()

    # -- questions --------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        return not self._gate.is_set()

    async def delay(self, arrived: float) -> None:
        """Wait until a response may leave: the latency after ``arrived``, then the end of a pause."""
        due = arrived + self._source.draw_latency_seconds()
        # The event loop's timers count whole milliseconds and may fire a fraction of one early.
        while (wait := due - time.perf_counter()) > 0.0:
            await asyncio.sleep(wait)
        if not self._gate.is_set():
            await self._gate.wait()
