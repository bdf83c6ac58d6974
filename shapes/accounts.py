"""One ledger from the counts of many workers. A due arrival that no worker has counted is *lost*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shapes.ledger import Ledger
from shapes.schedule import Schedule
from shapes.share import Epoch, Share


@dataclass(frozen=True)
class Counts:
    """What one worker has done in one scenario, up to ``at`` seconds of the run.

    ``is_final`` means that the worker has stopped and counts no more; ``at`` is then its stop.
    """

    at: float
    started: int = 0
    dropped: int = 0
    dropped_late: int = 0
    completed: int = 0
    interrupted: int = 0
    is_final: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, to send."""
        return asdict(self)


@dataclass(frozen=True)
class Lost:
    """Arrivals that a worker owned and never reported, due in an interval of the run.

    Up to ``maybe_sent`` of the ``lost`` arrivals may have been sent: a worker can die after sending and
    before reporting.
    """

    worker: int
    scenario: str
    since: float
    until: float
    lost: int
    maybe_sent: int


def close_ledger(
    scenario: str,
    schedule: Schedule,
    start_time: float,
    epochs: Sequence[Epoch],
    counts: Mapping[int, Counts],
    stopped_at: float,
) -> tuple[Ledger, list[Lost]]:
    """Return the ledger of a scenario at the run's end, and what each worker lost.

    Args:
        scenario: its name.
        schedule: the whole schedule.
        start_time: when it begins, in seconds of the run.
        epochs: who owned what.
        counts: by worker, as reported last.
        stopped_at: when the run stopped, in seconds of the run.
    """
    due = started = dropped = completed = interrupted = 0
    losses: list[Lost] = []
    owned_due = 0
    all_due = schedule.due_by(stopped_at - start_time)
    for worker in sorted({index for epoch in epochs for index in epoch.members}):
        done = counts.get(worker, Counts(at=0.0))
        share = Share(schedule, epochs, worker, start_time)
        end = done.at if done.is_final else stopped_at
        worker_due = share.count(1, schedule.due_by(end - start_time))
        missing = worker_due - done.started - done.dropped
        if missing > 0:
            # A worker that ended in order has counted every arrival that it knew to own.
            losses.append(Lost(worker, scenario, done.at, end, missing, 0 if done.is_final else missing))
        due += worker_due
        started += done.started
        dropped += done.dropped
        completed += done.completed
        in_flight = done.started - done.completed - done.interrupted
        interrupted += done.interrupted + (0 if done.is_final else in_flight)
        owned_due += share.count(1, all_due)
    nobodys = max(0, all_due - owned_due)
    if nobodys:
        losses.append(Lost(-1, scenario, 0.0, stopped_at, nobodys, 0))
    lost = sum(loss.lost for loss in losses)
    ledger = Ledger(
        scheduled=schedule.total,
        due=due + nobodys,
        started=started,
        dropped=dropped,
        dropped_late=sum(done.dropped_late for done in counts.values()),
        lost=lost,
        not_yet_due=schedule.total - started - dropped - lost,
        completed=completed,
        interrupted=interrupted,
    )
    return ledger, losses
