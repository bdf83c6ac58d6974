"""A finished run as one value: what every kind of summary is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metrics.delivery_figures import DeliveryFigures
from metrics.queue_backlog import QueueFigures
from metrics.store import MetricStore
from metrics.thresholds import ThresholdResult
from metrics.verdict import GeneratorFigures, Verdict, WorkerReport
from shapes.accounts import Lost
from shapes.ledger import Ledger

REPORT_NAME = "report.html"
"""The file in a run's folder that shows the run in a browser."""

INTERRUPTED = "interrupted by Ctrl-C"
TERMINATED = "stopped by SIGTERM"
STOPPED_BY_FILE = "stopped by a file STOP"
"""Why a run ended, if a signal or a file ended it before its schedule did."""


@dataclass(frozen=True)
class RunReport:
    """All that is known of a run when it has ended; ``seconds`` from the clock's start to the last answer."""

    run_id: str
    folder: Path
    seconds: float
    store: MetricStore
    thresholds: Sequence[ThresholdResult]
    ledgers: Mapping[str, Ledger]
    losses: Sequence[Lost]
    generator: GeneratorFigures
    workers: Sequence[WorkerReport]
    verdict: Verdict
    faults: Sequence[str]
    notes: Sequence[str]
    ended_by: str
    record: Mapping[str, Any]
    queue: QueueFigures | None = None
    deliveries: DeliveryFigures | None = None
    exceeded: str | None = None
    """Which bound of the abort switch the run was above, if that ended it."""

    @property
    def passed(self) -> bool:
        """Whether all thresholds passed."""
        return all(result.passed for result in self.thresholds)

    @property
    def is_aborted(self) -> bool:
        """Whether a signal or a file ended the run before its schedule did."""
        return self.ended_by in (INTERRUPTED, TERMINATED, STOPPED_BY_FILE)

    @property
    def is_broken(self) -> bool:
        """Whether the run itself failed, so that its figures mean nothing."""
        ledgers_close = all(ledger.is_closed for ledger in self.ledgers.values()) and (
            self.deliveries is None or self.deliveries.adds_up
        )
        return bool(self.faults) or not ledgers_close
