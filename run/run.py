"""One run from its start to its report: seconds that close, thresholds, outputs, faults."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from metrics.delivery_figures import DeliveryFigures
from metrics.output import Output, TakesLedgers
from metrics.progress import RunProgress, ScenarioProgress
from metrics.store import Cell, MergedCell, MetricStore
from metrics.thresholds import ThresholdResult, evaluate, first_to_abort
from metrics.verdict import judge
from report.run_report import RunReport
from run.arrival_source import ArrivalSource
from run.cpu_meter import CpuMeter
from run.preparation import Preparation
from run.queue_watch import QueueWatch
from run.queued.delivery_watch import DeliveryWatch
from run.run_clock import RunClock
from shapes.ledger import Ledger

logger = logging.getLogger("customerio_load")

YIELD_SECONDS = 1e-4
"""A sleep in long work that lets gevent run its timers; a sleep of 0 would not."""


def yield_to_arrivals() -> None:
    """Let arrivals that are due now go first, in the middle of long work."""
    gevent.sleep(YIELD_SECONDS)


@dataclass(frozen=True)
class RunIdentity:
    """What distinguishes a run from others.

    ``folder`` exists; the files of the run are written there. ``record`` has the settings of the run for the
    summary; it contains no secret.
    """

    run_id: str
    folder: Path
    record: Mapping[str, Any]


class Run:
    """A run, wherever its VUs are.

    Call ``start`` when all pre-allocated VUs are up, iterate over ``seconds`` from then on, call
    ``stop_clocks`` at the end or before it, and ``finish`` after the last VU has stopped.

    Args:
        identity: id, folder and record.
        preparation: profile, target and arguments.
        source: starts and counts the arrivals.
        store: the metrics that ``source`` records in.
        clock: the clock that ``source`` uses.
        outputs: get the samples of each second.
        cpu: this process's CPU, read once a second.
        queue_watch: reads the queue's backlog from ``start`` to ``finish``, if there are pages that show it.
        deliveries: sees what becomes of the run's messages, likewise, if it puts any into the queue.
    """

    def __init__(
        self,
        identity: RunIdentity,
        preparation: Preparation,
        source: ArrivalSource,
        store: MetricStore,
        clock: RunClock,
        outputs: Sequence[Output],
        cpu: CpuMeter,
        queue_watch: QueueWatch | None = None,
        deliveries: DeliveryWatch | None = None,
    ) -> None:
        self.run_id = identity.run_id
        self.folder = identity.folder
        self.store = store
        self.ended_by = "finished"
        self.is_stopping = False
        self.faults: list[str] = []
        self._exceeded: str | None = None
        self._record = identity.record
        self._profile = preparation.profile
        self._source = source
        self._clock = clock
        self._outputs = outputs
        self._failed: list[Output] = []
        self._cpu = cpu
        self._queue = queue_watch
        self._deliveries = deliveries
        self._into_queue = [
            name for name in preparation.profile.scenarios if preparation.user_classes[name].uses_queue
        ]
        self._notes: list[str] = []
        self._seconds_closed = 0
        self._no_more_seconds = Event()

    @property
    def is_started(self) -> bool:
        """Whether the clocks are going."""
        return self._clock.is_started

    @property
    def is_done(self) -> bool:
        """Whether every schedule is over, every iteration has ended, and what was queued is delivered.

        For the last of these a run waits no longer than the profile's ``drain_timeout``.
        """
        return self._source.is_done and (self._deliveries is None or self._deliveries.is_over)

    def start(self, at: float) -> None:
        """Start the clocks: second 0 of the run is the monotonic instant ``at``."""
        self._clock.start(at)
        # A worker that joins late has no earlier seconds to close.
        self._seconds_closed = int(self._clock.elapsed)
        if self._queue is not None:
            self._queue.start()
        if self._deliveries is not None:
            self._deliveries.start(self.store, lambda: self._source.is_done, self.break_off)
        self._source.start(at)

    def stop_clocks(self, ended_by: str) -> None:
        """Start no more iterations. Only the first call has an effect; the summary gives its reason."""
        if self.is_stopping:
            return
        if not self.is_done:
            self.ended_by = ended_by
        self.is_stopping = True
        self._source.stop()

    def fault(self, what: str) -> None:
        """Record a fault: it makes this a broken run."""
        logger.error(what)
        self.faults.append(what)

    def break_off(self, fault: str) -> None:
        """Stop the clocks because the run itself has failed."""
        self.fault(fault)
        self.stop_clocks(f"broken off: {fault}")

    # Seconds.

    def seconds(self) -> Iterator[int]:
        """Wait for each second to end, close it, and yield its number from 1, until ``end_seconds``."""
        while self.is_started:
            ends_at = self._clock.second_zero + self._seconds_closed + 1
            if self._no_more_seconds.wait(max(0.0, ends_at - time.monotonic())):
                return
            self._cpu.read()
            self._close_second(is_last=False)
            yield self._seconds_closed

    def end_seconds(self) -> None:
        """Close no more seconds. If one is being closed now, that is completed."""
        self._no_more_seconds.set()

    def _close_second(self, *, is_last: bool) -> None:
        second = self._seconds_closed
        self._seconds_closed += 1
        for name, value in self._queue_gauges():
            self._source.sample_gauge(second, name, value)
        for row, cells in self._source.close_second(second, is_last=is_last):
            self._write(row, cells)

    def _queue_gauges(self) -> Iterator[tuple[str, float]]:
        """Yield the Gauges of the queue. The run's own messages count where no page has the whole backlog."""
        backlog = self._queue.take() if self._queue is not None else None
        if backlog is not None:
            yield "queue_backlog", backlog
        for name, value in self._deliveries.take_gauges() if self._deliveries is not None else ():
            if name != "queue_backlog" or self._queue is None:
                yield name, value

    def _write(self, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        if not self.is_started:
            return
        for output in self._outputs:
            if output in self._failed:
                continue
            try:
                self._write_to(output, second, cells)
            except Exception as error:  # noqa: BLE001 - an output may be somebody else's code
                self._output_failed(output, f"ends at second {second}, it could not be written", error)

    def _write_to(self, output: Output, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        timestamp = self._clock.unix_time(second)
        if output.takes_whole_seconds:
            output.samples(timestamp, second, cells)
            return
        for cell in cells:
            output.samples(timestamp, second, [cell])
            yield_to_arrivals()

    # Thresholds and progress.

    def thresholds(self) -> list[ThresholdResult]:
        """Evaluate every threshold whose metric has values, on what has been aggregated so far."""
        return evaluate(self._profile.thresholds, self.store, self._clock.elapsed, skip_empty=True)

    def abort_on_failed_threshold(self) -> None:
        """Stop the clocks if a threshold with ``abort_on_fail`` does not hold."""
        failed = first_to_abort(self.thresholds(), self._clock.elapsed)
        if failed is not None:
            self.stop_clocks(f"aborted by threshold {failed.selector} {failed.describe()}")

    def abort_by_switch(self, exceeded: str) -> None:
        """Stop the clocks because the run is above a bound of the abort switch. See ``stop_clocks``."""
        if not self.is_stopping:
            self._exceeded = exceeded
            self.stop_clocks(f"aborted by the abort switch: {exceeded}")

    def progress(self) -> list[ScenarioProgress]:
        """Return the progress of each scenario, over the second that closed last."""
        return self._source.progress()

    def whole_progress(self) -> RunProgress:
        """Return the progress of the run as a whole."""
        p95_ms = self.store.trend("http_req_duration").percentile(95)
        error_share = self.store.sink("errors").aggregate("rate", self._clock.elapsed)
        return RunProgress(self.progress(), p95_ms, error_share, self.thresholds())

    def final_progress(self, report: RunReport) -> list[ScenarioProgress]:
        """Return how each scenario ended, from its closed ledger, with rates of 0."""
        return [
            replace(
                progress,
                elapsed=report.seconds - self._profile.scenarios[progress.name].start_time,
                actual_rate=0,
                scheduled_rate=0,
                vus_busy=0,
                started=report.ledgers[progress.name].started,
                dropped=report.ledgers[progress.name].dropped,
            )
            for progress in self.progress()
        ]

    # The end.

    def finish(self) -> RunReport:
        """Finish the run and return its report. Call after the last VU has stopped."""
        self.stop_clocks("stopped")
        length_seconds = self._source.length_seconds
        self._cpu.read()
        try:
            if self._queue is not None:
                self._queue.stop()
            if self._deliveries is not None:
                self._deliveries.stop(self.store)
            self._close_second(is_last=True)
        finally:
            self._stop_outputs()
        return self._report(length_seconds)

    def _stop_outputs(self) -> None:
        """Stop every output, also those that have failed: they may hold files, connections and threads."""
        ledgers, _ = self._source.ledgers()
        for output in self._outputs:
            try:
                if isinstance(output, TakesLedgers) and output not in self._failed:
                    output.take_ledgers(ledgers)
            except Exception as error:  # noqa: BLE001 - likewise
                self._output_failed(output, "could not take the ledgers", error)
            try:
                note = output.stop()
            except Exception as error:  # noqa: BLE001 - likewise
                self._output_failed(output, "could not be closed", error)
                continue
            if note is not None:
                self._notes.append(note)

    def _output_failed(self, output: Output, what: str, error: Exception) -> None:
        """Record the first fault of an output. What fails afterwards is a consequence of it."""
        if output not in self._failed:
            self._failed.append(output)
            self.fault(f"{output.name} {what}: {_reason(error)}")

    def _report(self, length_seconds: float) -> RunReport:
        ledgers, losses = self._source.ledgers()
        generator = self._source.generator_figures(self._cpu)
        workers = self._source.worker_reports(losses)
        vus_limits = {name: options.max_vus for name, options in self._profile.scenarios.items()}
        queue_notes = [
            *(self._queue.notes if self._queue is not None else ()),
            *(self._deliveries.notes if self._deliveries is not None else ()),
        ]
        return RunReport(
            run_id=self.run_id,
            folder=self.folder,
            seconds=length_seconds,
            store=self.store,
            thresholds=evaluate(self._profile.thresholds, self.store, length_seconds),
            ledgers=ledgers,
            losses=losses,
            generator=generator,
            workers=workers,
            verdict=judge(ledgers, generator, vus_limits, self.faults, workers),
            faults=self.faults,
            notes=[*self._notes, *queue_notes],
            ended_by=self.ended_by,
            record=self._record,
            queue=self._queue.figures if self._queue is not None else None,
            deliveries=self._delivery_figures(ledgers),
            exceeded=self._exceeded,
        )

    def _delivery_figures(self, ledgers: Mapping[str, Ledger]) -> DeliveryFigures | None:
        if self._deliveries is None:
            return None
        return self._deliveries.figures(sum(ledgers[name].started for name in self._into_queue))


def _reason(error: Exception) -> str:
    """Return what went wrong with an output, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(f"{type(error).__name__}: {error}".split())
