"""The state that can change while the stand-in runs: faults, rate limit, pause, workspace."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Any

from standin.acceptance_log import AcceptanceLog
from standin.faults import Faults, FaultSource, InjectedFault
from standin.journal import Journal, JournaledPeople
from standin.people import PeopleStore
from standin.stats import Stats

WINDOW_SECONDS = 1.0


class SlidingWindow:
    """A rate limit as an exact sliding window: no span of one second holds more than ``limit`` admissions.

    A refused request does not use up the limit. Memory holds at most ``limit`` instants.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._admitted: deque[float] = deque(maxlen=limit)

    def admit(self, now: float) -> float:
        """Admit a request if the limit allows it.

        Args:
            now: seconds on a monotonic clock.

        Returns:
            0.0 if the request is admitted, else the seconds until the next one can be.
        """
        if len(self._admitted) == self.limit:
            age = now - self._admitted[0]
            if age < WINDOW_SECONDS:
                return WINDOW_SECONDS - age
        self._admitted.append(now)
        return 0.0


class Workspace:
    """The people, the events and the counts: all that a reset discards."""

    def __init__(self, record_arrivals: bool, journal: Journal | None) -> None:
        self.people = PeopleStore() if journal is None else JournaledPeople(journal)
        self.stats = Stats(record_arrivals)

    def as_json(self) -> dict[str, Any]:
        return {
            **self.stats.as_json(),
            "people": len(self.people),
            "people_created": self.people.people_created,
            "suppressed": self.people.suppressed,
            "events": self.people.events,
            "duplicates": self.people.duplicates,
        }


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
