"""One run: its scenarios and their clocks, its metrics second by second, its report at the end."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gevent

from metrics.catalog import tags
from metrics.csv_output import CsvOutput
from metrics.progress import ScenarioProgress
from metrics.report import RunReport
from metrics.store import Cell, MetricStore
from metrics.thresholds import evaluate, first_to_abort
from metrics.verdict import GeneratorFigures, judge
from run.generator import CpuMeter
from run.preparation import Preparation
from shapes.clock import ArrivalClock
from shapes.vu_pool import VuPool
from users.failure_log import FailureLog
from users.people import PeoplePool
from users.scenario import Scenario, SignIn, schedule_of

logger = logging.getLogger("customerio_load")

# Between the moment when all VUs are up and second 0, so that the first arrivals find them asleep.
_HEAD_START_SECONDS = 0.1


class LoadRun:
    """A run from open to report.

    The order of calls: ``start_clocks`` once all pre-allocated VUs are up, ``close_second`` every
    second, ``stop_clocks`` at the end or before it, ``finish`` when no VU is left.

    Args:
        preparation: profile, target and seed.
        record: what the summary says the run ran with; no secrets.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(
        self,
        run_id: str,
        folder: Path,
        preparation: Preparation,
        record: Mapping[str, Any],
    ) -> None:
        self.run_id = run_id
        self.folder = folder
        self.profile = profile = preparation.profile
        self.store = MetricStore(selector for selector in profile.thresholds if "{" in selector)
        self.failures = FailureLog()
        self.faults: list[str] = []
        self.ended_by = "finished"
        people = PeoplePool(run_id, preparation.arguments.people_seed)
        sign_in = SignIn(preparation.target.credentials.authorization, preparation.target.ca_file)
        self.scenarios = [
            Scenario(
                name,
                options,
                ArrivalClock(schedule_of(options)),
                self.store,
                people,
                self.failures,
                sign_in,
            )
            for name, options in profile.scenarios.items()
        ]
        self._pools = {
            one.name: VuPool(one.clock, one.options.pre_allocated_vus, one.options.max_vus)
            for one in self.scenarios
        }
        self._record = record
        self._csv: CsvOutput | None = CsvOutput(folder / "metrics.csv")
        self._cpu = CpuMeter()
        self._started_at: float | None = None
        self._started_unix = 0.0
        self._is_stopping = False
        self._seconds_closed = 0
        self._dropped_before = dict.fromkeys(self._pools, 0)
        self._started_before = dict.fromkeys(self._pools, 0)
        self._failed = dict.fromkeys(self._pools, 0)

    @property
    def is_started(self) -> bool:
        """Whether the clocks are going."""
        return self._started_at is not None

    @property
    def elapsed(self) -> float:
        """Seconds since the clocks' start; 0 before it."""
        return 0.0 if self._started_at is None else max(0.0, time.monotonic() - self._started_at)

    @property
    def is_stopping(self) -> bool:
        """Whether the run was told to end before its time."""
        return self._is_stopping

    def start_clocks(self) -> None:
        """Let the schedules begin, a moment from now."""
        self._started_at = time.monotonic() + _HEAD_START_SECONDS
        self._started_unix = time.time() + _HEAD_START_SECONDS
        for scenario in self.scenarios:
            scenario.start_clock(self._started_at)

    def stop_clocks(self, ended_by: str) -> None:
        """Start no more iterations. The first reason given is the one that counts."""
        if self._is_stopping:
            return
        self._is_stopping = True
        if not self.is_done:
            self.ended_by = ended_by
        for scenario in self.scenarios:
            scenario.clock.stop()

    @property
    def is_done(self) -> bool:
        """Whether every schedule is over and every iteration has ended."""
        return self.is_started and all(
            one.clock.is_exhausted and one.clock.in_flight == 0 and self.elapsed >= one.ends_at
            for one in self.scenarios
        )

    def overdue_scenarios(self) -> list[Scenario]:
        """Scenarios that still have iterations in flight when their graceful stop has run out."""
        return [
            one
            for one in self.scenarios
            if one.clock.in_flight and self.elapsed > one.ends_at + one.options.graceful_stop
        ]

    def seconds(self) -> Iterator[int]:
        """Wait for each second to end, close it, and give its number; goes on until the caller stops."""
        while self._started_at is not None:
            ends_at = self._started_at + self._seconds_closed + 1
            gevent.sleep(max(0.0, ends_at - time.monotonic()))
            self._cpu.read()
            self.close_second()
            yield self._seconds_closed

    def close_second(self) -> None:
        """Aggregate and write what was measured since the last call."""
        second = self._seconds_closed
        self._seconds_closed += 1
        self._sample_scenarios()
        cells = []
        for cell in self.store.fold():
            cells.append(cell)
            if cell.metric.name == "errors":
                self._failed[dict(cell.tags)["scenario"]] += sum(1 for value in cell.values if value)
            # Arrivals that are due now go first.
            gevent.sleep(0)
        self._write(second, cells)

    def abort_on_failed_threshold(self) -> None:
        """Stop the clocks if a threshold with ``abort_on_fail`` does not hold."""
        results = evaluate(self.profile.thresholds, self.store, self.elapsed)
        failed = first_to_abort(results, self.elapsed)
        if failed is not None:
            self.stop_clocks(f"aborted by threshold {failed.selector} {failed.describe()}")

    def break_off(self, fault: str) -> None:
        """Stop the clocks because the run itself has failed."""
        self._fault(fault)
        self.stop_clocks(f"broken off: {fault}")

    def vus_wanted(self, scenario: str) -> int:
        """The VUs that a scenario should have now: more than before, if arrivals were dropped."""
        pool = self._pools[scenario]
        if self.is_started:
            pool.grow()
        return pool.size

    def progress(self) -> list[ScenarioProgress]:
        """How each scenario goes, over the second that was closed last."""
        shown = []
        for one in self.scenarios:
            started = one.clock.ledger().started
            elapsed = self.elapsed - one.options.start_time
            shown.append(
                ScenarioProgress(
                    name=one.name,
                    elapsed=elapsed,
                    duration=one.clock.schedule.duration,
                    actual_rate=started - self._started_before[one.name],
                    scheduled_rate=one.clock.schedule.rate_at(elapsed - 0.5),
                    vus_busy=one.clock.in_flight,
                    vus=self._pools[one.name].size,
                    dropped=one.clock.dropped,
                    failed=self._failed[one.name],
                )
            )
            self._started_before[one.name] = started
        return shown

    def finish(self) -> RunReport:
        """Close the books, when no VU is left, and report."""
        self.stop_clocks("stopped")
        seconds = self.elapsed
        self._cpu.read()
        self.close_second()
        self._close_csv()
        self.failures.log_counts()
        ledgers = {one.name: one.clock.ledger() for one in self.scenarios}
        generator = self._generator_figures()
        limits = {one.name: one.options.max_vus for one in self.scenarios}
        return RunReport(
            run_id=self.run_id,
            folder=self.folder,
            seconds=seconds,
            store=self.store,
            thresholds=evaluate(self.profile.thresholds, self.store, seconds),
            ledgers=ledgers,
            generator=generator,
            verdict=judge(ledgers, generator, limits, self.faults),
            faults=self.faults,
            ended_by=self.ended_by,
            record=self._record,
        )

    def _sample_scenarios(self) -> None:
        self.store.add("vus", sum(one.clock.in_flight for one in self.scenarios), ())
        self.store.add("vus_max", sum(pool.size for pool in self._pools.values()), ())
        for one in self.scenarios:
            scenario_tags = tags(scenario=one.name)
            dropped = one.clock.dropped
            self.store.add("dropped_iterations", dropped - self._dropped_before[one.name], scenario_tags)
            self._dropped_before[one.name] = dropped

    def _write(self, second: int, cells: Sequence[Cell]) -> None:
        if self._csv is None:
            return
        try:
            self._csv.write(int(self._started_unix) + second, second, cells)
        except OSError as error:
            self._csv = None
            self._fault(f"metrics.csv ends at second {second}, it could not be written: {error.strerror}")

    def _close_csv(self) -> None:
        if self._csv is None:
            return
        try:
            self._csv.close()
        except OSError as error:
            self._fault(f"metrics.csv could not be closed: {error.strerror}")

    def _fault(self, what: str) -> None:
        logger.error(what)
        self.faults.append(what)

    def _generator_figures(self) -> GeneratorFigures:
        lag = self.store.trend("start_lag")
        return GeneratorFigures(
            start_lag_p50_ms=lag.percentile(50),
            start_lag_p99_ms=lag.percentile(99),
            start_lag_max_ms=lag.max,
            cpu_average_percent=self._cpu.average,
            cpu_p95_percent=self._cpu.p95,
            vus_max=sum(pool.size for pool in self._pools.values()),
        )
