"""Which workers share the schedule, and until when each may act on that.

One rule prevents that anything is sent twice: a worker may take arrivals only up to the instant that it
was granted last, and a new epoch begins only after every instant that was granted to any worker. So a worker
that was stopped, cut off or slow does no harm, although it knows only old epochs. The price is a delay: the
epoch without a dead worker begins at most ``SILENCE_SECONDS + BEAT_SECONDS + LEASE_SECONDS``, 2.75 s, after
its death.

Free of Locust and of clocks: every method is told the time, in seconds of the run.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from shapes.share import Epoch

BEAT_SECONDS = 0.25
"""How often a worker reports, and how often its grant is renewed."""

LEASE_SECONDS = 1.5
"""How far ahead arrivals are granted."""

SILENCE_SECONDS = 1.0
"""A worker not heard for this long is left out of the next epoch."""


@dataclass
class _Worker:
    heard_at: float
    is_ready: bool = False
    is_leaving: bool = False


class Membership:
    """What the master knows about its workers during a run, by their indexes."""

    def __init__(self) -> None:
        self.epochs: list[Epoch] = []
        self.granted_until = 0.0
        self._advanced_at = 0.0
        self._workers: dict[int, _Worker] = {}

    @property
    def version(self) -> int:
        """The number of epochs so far."""
        return len(self.epochs)

    def hear(self, worker: int, now: float, *, is_ready: bool) -> None:
        """Note that a worker has reported. It is ready when it has VUs up and its clock is going."""
        known = self._workers.setdefault(worker, _Worker(now))
        known.heard_at = now
        known.is_ready = is_ready

    def leave(self, worker: int) -> None:
        """Leave a worker out of later epochs: it asked for that, or has ended."""
        if worker in self._workers:
            self._workers[worker].is_leaving = True

    def begin(self, members: Collection[int]) -> None:
        """Begin the first epoch, with the run."""
        self.epochs = [Epoch(0.0, tuple(sorted(members)))]
        self.granted_until = LEASE_SECONDS

    def advance(self, now: float) -> bool:
        """Renew the grant. Before that, begin a new epoch if the live workers are not those of the last one.

        A late call means that this process itself stood still, with the workers' reports unread. Then a
        worker's silence proves nothing, and the members stay the same until the next call.

        Returns:
            Whether a new epoch was begun.
        """
        stood_still = now - self._advanced_at > SILENCE_SECONDS / 2
        self._advanced_at = now
        if stood_still:
            self.granted_until = max(self.granted_until, now + LEASE_SECONDS)
            return False
        members = tuple(index for index in sorted(self._workers) if self.is_alive(index, now))
        changed = members != self.epochs[-1].members
        if changed:
            self.epochs.append(Epoch(max(now, self.granted_until), members))
        self.granted_until = max(self.granted_until, now + LEASE_SECONDS)
        return changed

    def is_alive(self, worker: int, now: float) -> bool:
        """Return whether a worker would be in an epoch that began now."""
        known = self._workers[worker]
        return known.is_ready and not known.is_leaving and now - known.heard_at <= SILENCE_SECONDS

    def silent_for(self, worker: int, now: float) -> float:
        """Return the seconds since a worker's last report."""
        return now - self._workers[worker].heard_at
