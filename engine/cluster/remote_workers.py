"""The workers as a run's source of arrivals. The master itself sends none; it adds up what they report."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterable, Sequence

from engine.cluster.measured_seconds import MeasuredSeconds
from engine.cluster.membership import Membership
from engine.cluster.messages import Beat, Report, SecondMeasured, encode_epochs
from engine.cluster.remote_worker import RemoteWorker
from engine.cluster.seal import MessageError
from metrics.progress import ScenarioProgress
from metrics.sinks import TrendSink
from metrics.store import MetricStore
from metrics.verdict import GeneratorFigures, WorkerReport
from run.arrival_source import Row
from run.cpu_meter import CpuMeter
from run.preparation import Preparation
from run.run_clock import RunClock
from shapes.accounts import Lost, close_ledger
from shapes.ledger import Ledger
from shapes.rate_options import schedule_of
from shapes.vu_pool import VuPool

logger = logging.getLogger("customerio_load")

# How often the master collects garbage while seconds close.
_COLLECT_SECONDS = 10

# How far a worker's figures may be ahead of the master's clock before they are refused as impossible.
_AHEAD_SECONDS = 5.0


class RemoteWorkers:
    """The workers of one run: who owns what, what they have counted and what they have measured.

    Args:
        preparation: profile and arguments.
        store: where all workers' values are merged.
        clock: when the run began, by the master's clock.
    """

    def __init__(self, preparation: Preparation, store: MetricStore, clock: RunClock) -> None:
        self._profile = preparation.profile
        self._store = store
        self._clock = clock
        self._membership = Membership()
        self._workers: dict[int, RemoteWorker] = {}
        self._schedules = {name: schedule_of(options) for name, options in self._profile.scenarios.items()}
        self._pools = {
            name: VuPool(options.pre_allocated_vus, options.max_vus)
            for name, options in self._profile.scenarios.items()
        }
        self._seconds = MeasuredSeconds(store, self._profile.scenarios)
        self._stopped_at = 0.0

    # Workers come, report and go.

    def join(self, index: int) -> None:
        """Add a worker to the run, if it is not in it."""
        self._workers.setdefault(index, RemoteWorker(index))

    def worker(self, index: int) -> RemoteWorker | None:
        """Return what is known about a worker; ``None`` if it is not in the run."""
        return self._workers.get(index)

    def live_workers(self) -> list[RemoteWorker]:
        """Return the workers that have reported a moment ago and have not ended."""
        return [worker for worker in self._workers.values() if worker.is_live]

    def count(self) -> int:
        """Return how many workers have taken part in the run."""
        return len(self._workers)

    def leave(self, index: int) -> None:
        """Leave a worker out of later epochs."""
        self._membership.leave(index)

    def accept_report(self, index: int, report: Report) -> None:
        """Accept a worker's answer to a beat.

        Raises:
            MessageError: it is impossible; nothing of it is used.
        """
        worker = self._workers[index]
        now = time.monotonic()
        self._check_report(report, now)
        worker.heard_at = now
        worker.offset.add(report.sent, report.now, now)
        worker.epochs_known = report.epochs_known
        worker.is_started = report.is_started
        worker.is_ready = report.is_ready
        worker.is_done = report.is_done
        worker.length_seconds = report.length
        if report.counts and not worker.is_final:
            worker.counts = {name: counts.counts() for name, counts in report.counts.items()}
            worker.vus_busy = dict(report.vus_busy)
            worker.is_final = report.is_final
            worker.seconds_sent = report.seconds_sent
        if self._clock.is_started:
            self._membership.hear(index, self._clock.elapsed, is_ready=worker.is_ready)
        if worker.is_final:
            self._membership.leave(index)

    def _check_report(self, report: Report, now: float) -> None:
        latest = self._clock.elapsed + _AHEAD_SECONDS
        if report.sent > now:
            raise MessageError("sent: lies in the future")
        if report.length > latest:
            raise MessageError("length: longer than the run")
        for name, counts in report.counts.items():
            schedule = self._schedules.get(name)
            if schedule is None:
                raise MessageError("counts: a scenario that this run does not have")
            if counts.at > latest or counts.started + counts.dropped > schedule.total:
                raise MessageError("counts: more than the schedule has")
            if counts.completed + counts.interrupted > counts.started or counts.dropped_late > counts.dropped:
                raise MessageError("counts: do not add up")

    def accept_second(self, index: int, measured: SecondMeasured) -> None:
        """Merge one second of a worker. A repeated message is ignored, a missing one is logged.

        Raises:
            MessageError: it is impossible; nothing of it is used.
        """
        worker = self._workers[index]
        if measured.second > self._clock.elapsed + _AHEAD_SECONDS:
            raise MessageError("second: lies in the future")
        cells = self._seconds.decode(measured)
        if measured.number != worker.seconds_received:
            logger.warning(
                "%s: second %d arrived where %d was expected",
                worker.name,
                measured.number,
                worker.seconds_received,
            )
        if measured.number < worker.seconds_received:
            return
        worker.seconds_received += 1
        worker.add_cpu(measured.cpu)
        for name, _, sink in cells:
            if name == "start_lag" and isinstance(sink, TrendSink):
                worker.start_lag.merge(sink)
        self._seconds.add(measured.second, cells)

    # Starting, granting, stopping.

    def start(self, at: float) -> None:
        """Begin the first epoch, with the live workers as its members."""
        members = [worker.index for worker in self.live_workers()]
        for index in members:
            self._membership.hear(index, 0.0, is_ready=True)
        self._membership.begin(members)

    def advance(self) -> tuple[int, ...] | None:
        """Renew the grant. Before that, begin a new epoch if the live workers are not those of the last one.

        Returns:
            The members of the new epoch, if one was begun.
        """
        if not self._membership.advance(self._clock.elapsed):
            return None
        return self._membership.epochs[-1].members

    @property
    def second_zero(self) -> float:
        """Second 0 of the run on the master's monotonic clock; ``RuntimeError`` before the start."""
        return self._clock.second_zero

    @property
    def last_epoch_start(self) -> float:
        """The second of the run at which the last epoch begins."""
        return self._membership.epochs[-1].start

    def beat_for(self, worker: RemoteWorker, run_id: str, *, is_granting: bool) -> Beat:
        """Return the next beat for a worker, with a grant if the run is going."""
        sent = time.monotonic()
        if not is_granting:
            return Beat(run_id, sent)
        known = self._membership.version
        epochs = encode_epochs(self._membership.epochs) if worker.epochs_known != known else None
        return Beat(run_id, sent, self._membership.granted_until, known, epochs)

    def stop(self) -> None:
        """Record when the run stopped. ``WorkerFleet`` tells the workers."""
        self._stopped_at = self._clock.elapsed

    # Progress.

    @property
    def is_done(self) -> bool:
        """Whether every schedule is over and every iteration of a live worker has ended."""
        ends_at = max(
            options.start_time + self._schedules[name].duration
            for name, options in self._profile.scenarios.items()
        )
        return (
            self._clock.is_started
            and self._clock.elapsed >= ends_at
            and all(worker.is_done for worker in self.live_workers())
        )

    @property
    def length_seconds(self) -> float:
        """Seconds from second 0 to the last answer of the worker that ended last."""
        return max((worker.length_seconds for worker in self._workers.values()), default=0.0)

    @property
    def start_skew_seconds(self) -> float:
        """By how much the workers' clocks may differ: the greatest error of those that took part."""
        errors = [worker.offset.error_seconds for worker in self._workers.values() if worker.counts]
        return max(errors, default=0.0)

    def grow_pools(self) -> None:
        """Add VUs to scenarios whose arrivals were dropped for want of one, up to their ``max_vus``."""
        for name, pool in self._pools.items():
            pool.grow(self._sum(name, "dropped") - self._sum(name, "dropped_late"))

    def vus(self, scenario: str) -> int:
        """Return how many VUs a scenario should have: at least one per worker, since each owns some."""
        return max(self._pools[scenario].size, len(self._workers))

    def progress(self) -> list[ScenarioProgress]:
        """Return the progress of each scenario, over the second that closed last."""
        return [self._progress_of(name) for name in self._profile.scenarios]

    def _progress_of(self, name: str) -> ScenarioProgress:
        elapsed = self._clock.elapsed - self._profile.scenarios[name].start_time
        return ScenarioProgress(
            name=name,
            elapsed=elapsed,
            duration=self._schedules[name].duration,
            actual_rate=sum(worker.rates.get(name, 0.0) for worker in self._workers.values()),
            scheduled_rate=self._schedules[name].rate_at(elapsed - 0.5),
            vus_busy=sum(worker.vus_busy.get(name, 0) for worker in self.live_workers()),
            vus=self._pools[name].size,
            started=self._sum(name, "started"),
            dropped=self._sum(name, "dropped"),
            failed=self._seconds.failed(name),
        )

    def _sum(self, scenario: str, count: str) -> int:
        return sum(
            getattr(worker.counts[scenario], count)
            for worker in self._workers.values()
            if scenario in worker.counts
        )

    # Seconds and the end.

    def sample_gauge(self, second: int, name: str, value: float) -> None:
        """Record a Gauge's value in a second that has just ended."""
        self._seconds.sample_gauge(second, name, value)

    def close_second(self, second: int, *, is_last: bool) -> Iterable[Row]:
        """Return the rows that should be complete by now; at the end, all rows that are left."""
        for worker in self._workers.values():
            worker.measure_rates()
        busy = sum(sum(worker.vus_busy.values()) for worker in self.live_workers())
        self.sample_gauge(second, "vus", busy)
        self.sample_gauge(second, "vus_max", self._vus_max)
        if second % _COLLECT_SECONDS == 0:
            # Each decoded histogram is a reference cycle of 200 KB. Python's collector alone comes too late.
            gc.collect()
        return self._seconds.close_rows(second, is_last=is_last)

    def ledgers(self) -> tuple[dict[str, Ledger], list[Lost]]:
        """Return the ledger of each scenario, and what each worker lost."""
        ledgers: dict[str, Ledger] = {}
        losses: list[Lost] = []
        for name, options in self._profile.scenarios.items():
            counts = {
                index: worker.counts[name] for index, worker in self._workers.items() if name in worker.counts
            }
            ledgers[name], lost = close_ledger(
                name,
                self._schedules[name],
                options.start_time,
                self._membership.epochs,
                counts,
                self._stopped_at,
            )
            losses += lost
        return ledgers, losses

    def generator_figures(self, cpu: CpuMeter) -> GeneratorFigures:
        """Return the lag of all workers, the CPU of the busiest, and this master's own."""
        busiest = max(self._workers.values(), key=lambda worker: worker.busyness, default=None)
        return GeneratorFigures.measured(
            start_lag=self._store.trend("start_lag"),
            cpu_percents=busiest.cpu if busiest else [],
            vus_max=self._vus_max,
            start_skew_ms=self.start_skew_seconds * 1000,
            master_cpu_average_percent=cpu.average,
        )

    def worker_reports(self, losses: Sequence[Lost]) -> list[WorkerReport]:
        """Return a report per worker, in the order of their indexes."""
        lost = dict.fromkeys(self._workers, 0)
        for loss in losses:
            lost[loss.worker] = lost.get(loss.worker, 0) + loss.lost
        return [self._workers[index].report(lost[index]) for index in sorted(self._workers)]

    @property
    def _vus_max(self) -> int:
        return sum(self.vus(scenario) for scenario in self._pools)
