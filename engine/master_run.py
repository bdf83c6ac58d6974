"""A run whose VUs are on workers: the master's side of it, which owns no arrival and adds up everything."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.cluster.membership import SILENCE_SECONDS, Membership
from engine.cluster.time_sync import ClockOffset
from engine.cluster.wire import decode_cell
from metrics.catalog import CATALOG, Tags
from metrics.output import Output
from metrics.progress import ScenarioProgress
from metrics.sinks import AnySink, GaugeSink, RateSink, TrendSink, merge
from metrics.store import MergedCell
from metrics.verdict import GeneratorFigures, WorkerReport
from run.base_run import BaseRun
from run.generator import percentile_of
from run.outputs import join_worker_outputs
from run.preparation import Preparation
from shapes.accounts import Counts, Lost, close_ledger
from shapes.ledger import Ledger
from shapes.vu_pool import VuPool
from users.scenario import schedule_of

logger = logging.getLogger("customerio_load")

_COLLECT_SECONDS = 10

# A second's row is written this much later, when the workers' reports of it are in.
_ROW_DELAY_SECONDS = 2


@dataclass
class RemoteWorker:
    """What the master knows of one worker in one run; times are of the master's monotonic clock."""

    index: int
    name: str
    offset: ClockOffset = field(default_factory=ClockOffset)
    is_started: bool = False
    is_ready: bool = False
    is_done: bool = False
    is_final: bool = False
    length: float = 0.0
    version: int = 0
    heard_at: float = field(default_factory=time.monotonic)
    counts: dict[str, Counts] = field(default_factory=dict)
    vus_busy: dict[str, int] = field(default_factory=dict)
    cpu: list[float] = field(default_factory=list)
    start_lag: TrendSink = field(default_factory=TrendSink)
    reports: int = 0
    reports_sent: int = 0


