"""The VUs of this process as a run's source of arrivals: the whole schedule, or one worker's share of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import gevent

from metrics.catalog import tags
from metrics.progress import ScenarioProgress
from metrics.store import Cell, MetricStore
from metrics.verdict import GeneratorFigures, WorkerReport
from run.arrival_source import Row
from run.cpu_meter import CpuMeter
from run.descriptors import make_room
from run.drop_causes import LOOK_SECONDS, DropCauses
from run.made_up_people import made_up_people
from run.preparation import Preparation
from run.run import yield_to_arrivals
from run.run_clock import RunClock
from shapes.accounts import Counts, Lost
from shapes.clock import ArrivalClock
from shapes.ledger import Ledger
from shapes.rate_options import schedule_of
from shapes.share import Epoch, Share
from shapes.vu_pool import VuPool
from users.failure_log import FailureLog
from users.locust_side import LocustSide
from users.message_queue import MessageQueue
from users.people import PeoplePool
from users.scenario import Scenario

# Far apart, so that no two workers' seeds meet.
_SEEDS_BETWEEN_WORKERS = 1_000_003


class LocalVus:
    """Scenarios with their arrival clocks and VU pools.

    Args:
        run_id: becomes part of every person's id.
        preparation: profile, target and arguments.
        store: where the VUs record what they measure.
        clock: when the run began.
        locust: what the VUs need of the process that they run in.
        worker: this worker's index, or ``None`` if the whole schedule is this process's own. A worker
            starts only what it is granted.
        queue: where messages go, if a scenario sends any.
    """

    def __init__(
        self,
        run_id: str,
        preparation: Preparation,
        store: MetricStore,
        clock: RunClock,
        locust: LocustSide,
        worker: int | None = None,
        queue: MessageQueue | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._worker = worker
        self._failures = FailureLog()
        # Other people on every worker, the same ones again under the same seed.
        seed = preparation.arguments.people_seed + _SEEDS_BETWEEN_WORKERS * (worker or 0)
        people = PeoplePool(run_id, made_up_people(seed), preparation.people_budget)
        allow_live = preparation.arguments.allow_live
        is_traced = preparation.arguments.traceparent
        self.scenarios = [
            Scenario(
                name,
                options,
                ArrivalClock(schedule_of(options), granted=worker is None),
                store,
                people,
                self._failures,
                preparation.target.sign_in(
                    preparation.user_classes[name].api, allow_live=allow_live, is_traced=is_traced
                ),
                preparation.arguments.http_client,
                locust,
                queue=queue,
                resend_post=preparation.arguments.resend_post,
                event_age_seconds=preparation.arguments.event_age_seconds,
            )
            for name, options in preparation.profile.scenarios.items()
        ]
        make_room(sum(scenario.options.max_vus for scenario in self.scenarios))
        self._pools = {
            scenario.name: VuPool(scenario.options.pre_allocated_vus, scenario.options.max_vus)
            for scenario in self.scenarios
        }
        self._causes: dict[str, DropCauses] = {}
        self._looking: gevent.Greenlet[..., None] | None = None
        # By scenario.
        self._failed = dict.fromkeys(self._pools, 0)
        self._dropped_written = dict.fromkeys(self._pools, 0)
        self._started_before = dict.fromkeys(self._pools, 0)
        self._started_last_second = dict.fromkeys(self._pools, 0)

    # Starting and stopping.

    def start(self, at: float) -> None:
        """Start the schedules at the monotonic instant ``at``, and wake the VUs that wait for the start."""
        now = time.monotonic()
        self._causes = {scenario.name: DropCauses(now) for scenario in self.scenarios}
        for scenario in self.scenarios:
            scenario.start_clock(at)
            if now > at:
                self._causes[scenario.name].excuse(now)
        self._looking = gevent.spawn(self._every_look)

    def grant(self, epochs: Sequence[Epoch], until: float) -> None:
        """Allow this worker its share of what is due up to ``until`` seconds of the run."""
        for scenario in self.scenarios:
            start_time = scenario.options.start_time
            share = Share(scenario.clock.schedule, epochs, self._worker or 0, start_time)
            was_waiting = scenario.clock.is_waiting_for_grant
            scenario.clock.grant(share, until - start_time)
            if was_waiting and scenario.name in self._causes:
                # What came due without a grant is dropped now. More VUs would not have helped.
                self._causes[scenario.name].excuse(time.monotonic())

    def stop(self) -> None:
        """Start no more iterations."""
        for scenario in self.scenarios:
            scenario.clock.stop()
        if self._looking is not None:
            self._looking.kill(block=False)
            self._look_at_drops()

    def overdue_scenarios(self) -> list[Scenario]:
        """Return the scenarios that have iterations in flight although their graceful stop has run out."""
        return [
            scenario
            for scenario in self.scenarios
            if scenario.clock.in_flight
            and self._clock.elapsed > scenario.ends_at + scenario.options.graceful_stop
        ]

    # Progress and counts.

    @property
    def is_done(self) -> bool:
        """Whether every schedule is over and every iteration has ended."""
        return self._clock.is_started and all(
            scenario.clock.is_exhausted
            and scenario.clock.in_flight == 0
            and self._clock.elapsed >= scenario.ends_at
            for scenario in self.scenarios
        )

    @property
    def length_seconds(self) -> float:
        """Seconds from second 0 to the schedules' end or stop, or to the last answer if that is later."""
        if not self._clock.is_started:
            return 0.0
        return max(0.0, *(_length_seconds(scenario) for scenario in self.scenarios))

    def grow_pools(self) -> None:
        """Add VUs to scenarios whose arrivals were dropped for want of one, up to their ``max_vus``."""
        for scenario in self.scenarios:
            ledger = self._ledger(scenario)
            # More VUs are no help where the process itself was late.
            self._pools[scenario.name].grow(ledger.dropped - ledger.dropped_late)

    def vus(self, scenario: str) -> int:
        """Return how many VUs a scenario should have now."""
        return self._pools[scenario].size

    def vus_busy(self) -> dict[str, int]:
        """Return how many VUs have an iteration in flight, by scenario."""
        return {scenario.name: scenario.clock.in_flight for scenario in self.scenarios}

    def counts(self, *, is_final: bool = False) -> dict[str, Counts]:
        """Return what has been done in each scenario, for the master."""
        counts = {}
        for scenario in self.scenarios:
            ledger = self._ledger(scenario)
            counts[scenario.name] = Counts(
                at=scenario.clock.elapsed + scenario.options.start_time,
                started=ledger.started,
                dropped=ledger.dropped,
                dropped_late=ledger.dropped_late,
                completed=ledger.completed,
                interrupted=ledger.interrupted,
                is_final=is_final,
            )
        return counts

    def progress(self) -> list[ScenarioProgress]:
        """Return the progress of each scenario, over the second that closed last."""
        return [self._progress_of(scenario) for scenario in self.scenarios]

    def _progress_of(self, scenario: Scenario) -> ScenarioProgress:
        elapsed = self._clock.elapsed - scenario.options.start_time
        return ScenarioProgress(
            name=scenario.name,
            elapsed=elapsed,
            duration=scenario.clock.schedule.duration,
            actual_rate=self._started_last_second[scenario.name],
            scheduled_rate=scenario.clock.schedule.rate_at(elapsed - 0.5),
            vus_busy=scenario.clock.in_flight,
            vus=self.vus(scenario.name),
            started=scenario.clock.started,
            dropped=scenario.clock.dropped,
            failed=self._failed[scenario.name],
        )

    # Seconds and the end.

    def sample_gauge(self, second: int, name: str, value: float) -> None:
        """Record a Gauge's value in the second that is about to be closed."""
        self._store.add(name, value, ())

    def close_second(self, second: int, *, is_last: bool) -> Iterator[Row]:
        """Aggregate what was measured since the last call, and yield it as the row of this second."""
        self._sample_scenarios()
        cells: list[Cell] = []
        for cell in self._store.fold(yield_to_arrivals):
            cells.append(cell)
            if cell.metric.name == "errors":
                self._failed[dict(cell.tags)["scenario"]] += sum(1 for value in cell.values if value)
            yield_to_arrivals()
        yield second, cells

    def _sample_scenarios(self) -> None:
        if self._worker is None:
            self._store.add("vus", sum(self.vus_busy().values()), ())
            self._store.add("vus_max", self._vus_max, ())
        for scenario in self.scenarios:
            name, clock = scenario.name, scenario.clock
            dropped = clock.dropped
            self._store.add("dropped_iterations", dropped - self._dropped_written[name], tags(scenario=name))
            self._dropped_written[name] = dropped
            self._started_last_second[name] = clock.started - self._started_before[name]
            self._started_before[name] = clock.started

    def ledgers(self) -> tuple[dict[str, Ledger], list[Lost]]:
        """Return the ledger of each scenario. Nothing is lost: only a process that dies loses arrivals."""
        return {scenario.name: self._ledger(scenario) for scenario in self.scenarios}, []

    def generator_figures(self, cpu: CpuMeter) -> GeneratorFigures:
        """Return start lag, CPU and VUs of this process."""
        return GeneratorFigures.measured(
            start_lag=self._store.trend("start_lag"), cpu_percents=cpu.readings, vus_max=self._vus_max
        )

    def worker_reports(self, losses: Sequence[Lost]) -> list[WorkerReport]:
        """Return nothing: there are no workers."""
        return []

    def log_failures(self) -> None:
        """Log the number of failures of each kind."""
        self._failures.log_counts()

    @property
    def _vus_max(self) -> int:
        return sum(pool.size for pool in self._pools.values())

    # Why arrivals were dropped.

    def _ledger(self, scenario: Scenario) -> Ledger:
        """Return the clock's ledger. What was dropped during a standstill counts as ``dropped_late`` too."""
        ledger = scenario.clock.ledger()
        causes = self._causes.get(scenario.name)
        stood_still = causes.stood_still if causes is not None else 0
        return replace(ledger, dropped_late=ledger.dropped_late + stood_still)

    def _every_look(self) -> None:
        while True:
            gevent.sleep(LOOK_SECONDS)
            self._look_at_drops()
            # Locust's statistics and its web UI are not to be a second behind.
            self._store.hand_on_answers()

    def _look_at_drops(self) -> None:
        now = time.monotonic()
        for scenario in self.scenarios:
            ledger = scenario.clock.ledger()
            self._causes[scenario.name].look(now, ledger.dropped - ledger.dropped_late)


def _length_seconds(scenario: Scenario) -> float:
    """Return the seconds from second 0 of the run to a scenario's end or stop, or to its last answer."""
    clock = scenario.clock
    # Before its ``start_time`` a scenario makes the run no longer than it is by now.
    return scenario.options.start_time + (clock.length if clock.elapsed > 0 else clock.elapsed)
