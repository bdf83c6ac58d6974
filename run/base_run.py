"""What every run has, wherever its VUs are: a store, seconds that close, thresholds, a report at the end."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from metrics.output import Output
from metrics.progress import ScenarioProgress
from metrics.store import Cell, MergedCell, MetricStore
from metrics.thresholds import ThresholdResult, evaluate, first_to_abort
from metrics.verdict import GeneratorFigures, WorkerReport, judge
from report.run_report import RunReport
from run.generator import CpuMeter
from run.preparation import Preparation
from run.queue_watch import QueueWatch
from shapes.accounts import Lost
from shapes.ledger import Ledger

logger = logging.getLogger("customerio_load")

# A pause in long work that lets gevent look at its timers; a sleep of 0 would not.
BREATH_SECONDS = 1e-4


class BaseRun(ABC):
    """A run from open to report.

    The order of calls: ``start_clocks`` once all pre-allocated VUs are up, ``seconds`` from then on,
    ``stop_clocks`` at the end or before it, ``finish`` when no VU is left.

    Args:
        run_id: of the run.
        folder: where its files go; it exists.
        preparation: profile, target and arguments.
        record: what the summary says the run ran with; no secrets.
        outputs: where its samples go.

    ``queue`` is watched from the start to ``finish``, if there is one.
    """

    def __init__(
        self,
        run_id: str,
        folder: Path,
        preparation: Preparation,
        record: Mapping[str, Any],
        outputs: Sequence[Output],
    ) -> None:
        self.run_id = run_id
        self.folder = folder
        self.profile = preparation.profile
        self.store = MetricStore(self.profile.thresholds)
        self.queue: QueueWatch | None = None
        self.faults: list[str] = []
        self.ended_by = "finished"
        self.is_stopping = False
        self._record = record
        self._outputs = list(outputs)
        self._notes: list[str] = []
        self._cpu = CpuMeter()
        self._started_at: float | None = None
        self._started_unix = 0.0
        self._seconds_closed = 0
        self._no_more_seconds = Event()
        self._dropped_before = dict.fromkeys(self.profile.scenarios, 0)
        self._failed = dict.fromkeys(self.profile.scenarios, 0)

    @property
    def is_started(self) -> bool:
        """Whether the clocks are going."""
        return self._started_at is not None

    @property
    def elapsed(self) -> float:
        """Seconds since the clocks' start; 0 before it."""
        return 0.0 if self._started_at is None else max(0.0, time.monotonic() - self._started_at)

    @property
    def second_zero(self) -> float:
        """The monotonic instant at which the run's clocks started.

        Raises:
            RuntimeError: they have not.
        """
        if self._started_at is None:
            raise RuntimeError("the clocks have not started")
        return self._started_at

    @property
    @abstractmethod
    def length(self) -> float:
        """Seconds from the clocks' start to the schedules' end or stop, or to the last answer if later."""

    @property
    @abstractmethod
    def is_done(self) -> bool:
        """Whether every schedule is over and every iteration has ended."""

    @abstractmethod
    def vus_wanted(self, scenario: str) -> int:
        """The VUs that a scenario should have now: more than before, if arrivals were dropped."""

    def stop_clocks(self, ended_by: str) -> None:
        """Start no more iterations. The first reason given is the one that counts."""
        if self.is_stopping:
            return
        if not self.is_done:
            self.ended_by = ended_by
        self.is_stopping = True
        self._stop_clocks()

    def seconds(self) -> Iterator[int]:
        """Wait for each second to end, close it, and give its number, until ``end_seconds``."""
        while self._started_at is not None:
            ends_at = self._started_at + self._seconds_closed + 1
            if self._no_more_seconds.wait(max(0.0, ends_at - time.monotonic())):
                return
            self._cpu.read()
            self.close_second()
            yield self._seconds_closed

    def end_seconds(self) -> None:
        """Close no more seconds; one that is being closed is still closed to its end."""
        self._no_more_seconds.set()

    def close_second(self) -> None:
        """Aggregate and write what was measured since the last call."""
        second = self._seconds_closed
        self._seconds_closed += 1
        self._sample_queue(second)
        for row, cells in self._rows(second):
            self._write(row, cells)

    def thresholds(self) -> list[ThresholdResult]:
        """Every threshold whose metric has values, against what has been aggregated so far."""
        return evaluate(self.profile.thresholds, self.store, self.elapsed, skip_empty=True)

    def abort_on_failed_threshold(self) -> None:
        """Stop the clocks if a threshold with ``abort_on_fail`` does not hold."""
        failed = first_to_abort(self.thresholds(), self.elapsed)
        if failed is not None:
            self.stop_clocks(f"aborted by threshold {failed.selector} {failed.describe()}")

    def break_off(self, fault: str) -> None:
        """Stop the clocks because the run itself has failed."""
        self.fault(fault)
        self.stop_clocks(f"broken off: {fault}")

    def fault(self, what: str) -> None:
        """Note something that makes this a broken run."""
        logger.error(what)
        self.faults.append(what)

    @abstractmethod
    def progress(self) -> list[ScenarioProgress]:
        """How each scenario goes, over the second that was closed last."""

    def final_progress(self, report: RunReport) -> list[ScenarioProgress]:
        """How each scenario ended, by its closed ledger: nothing is scheduled or started any more."""
        return [
            replace(
                one,
                elapsed=report.seconds - self.profile.scenarios[one.name].start_time,
                actual_rate=0,
                scheduled_rate=0,
                vus_busy=0,
                started=report.ledgers[one.name].started,
                dropped=report.ledgers[one.name].dropped,
            )
            for one in self.progress()
        ]

    def finish(self) -> RunReport:
        """Close the books, when no VU is left, and report."""
        self.stop_clocks("stopped")
        seconds = self.length
        self._cpu.read()
        if self.queue is not None:
            self.queue.stop()
        self.close_second()
        self._stop_outputs()
        ledgers, losses = self._ledgers()
        generator = self._generator_figures()
        workers = self._worker_reports(losses)
        limits = {name: one.max_vus for name, one in self.profile.scenarios.items()}
        return RunReport(
            run_id=self.run_id,
            folder=self.folder,
            seconds=seconds,
            store=self.store,
            thresholds=evaluate(self.profile.thresholds, self.store, seconds),
            ledgers=ledgers,
            losses=losses,
            generator=generator,
            workers=workers,
            verdict=judge(ledgers, generator, limits, self.faults, workers),
            faults=self.faults,
            notes=[*self._notes, *(self.queue.notes if self.queue is not None else [])],
            ended_by=self.ended_by,
            record=self._record,
            queue=self.queue.figures if self.queue is not None else None,
        )

    @abstractmethod
    def _stop_clocks(self) -> None:
        """Let nothing start any more."""

    @abstractmethod
    def _sample_gauge(self, second: int, name: str, value: float) -> None:
        """Record a Gauge's value in a second that has just ended."""

    @abstractmethod
    def _rows(self, second: int) -> Iterable[tuple[int, Sequence[Cell | MergedCell]]]:
        """What can be written now that a second has ended: seconds, each with its cells."""

    @abstractmethod
    def _ledgers(self) -> tuple[dict[str, Ledger], list[Lost]]:
        """The closed ledger of each scenario, and what was lost."""

    @abstractmethod
    def _generator_figures(self) -> GeneratorFigures:
        """What the generator did, over all processes."""

    def _sample_queue(self, second: int) -> None:
        backlog = self.queue.take() if self.queue is not None else None
        if backlog is not None:
            self._sample_gauge(second, "queue_backlog", backlog)

    def _worker_reports(self, losses: Sequence[Lost]) -> list[WorkerReport]:
        """A part per worker, where there are workers."""
        return []

    def _write(self, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        if not self.is_started:
            return
        for output in list(self._outputs):
            try:
                self._write_to(output, second, cells)
            except OSError as error:
                self._outputs.remove(output)
                self.fault(
                    f"{output.name} ends at second {second}, it could not be written: {error.strerror}"
                )

    def _write_to(self, output: Output, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        timestamp = int(self._started_unix) + second
        if output.takes_merged:
            output.samples(timestamp, second, cells)
            return
        for cell in cells:
            output.samples(timestamp, second, [cell])
            # Arrivals that are due now go first.
            gevent.sleep(BREATH_SECONDS)

    def _stop_outputs(self) -> None:
        for output in self._outputs:
            try:
                note = output.stop()
            except OSError as error:
                self.fault(f"{output.name} could not be closed: {error.strerror}")
                continue
            if note is not None:
                self._notes.append(note)
