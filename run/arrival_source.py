"""What a run asks of its source of arrivals, which is the VUs of this process, or workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from metrics.progress import ScenarioProgress
from metrics.store import Cell, MergedCell
from metrics.verdict import GeneratorFigures, WorkerReport
from run.cpu_meter import CpuMeter
from shapes.accounts import Lost
from shapes.ledger import Ledger

Row = tuple[int, Sequence[Cell | MergedCell]]
"""A second of the run, and what was measured in it."""


class ArrivalSource(Protocol):
    """Starts the iterations of a run, and counts and measures them.

    Properties and ``progress``, ``ledgers``, ``generator_figures`` and ``worker_reports`` change nothing.
    """

    @property
    def is_done(self) -> bool:
        """Whether every schedule is over and every iteration has ended."""

    @property
    def length_seconds(self) -> float:
        """Seconds from second 0 to the schedules' end or stop, or to the last answer if that is later."""

    def start(self, at: float) -> None:
        """Start the schedules at the monotonic instant ``at``."""

    def stop(self) -> None:
        """Start no more iterations."""

    def grow_pools(self) -> None:
        """Add VUs to scenarios whose arrivals were dropped for want of one, up to their ``max_vus``."""

    def vus(self, scenario: str) -> int:
        """Return how many VUs a scenario should have now."""

    def sample_gauge(self, second: int, name: str, value: float) -> None:
        """Record a Gauge's value in a second that has just ended."""

    def close_second(self, second: int, *, is_last: bool) -> Iterable[Row]:
        """Aggregate what was measured since the last call, and return the rows that are complete by now.

        Args:
            second: the second that has ended, from 0.
            is_last: whether this is the run's end, so that nothing will be added to any row.
        """

    def progress(self) -> list[ScenarioProgress]:
        """Return the progress of each scenario, over the second that closed last."""

    def ledgers(self) -> tuple[dict[str, Ledger], list[Lost]]:
        """Return the ledger of each scenario, and what was lost."""

    def generator_figures(self, cpu: CpuMeter) -> GeneratorFigures:
        """Return lag, CPU and VUs over all processes that send; ``cpu`` is this process's."""

    def worker_reports(self, losses: Sequence[Lost]) -> list[WorkerReport]:
        """Return a report per worker; an empty list without workers."""
