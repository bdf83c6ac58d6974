"""Who owns which arrival: the arithmetic by which many workers share one schedule.

Time is cut into epochs. Within an epoch that N workers share, arrival n belongs to the worker at
position (n - 1) mod N. All processes compute the same numbers from the same epochs, so only the start and
the members of each epoch have to be sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shapes.schedule import Schedule


@dataclass(frozen=True)
class Epoch:
    """From ``start`` on (seconds of the run), arrivals are dealt over ``members``, worker indexes in order.

    Without members nobody sends.
    """

    start: float
    members: tuple[int, ...]


@dataclass(frozen=True)
class _Span:
    """Numbers ``first`` to ``last`` of one epoch; the worker owns every ``count``-th from ``position`` on."""

    first: int
    last: int
    position: int
    count: int

    def owned_up_to(self, n: int) -> int:
        """Return how many owned numbers there are from the span's first one to ``n``, included."""
        return self._residues(min(n, self.last)) - self._residues(self.first - 1)

    def next_owned(self, n: int) -> int | None:
        """Return the least owned number of at least ``n``, or ``None``."""
        start = max(n, self.first)
        number = start + (self.position - (start - 1)) % self.count
        return number if number <= self.last else None

    def _residues(self, n: int) -> int:
        """Return how many of the numbers 1 ... n would be owned if the span began at 1."""
        return max(0, (n - 1 - self.position) // self.count + 1)


class Share:
    """The arrivals of one schedule that one worker owns.

    Args:
        schedule: the whole schedule.
        epochs: in order of their start; the first covers everything before it too.
        worker: the worker's index.
        start_time: when the schedule begins, in seconds of the run.
    """

    def __init__(
        self, schedule: Schedule, epochs: Sequence[Epoch], worker: int, start_time: float = 0.0
    ) -> None:
        self._spans = tuple(_spans(schedule, epochs, worker, start_time))

    @classmethod
    def whole(cls, schedule: Schedule) -> Share:
        """Return the share of an only worker: the whole schedule."""
        return cls(schedule, [Epoch(0.0, (0,))], 0)

    def next_owned(self, n: int) -> int | None:
        """Return the least owned number of at least ``n``, or ``None``."""
        for span in self._spans:
            number = span.next_owned(n)
            if number is not None:
                return number
        return None

    def count(self, first: int, last: int) -> int:
        """Return how many owned numbers there are from ``first`` to ``last``, both included."""
        if last < first:
            return 0
        return sum(
            span.owned_up_to(last) - span.owned_up_to(max(first - 1, span.first - 1))
            for span in self._spans
            if first <= span.last and last >= span.first
        )


def _spans(schedule: Schedule, epochs: Sequence[Epoch], worker: int, start_time: float) -> Iterator[_Span]:
    firsts = [1, *(schedule.due_by(epoch.start - start_time) + 1 for epoch in epochs[1:])]
    lasts = [first - 1 for first in firsts[1:]] + [schedule.total]
    for epoch, first, last in zip(epochs, firsts, lasts, strict=True):
        if worker in epoch.members and first <= last:
            yield _Span(first, last, epoch.members.index(worker), len(epoch.members))