class MasterRun(BaseRun):
    """The run as the master keeps it: who owns what, what was counted, what was measured.

    Args:
        run_id: of the run.
        folder: where its files go; it exists.
        preparation: profile, target and arguments.
        record: what the summary says the run ran with; no secrets.
        outputs: where its samples go.
    """

    def __init__(
        self,
        run_id: str,
        folder: Path,
        preparation: Preparation,
        record: Mapping[str, Any],
        outputs: Sequence[Output],
    ) -> None:
        super().__init__(run_id, folder, preparation, record, outputs)
        self._preparation = preparation
        self.membership = Membership()
        self.workers: dict[int, RemoteWorker] = {}
        self._schedules = {name: schedule_of(one) for name, one in self.profile.scenarios.items()}
        self._pools = {
            name: VuPool(one.pre_allocated_vus, one.max_vus) for name, one in self.profile.scenarios.items()
        }
        self._counts_before: dict[int, dict[str, Counts]] = {}
        self._open_rows: dict[int, dict[tuple[str, Tags], AnySink]] = {}
        self._stopped_at = 0.0
        self._next_row = 0

    # Workers.

    def hear(self, worker: RemoteWorker, report: Mapping[str, Any]) -> None:
        """Take in a worker's answer to a beat."""
        now = time.monotonic()
        worker.heard_at = now
        worker.offset.add(report["sent"], report["now"], now)
        worker.version = report["version"]
        worker.is_started = report["is_started"]
        worker.is_ready = report["is_ready"]
        worker.is_done = report["is_done"]
        worker.length = report["length"]
        if report["counts"] and not worker.is_final:
            worker.counts = {name: Counts(**one) for name, one in report["counts"].items()}
            worker.vus_busy = dict(report["vus_busy"])
            worker.is_final = report["is_final"]
            worker.reports_sent = report["reports_sent"]
        if self.is_started:
            self.membership.hear(worker.index, self.elapsed, is_ready=worker.is_ready)
        if worker.is_final:
            self.membership.leave(worker.index)

    def take_metrics(self, worker: RemoteWorker, report: Mapping[str, Any]) -> None:
        """Merge one second of a worker. A report that comes twice counts once; a missing one shows."""
        number = report["number"]
        if number != worker.reports:
            logger.warning("%s: report %d came where %d was due", worker.name, number, worker.reports)
        if number < worker.reports:
            return
        worker.reports += 1
        worker.cpu.append(report["cpu"])
        row = self._open_rows.setdefault(max(report["second"], self._next_row), {})
        for data in report["cells"]:
            name, cell_tags, sink = decode_cell(data)
            self.store.merge(name, cell_tags, sink)
            if name == "start_lag" and isinstance(sink, TrendSink):
                worker.start_lag.merge(sink)
            if name == "errors" and isinstance(sink, RateSink):
                self._failed[dict(cell_tags)["scenario"]] += sink.passes
            if (name, cell_tags) in row:
                merge(row[name, cell_tags], sink)
            else:
                row[name, cell_tags] = sink

    def silent_for(self, worker: RemoteWorker) -> float:
        """Seconds since a worker was heard."""
        return time.monotonic() - worker.heard_at

    def live_workers(self) -> list[RemoteWorker]:
        """Those that were heard within ``SILENCE_SECONDS`` and have not ended."""
        return [
            one
            for one in self.workers.values()
            if not one.is_final and self.silent_for(one) <= SILENCE_SECONDS
        ]

    @property
    def start_skew_seconds(self) -> float:
        """By how much the workers' clocks may differ: the greatest error of those that took part."""
        errors = [one.offset.error_seconds for one in self.workers.values() if one.counts]
        return max(errors, default=0.0)

    # The run.

    def start_clocks(self, started_at: float) -> None:
        """Let second 0 of the run be this monotonic instant, with the workers that are there."""
        self._started_at = started_at
        self._started_unix = time.time() + started_at - time.monotonic()
        members = [one.index for one in self.live_workers()]
        for index in members:
            self.membership.hear(index, 0.0, is_ready=True)
        self.membership.begin(members)

    @property
    def length(self) -> float:
        return max((one.length for one in self.workers.values()), default=0.0)

    @property
    def is_done(self) -> bool:
        live = self.live_workers()
        ends_at = max(
            one.start_time + self._schedules[name].duration for name, one in self.profile.scenarios.items()
        )
        return self.is_started and self.elapsed >= ends_at and all(one.is_done for one in live)

    def vus_wanted(self, scenario: str) -> int:
        pool = self._pools[scenario]
        if self.is_started:
            pool.grow(self._sum(scenario, "dropped") - self._sum(scenario, "dropped_late"))
        return self._vus_given(scenario)

    def progress(self) -> list[ScenarioProgress]:
        shown = []
        for name, options in self.profile.scenarios.items():
            elapsed = self.elapsed - options.start_time
            shown.append(
                ScenarioProgress(
                    name=name,
                    elapsed=elapsed,
                    duration=self._schedules[name].duration,
                    actual_rate=sum(self._rate_of(one, name) for one in self.workers.values()),
                    scheduled_rate=self._schedules[name].rate_at(elapsed - 0.5),
                    vus_busy=sum(one.vus_busy.get(name, 0) for one in self.live_workers()),
                    vus=self._pools[name].size,
                    started=self._sum(name, "started"),
                    dropped=self._sum(name, "dropped"),
                    failed=self._failed[name],
                )
            )
        self._counts_before = {one.index: one.counts for one in self.workers.values()}
        return shown

    def _rate_of(self, worker: RemoteWorker, scenario: str) -> float:
        """Arrivals/s since the last look, by the worker's own clock: its reports are not a second apart."""
        now = worker.counts.get(scenario)
        before = self._counts_before.get(worker.index, {}).get(scenario, Counts(at=0.0))
        if now is None or now.at <= before.at:
            return 0.0
        return (now.started - before.started) / (now.at - before.at)

    def _sum(self, scenario: str, what: str) -> int:
        return sum(
            getattr(one.counts[scenario], what) for one in self.workers.values() if scenario in one.counts
        )

    def _stop_clocks(self) -> None:
        self._stopped_at = self.elapsed

    def _rows(self, second: int) -> Iterator[tuple[int, Sequence[MergedCell]]]:
        """The row that should be complete by now; at the end, all that are left."""
        self._sample_vus(second)
        if second % _COLLECT_SECONDS == 0:
            # Each decoded histogram is a cycle of 200 KB; left to the collector's own pace they pile up.
            gc.collect()
        complete = second - _ROW_DELAY_SECONDS
        if self._no_more_seconds.is_set():
            complete = max(self._open_rows, default=-1)
        while self._next_row <= complete:
            row = self._open_rows.pop(self._next_row, {})
            yield (
                self._next_row,
                [MergedCell(CATALOG[name], tags, sink) for (name, tags), sink in row.items()],
            )
            self._next_row += 1

    def _sample_vus(self, second: int) -> None:
        busy = sum(sum(one.vus_busy.values()) for one in self.live_workers())
        self._sample_gauge(second, "vus", busy)
        given = sum(self._vus_given(scenario) for scenario in self._pools)
        self._sample_gauge(second, "vus_max", given)

    def _sample_gauge(self, second: int, name: str, value: float) -> None:
        gauge = GaugeSink()
        gauge.add_all([value])
        self.store.merge(name, (), gauge)
        row = self._open_rows.setdefault(max(second, self._next_row), {})
        row[name, ()] = gauge

    def _vus_given(self, scenario: str) -> int:
        """The VUs that a scenario has been given: every worker owns arrivals of it, and needs one."""
        return max(self._pools[scenario].size, len(self.workers))

    def _ledgers(self) -> tuple[dict[str, Ledger], list[Lost]]:
        ledgers: dict[str, Ledger] = {}
        losses: list[Lost] = []
        for name, options in self.profile.scenarios.items():
            counts = {one.index: one.counts[name] for one in self.workers.values() if name in one.counts}
            ledgers[name], lost = close_ledger(
                name,
                self._schedules[name],
                options.start_time,
                self.membership.epochs,
                counts,
                self._stopped_at,
            )
            losses += lost
        return ledgers, losses

    def _generator_figures(self) -> GeneratorFigures:
        lag = self.store.trend("start_lag")
        busiest = max(self.workers.values(), key=lambda one: percentile_of(one.cpu, 95), default=None)
        cpu = busiest.cpu if busiest else []
        return GeneratorFigures(
            start_lag_p50_ms=lag.percentile(50),
            start_lag_p99_ms=lag.percentile(99),
            start_lag_max_ms=lag.max,
            cpu_average_percent=sum(cpu) / len(cpu) if cpu else 0.0,
            cpu_p95_percent=percentile_of(cpu, 95),
            vus_max=sum(self._vus_given(scenario) for scenario in self._pools),
            start_skew_ms=self.start_skew_seconds * 1000,
            master_cpu_average_percent=self._cpu.average,
        )

    def _stop_outputs(self) -> None:
        super()._stop_outputs()
        try:
            note = join_worker_outputs(self._preparation, self.folder, len(self.workers))
        except OSError as error:
            self.fault(f"the workers' files could not be joined: {error.strerror}")
            return
        if note is not None:
            self._notes.append(note)

    def _worker_reports(self, losses: Sequence[Lost]) -> list[WorkerReport]:
        return [self._report_of(worker, losses) for worker in sorted(self.workers.values(), key=_index)]

    def _report_of(self, worker: RemoteWorker, losses: Sequence[Lost]) -> WorkerReport:
        lag = worker.start_lag
        return WorkerReport(
            name=worker.name,
            generator=GeneratorFigures(
                start_lag_p50_ms=lag.percentile(50),
                start_lag_p99_ms=lag.percentile(99),
                start_lag_max_ms=lag.max,
                cpu_average_percent=sum(worker.cpu) / len(worker.cpu) if worker.cpu else 0.0,
                cpu_p95_percent=percentile_of(worker.cpu, 95),
                vus_max=0,
                start_skew_ms=worker.offset.error_seconds * 1000 if worker.offset.samples else 0.0,
            ),
            started=sum(one.started for one in worker.counts.values()),
            dropped=sum(one.dropped for one in worker.counts.values()),
            lost=sum(one.lost for one in losses if one.worker == worker.index),
            reports=worker.reports,
            reports_missing=max(0, worker.reports_sent - worker.reports),
            state="ended in order" if worker.is_final else f"silent for {self.silent_for(worker):.1f} s",
        )


def _index(worker: RemoteWorker) -> int:
    return worker.index
