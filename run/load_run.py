"""A run whose VUs are in this process: all of it, or one worker's share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gevent

from metrics.catalog import tags
from metrics.output import Output
from metrics.progress import ScenarioProgress
from metrics.store import Cell
from metrics.verdict import GeneratorFigures
from run.base_run import BREATH_SECONDS, BaseRun
from run.preparation import Preparation
from shapes.accounts import Counts, Lost
from shapes.clock import ArrivalClock
from shapes.ledger import Ledger
from shapes.share import Epoch, Share
from shapes.vu_pool import VuPool
from users.failure_log import FailureLog
from users.people import PeoplePool
from users.scenario import Scenario, SignIn, schedule_of

# Between the moment when all VUs are up and second 0, so that the first arrivals find them asleep.
_HEAD_START_SECONDS = 0.1


class LoadRun(BaseRun):
    """Scenarios with their clocks, and the metrics of their VUs.

    Args:
        run_id: of the run.
        folder: where its files go; it exists.
        preparation: profile, target and arguments.
        record: what the summary says the run ran with; no secrets.
        outputs: where its samples go.
        worker: this worker's index, or ``None`` if the whole schedule is this process's own.

    ``on_cells`` is called with each second as it closes.
    """

    def __init__(
        self,
        run_id: str,
        folder: Path,
        preparation: Preparation,
        record: Mapping[str, Any],
        outputs: Sequence[Output],
        worker: int | None = None,
    ) -> None:
        super().__init__(run_id, folder, preparation, record, outputs)
        self.worker = worker
        self.on_cells: Callable[[int, Sequence[Cell]], None] | None = None
        self._failures = FailureLog()
        self._started_before = dict.fromkeys(self.profile.scenarios, 0)
        # Other people on every worker, the same ones again under the same seed.
        people = PeoplePool(run_id, preparation.arguments.people_seed + 1_000_003 * (worker or 0))
        sign_in = SignIn(preparation.target.credentials.authorization, preparation.target.ca_file)
        self.scenarios = [
            Scenario(
                name,
                options,
                ArrivalClock(schedule_of(options), granted=worker is None),
                self.store,
                people,
                self._failures,
                sign_in,
            )
            for name, options in self.profile.scenarios.items()
        ]
        self._pools = {
            one.name: VuPool(one.options.pre_allocated_vus, one.options.max_vus) for one in self.scenarios
        }

    def start_clocks(self, started_at: float | None = None) -> None:
        """Let the schedules begin: at a monotonic instant, or a moment from now."""
        now = time.monotonic()
        self._started_at = now + _HEAD_START_SECONDS if started_at is None else started_at
        self._started_unix = time.time() + self._started_at - now
        # A worker that comes late has no earlier seconds to close.
        self._seconds_closed = max(0, int(now - self._started_at))
        for scenario in self.scenarios:
            scenario.start_clock(self._started_at)

    def grant(self, epochs: Sequence[Epoch], until: float) -> None:
        """Allow this worker its share of what is due up to ``until`` seconds of the run."""
        for one in self.scenarios:
            start_time = one.options.start_time
            share = Share(one.clock.schedule, epochs, self.worker or 0, start_time)
            one.clock.grant(share, until - start_time)

    @property
    def cpu_percent(self) -> float:
        """This process's CPU over the last second."""
        return self._cpu.readings[-1] if self._cpu.readings else 0.0

    @property
    def length(self) -> float:
        return (
            max(one.clock.length + one.options.start_time for one in self.scenarios)
            if self.is_started
            else 0.0
        )

    @property
    def is_done(self) -> bool:
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

    def vus_wanted(self, scenario: str) -> int:
        pool = self._pools[scenario]
        if self.is_started:
            (clock,) = (one.clock for one in self.scenarios if one.name == scenario)
            ledger = clock.ledger()
            # More VUs are no help where the process itself is late.
            pool.grow(ledger.dropped - ledger.dropped_late)
        return pool.size

    def counts(self, *, is_final: bool = False) -> dict[str, Counts]:
        """What has been done in each scenario, for the master."""
        counts = {}
        for one in self.scenarios:
            ledger = one.clock.ledger()
            counts[one.name] = Counts(
                at=one.clock.elapsed + one.options.start_time,
                started=ledger.started,
                dropped=ledger.dropped,
                dropped_late=ledger.dropped_late,
                completed=ledger.completed,
                interrupted=ledger.interrupted,
                is_final=is_final,
            )
        return counts

    def progress(self) -> list[ScenarioProgress]:
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
                    started=started,
                    dropped=one.clock.dropped,
                    failed=self._failed[one.name],
                )
            )
            self._started_before[one.name] = started
        return shown

    def _stop_clocks(self) -> None:
        for scenario in self.scenarios:
            scenario.clock.stop()

    def _sample_gauge(self, second: int, name: str, value: float) -> None:
        self.store.add(name, value, ())

    def _rows(self, second: int) -> Iterable[tuple[int, Sequence[Cell]]]:
        self._sample_scenarios(second)
        cells = []
        for cell in self.store.fold():
            cells.append(cell)
            if cell.metric.name == "errors":
                self._failed[dict(cell.tags)["scenario"]] += sum(1 for value in cell.values if value)
            # Arrivals that are due now go first.
            gevent.sleep(BREATH_SECONDS)
        if self.on_cells is not None:
            self.on_cells(second, cells)
        return [(second, cells)]

    def _ledgers(self) -> tuple[dict[str, Ledger], list[Lost]]:
        self._failures.log_counts()
        return {one.name: one.clock.ledger() for one in self.scenarios}, []

    def _sample_scenarios(self, second: int) -> None:
        if self.worker is None:
            self._sample_gauge(second, "vus", sum(one.clock.in_flight for one in self.scenarios))
            self._sample_gauge(second, "vus_max", sum(pool.size for pool in self._pools.values()))
        for one in self.scenarios:
            dropped = one.clock.dropped
            increment = dropped - self._dropped_before[one.name]
            self._dropped_before[one.name] = dropped
            self.store.add("dropped_iterations", increment, tags(scenario=one.name))

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
