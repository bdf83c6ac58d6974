"""What became of the messages that a run put into the queue."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

DELIVERY_COLUMNS = (
    "started",
    "delivered",
    "dead_letters",
    "still_queued",
    "lost",
    "not_produced",
    "repeated",
)
"""The ledger of delivery, in the order in which it is shown."""


@dataclass(frozen=True)
class DeliveryFigures:
    """The ledger of delivery, and how the queue did; times in the unit of their names.

    Args:
        queue: where the messages went, in words.
        started: arrivals whose iterations have started, as the arrival clocks counted them.
        not_produced: messages that the queue did not acknowledge, and that were not delivered either.
        delivered: messages that Customer.io has accepted, each counted once.
        dead_letters: messages that it will never accept.
        still_queued: messages that the queue's workers had not settled when the run closed.
        lost: messages without a result that the queue has no more.
        repeated: acceptances of messages that had been accepted before.
        backlog_peak: the most messages without a result at a time.
        oldest_age_ms: the greatest age that the oldest message without a result had.
        drain_after_peak_seconds: from the greatest backlog until all that waited then was settled, to a
            quarter of a second; ``None`` if it never was.
        drain_after_end_seconds: from the last arrival until all was settled; ``None`` if it never was.
        replicas: the most workers that were seen at a time; ``None`` if it is not known.
        clock_error_ms: by how much an instant of acceptance may be wrong; 0 on one machine.
        reads_failed: how often the acceptances could not be read.
    """

    queue: str
    started: int
    not_produced: int
    delivered: int
    dead_letters: int
    still_queued: int
    lost: int
    repeated: int
    backlog_peak: int
    oldest_age_ms: float
    drain_after_peak_seconds: float | None
    drain_after_end_seconds: float | None
    replicas: int | None
    clock_error_ms: float
    reads_failed: int

    @property
    def adds_up(self) -> bool:
        """Whether each arrival that started is in exactly one place."""
        settled = self.delivered + self.dead_letters + self.still_queued + self.lost
        return self.started == settled + self.not_produced

    @property
    def ledger(self) -> dict[str, int]:
        """The ledger, by ``DELIVERY_COLUMNS``."""
        numbers = asdict(self)
        return {name: numbers[name] for name in DELIVERY_COLUMNS}

    @property
    def line(self) -> str:
        """For the summary."""
        parts = [
            f"Queue: {self.backlog_peak} messages at its peak, "
            f"the oldest {self.oldest_age_ms / 1000:.1f} s old",
            f"drained {_seconds(self.drain_after_peak_seconds)} after the peak and "
            f"{_seconds(self.drain_after_end_seconds)} after the last arrival",
        ]
        if self.replicas is not None:
            parts.append(f"{self.replicas} replica{'s' if self.replicas != 1 else ''}")
        if self.clock_error_ms:
            parts.append(f"delivery_duration is right to within {self.clock_error_ms:.1f} ms")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """Return all figures by name, and the line."""
        return {**asdict(self), "line": self.line}


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
