"""The arrival clock: hands the arrivals of one schedule to idle VUs, and keeps their ledger.

There is no dispatcher. An idle VU takes the next arrival number that its process owns, sleeps until its
instant, and starts its iteration. Numbers are taken in order and only by idle VUs, so an arrival whose
instant has passed when its turn comes had no idle VU: it is dropped and counted, never sent late. Free
of Locust; all times are seconds of one monotonic clock.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from shapes.ledger import Ledger
from shapes.schedule import Schedule
from shapes.share import Share

# A VU that wakes this long after its instant drops the arrival. A process that was stopped or starved
# continues with many overdue VUs; if they all started, that would be a burst that no schedule has.
LATE_SECONDS = 0.25

# A stop that is moved back takes effect this long before an instant: far above the rounding of a double.
_JUST_BEFORE_SECONDS = 1e-6

# How often a VU looks whether it may take an arrival that is not granted yet.
_SHORTEST_LOOK_SECONDS = 0.05
_LONGEST_LOOK_SECONDS = 0.25


class Arrival(NamedTuple):
    """Arrival ``number`` (from 1) and the monotonic instant at which it is due."""

    number: int
    instant: float


@dataclass(frozen=True, slots=True)
class LookAgain:
    """There is nothing to take yet; look again in this many seconds."""

    seconds: float


class ArrivalClock:
    """One scenario's arrivals, or one worker's share of them, for all its VUs.

    Not for threads: VUs are greenlets of one process, and no method here yields to another one.

    Args:
        schedule: when arrivals are due, from the clock's start.
        now: the monotonic clock, in seconds.
        granted: whether everything may be taken from the start on. A worker of many is granted its
            share bit by bit, with ``grant``.
    """

    def __init__(
        self, schedule: Schedule, now: Callable[[], float] = time.monotonic, *, granted: bool = True
    ) -> None:
        self.schedule = schedule
        self._share = Share.whole(schedule)
        self._granted_until = math.inf if granted else -math.inf
        self._now = now
        self._origin: float | None = None
        self._stopped_at: float | None = None
        self._next_number = 1
        self._started = 0
        self._dropped = 0
        self._dropped_late = 0
        # Numbers taken by VUs that sleep until their instants.
        self._held: set[int] = set()
        self._highest_started = 0
        # The highest number that was due when arrivals were counted as dropped.
        self._highest_dropped = 0
        # Numbers given back before their instant, a heap: the next idle VU takes the lowest.
        self._returned: list[int] = []
        self._completed = 0
        self._last_end: float | None = None
        self._interrupted = 0

    def start(self, origin: float) -> None:
        """Let second 0 of the schedule be the monotonic instant ``origin``."""
        self._origin = origin

    def grant(self, share: Share, until: float) -> None:
        """Allow the arrivals of ``share`` that are due up to ``until``, in seconds of the schedule.

        A share may differ from the last one only after ``until`` of the last grant. Arrivals after the grant
        are not taken, because they may become another worker's.
        """
        self._share = share
        self._granted_until = max(self._granted_until, until)

    def stop(self) -> None:
        """Start no more iterations, and drop the arrivals that are due. Later ones never become due.

        The stop takes effect now, or just before the first arrival that a VU holds and would still start.
        """
        if self._stopped_at is None:
            self._stopped_at = self._instant_of_stop()
            self._drop_passed()

    def _instant_of_stop(self) -> float:
        """Return the monotonic instant up to which arrivals count as due.

        What asks for the stop keeps the process busy first: Locust's own takes tens of milliseconds. The VUs
        whose instants pass meanwhile have not been woken yet. They were idle, so their arrivals are not
        dropped for want of one; the schedule ends before them.
        """
        now = self._now()
        if self._origin is None:
            return now
        # What has started or was dropped was due, and so was every number below it.
        known_due = max(self._highest_started, self._highest_dropped)
        instants = [
            self._origin + self.schedule.arrival_time(number) for number in self._held if number > known_due
        ]
        overdue = [instant for instant in instants if now - LATE_SECONDS < instant <= now]
        return min(overdue) - _JUST_BEFORE_SECONDS if overdue else now

    @property
    def elapsed(self) -> float:
        """Seconds of the schedule gone by: negative before the start, and standing still once stopped."""
        if self._origin is None:
            return float("-inf")
        return (self._now() if self._stopped_at is None else self._stopped_at) - self._origin

    @property
    def is_exhausted(self) -> bool:
        """Whether the schedule is over, with no VU left that waits for an instant."""
        if self._stopped_at is not None:
            return True
        return min(self.elapsed, self._granted_until) >= self.schedule.duration and not self._held

    def take(self) -> Arrival | LookAgain | None:
        """Return the next arrival for an idle VU to sleep until, or ``None`` if there will be none.

        Every arrival taken must be given to ``begin`` or ``give_back``.
        """
        if self._origin is None or self._stopped_at is not None:
            return None
        number = self._next_number_to_take()
        at = self.schedule.arrival_time(number) if number is not None else -math.inf
        # Most of the time the lowest number is still to come, and so are all others: to find out how many
        # are due takes 3 us.
        if number is None or number <= self._highest_started or at <= self._now() - self._origin:
            self._drop_passed()
            number = self._next_number_to_take()
            if number is None:
                may_get_more = self._granted_until < self.schedule.duration
                return LookAgain(_LONGEST_LOOK_SECONDS) if may_get_more else None
            at = self.schedule.arrival_time(number)
        if at > self._granted_until:
            missing = min(at - self._granted_until, _LONGEST_LOOK_SECONDS)
            return LookAgain(max(missing, _SHORTEST_LOOK_SECONDS))
        if self._returned:
            heapq.heappop(self._returned)
        else:
            self._next_number = number + 1
        self._held.add(number)
        return Arrival(number, self._origin + at)

    def _next_number_to_take(self) -> int | None:
        return self._returned[0] if self._returned else self._share.next_owned(self._next_number)

    def begin(self, arrival: Arrival) -> float | None:
        """Start an arrival's iteration. Return its start lag in seconds, or ``None`` if it must not start.

        It must not when the VU woke ``LATE_SECONDS`` or more after the instant (dropped), or when the
        clock was stopped before it.
        """
        lag = self._now() - arrival.instant
        if self._stopped_at is not None or lag >= LATE_SECONDS:
            self._dropped_late += self._stopped_at is None
            self.give_back(arrival)
            return None
        self._held.discard(arrival.number)
        self._started += 1
        if arrival.number > self._highest_started:
            self._highest_started = arrival.number
        # Timers are honoured to a fraction of a millisecond, in rare cases before the instant.
        return lag if lag > 0.0 else 0.0

    def give_back(self, arrival: Arrival) -> None:
        """Account for a taken arrival that its VU will not start: dropped if its instant has come.

        If not, another idle VU may take it.
        """
        self._held.discard(arrival.number)
        if arrival.number <= self._due():
            self._dropped += 1
            self._highest_dropped = max(self._highest_dropped, arrival.number)
            # A stop leaves a VU only those arrivals behind for which it had not woken in time.
            self._dropped_late += self._stopped_at is not None
        else:
            heapq.heappush(self._returned, arrival.number)

    def complete(self) -> float:
        """Count an iteration that has ended by itself; return the monotonic instant of its end."""
        self._completed += 1
        self._last_end = ended = self._now()
        return ended

    def interrupt(self) -> None:
        """Count an iteration that was cut off."""
        self._interrupted += 1
        self._last_end = self._now()

    @property
    def length(self) -> float:
        """Seconds from the schedule's start to its end or stop, or to the last iteration's end if later."""
        if self._origin is None:
            return 0.0
        last_end = self._last_end - self._origin if self._last_end is not None else 0.0
        return max(0.0, min(self.elapsed, self.schedule.duration), last_end)

    @property
    def is_waiting_for_grant(self) -> bool:
        """Whether arrivals are due, or may be, that this process has not been granted."""
        return self._granted_until < min(self.elapsed, self.schedule.duration)

    @property
    def started(self) -> int:
        """Iterations started until now."""
        return self._started

    @property
    def dropped(self) -> int:
        """Arrivals dropped until now."""
        return self._dropped + self._passed(self._due())

    @property
    def in_flight(self) -> int:
        """Iterations that have started and not ended."""
        return self._started - self._completed - self._interrupted

    def ledger(self) -> Ledger:
        """Return the account, as of now, of what this process owns."""
        total = self.schedule.total
        due = self._due()
        passed = self._passed(due)
        untaken = self._share.count(self._next_number, total) + len(self._returned)
        return Ledger(
            scheduled=self._share.count(1, total),
            due=self._share.count(1, due),
            started=self._started,
            dropped=self._dropped + passed,
            dropped_late=self._dropped_late,
            lost=0,
            not_yet_due=untaken - passed + len(self._held),
            completed=self._completed,
            interrupted=self._interrupted,
        )

    def _due(self) -> int:
        """Return the highest number whose instant has come, or that a timer started a fraction too early.

        Beyond what is granted nothing is known to be due here: its owner may have changed.
        """
        return max(self.schedule.due_by(min(self.elapsed, self._granted_until)), self._highest_started)

    def _passed(self, due: int) -> int:
        """Return how many arrivals up to ``due`` no idle VU has taken: dropped, but not counted yet."""
        returned = sum(1 for number in self._returned if number <= due)
        return returned + self._share.count(self._next_number, due)

    def _drop_passed(self) -> None:
        """Drop the arrivals that are due and that no idle VU has taken."""
        if self._origin is None:
            return
        due, dropped_before = self._due(), self._dropped
        while self._returned and self._returned[0] <= due:
            heapq.heappop(self._returned)
            self._dropped += 1
        self._dropped += self._share.count(self._next_number, due)
        if self._dropped > dropped_before:
            self._highest_dropped = max(self._highest_dropped, due)
        self._next_number = max(self._next_number, due + 1)
