"""Where every arrival of a schedule went: numbers that must add up at every instant."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Ledger:
    """The account of one scenario, in whole arrivals.

    ``scheduled`` (all of the schedule) and ``due`` (those whose instant has come) are arithmetic.
    The others are counted as they happen: ``started``; ``dropped``, no idle VU took the arrival in
    time (of which ``dropped_late`` because the process itself woke too late); ``lost``, owned by a
    worker that died; ``not_yet_due``, not handed to a VU, or held by one that sleeps until the instant;
    and of the started ones ``completed`` and ``interrupted`` (cut off by a stop).
    """

    scheduled: int
    due: int
    started: int
    dropped: int
    dropped_late: int
    lost: int
    not_yet_due: int
    completed: int
    interrupted: int

    @property
    def in_flight(self) -> int:
        """Iterations that have started and not ended."""
        return self.started - self.completed - self.interrupted

    @property
    def adds_up(self) -> bool:
        """Whether each arrival is in exactly one place. This holds at every instant."""
        return (
            self.scheduled == self.started + self.dropped + self.lost + self.not_yet_due
            and self.in_flight >= 0
        )

    @property
    def is_closed(self) -> bool:
        """Whether it adds up with nothing in flight and no due arrival left. This holds at a run's end."""
        return self.adds_up and self.in_flight == 0 and self.not_yet_due == self.scheduled - self.due

    def as_dict(self) -> dict[str, int]:
        """Return all numbers by name."""
        return asdict(self)
