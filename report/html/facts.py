"""The figures of a run on which the report's findings and tables rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.errors import ConfigError
from report.html.plan import peak_rate
from report.html.series import counts, failures, gauge, sums
from report.html.thresholds import Threshold, thresholds_of
from report.html.trends import TrendFigures, trends_of
from report.html.workers import LostPart, WorkerFigures, lost_parts_of, workers_of
from report.run_files import RunFiles


@dataclass(frozen=True)
class Arrivals:
    """The ledger of all scenarios together; ``dropped`` holds ``dropped_late``."""

    scheduled: int
    due: int
    started: int
    dropped: int
    dropped_late: int
    lost: int
    not_yet_due: int
    interrupted: int

    @property
    def dropped_without_vu(self) -> int:
        """Arrivals that no idle VU took in time."""
        return self.dropped - self.dropped_late


@dataclass(frozen=True)
class Backlog:
    """Messages that the queue's consumers had not delivered; ``failed`` readings of a page."""

    start: float
    peak: float
    end: float
    failed: int


@dataclass(frozen=True)
class Facts:
    """A run in figures: durations in milliseconds, rates per second, CPU in percent of one core.

    ``None`` where the run was killed before it could say.
    """

    is_complete: bool
    ended_by: str | None
    seconds: float
    requests: int
    failed: int
    errors_by_kind: Mapping[str, int]
    arrivals: Arrivals
    ledger: Mapping[str, Mapping[str, int]]
    trends: Mapping[str, TrendFigures]
    thresholds: Sequence[Threshold]
    start_lag_p99_ms: float | None
    cpu_p95_percent: float | None
    planned_peak: float
    reached_peak: int
    max_vus: Mapping[str, int]
    timeouts: Mapping[str, float]
    workers: Sequence[WorkerFigures]
    lost_parts: Sequence[LostPart]
    start_skew_ms: float
    backlog: Backlog | None = None


def facts_of(run: RunFiles) -> Facts:
    """The figures of a run: from its summary, or from its rows where it has none.

    Raises:
        ConfigError: the summary is damaged.
    """
    try:
        return _facts_of(run)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"summary.json of run {run.run_id}: damaged ({error!r})") from error


def _facts_of(run: RunFiles) -> Facts:
    summary = run.summary or {}
    last = max((row.second for row in run.rows), default=-1)
    seconds = float(summary["run"].get("seconds", last + 1)) if summary else float(last + 1)
    kinds = summary.get("errors_by_kind") if summary else None
    if kinds is None:
        kinds = {kind: found.total() for kind, found in failures(run.rows).items()}
    trends = trends_of(run)
    ledger = _ledger(run, seconds)
    generator = summary.get("generator", {})
    return Facts(
        is_complete=run.summary is not None,
        ended_by=summary["run"].get("ended_by") if summary else None,
        seconds=seconds,
        requests=sums(run.rows, "http_reqs").total(),
        failed=sum(kinds.values()),
        errors_by_kind=dict(sorted(kinds.items(), key=lambda one: -one[1])),
        arrivals=_total(ledger),
        ledger=ledger,
        trends=trends,
        thresholds=thresholds_of(run),
        start_lag_p99_ms=_start_lag_p99(generator, trends),
        cpu_p95_percent=generator.get("cpu_p95_percent"),
        planned_peak=peak_rate(run.scenarios),
        reached_peak=max(counts(run.rows, "start_lag").values(), default=0),
        max_vus={one.name: one.max_vus for one in run.scenarios},
        timeouts={one.name: one.timeout for one in run.scenarios},
        workers=workers_of(summary),
        lost_parts=lost_parts_of(summary),
        start_skew_ms=float(generator.get("start_skew_ms", 0.0)),
        backlog=_backlog(run, summary.get("queue") or {}),
    )


def _backlog(run: RunFiles, queue: Mapping[str, Any]) -> Backlog | None:
    values = list(gauge(run.rows, "queue_backlog").values())
    if not values:
        return None
    return Backlog(values[0], max(values), values[-1], int(queue.get("failed", 0)))


def _start_lag_p99(generator: Mapping[str, Any], trends: Mapping[str, TrendFigures]) -> float | None:
    if "start_lag_p99_ms" in generator:
        return float(generator["start_lag_p99_ms"])
    return trends["start_lag"].stats["p(99)"] if "start_lag" in trends else None


def _ledger(run: RunFiles, seconds: float) -> Mapping[str, Mapping[str, int]]:
    if run.summary is not None:
        return run.summary["ledger"]  # type: ignore[no-any-return]
    found = {}
    for one in run.scenarios:
        rows = [row for row in run.rows if row.scenario == one.name]
        due = one.due_by(seconds)
        found[one.name] = {
            "scheduled": one.schedule.total,
            "due": due,
            "started": counts(rows, "start_lag").total(),
            "dropped": sums(rows, "dropped_iterations").total(),
            "not_yet_due": one.schedule.total - due,
            "completed": sums(rows, "iterations").total(),
        }
    return found


def _total(ledger: Mapping[str, Mapping[str, int]]) -> Arrivals:
    names = Arrivals.__dataclass_fields__
    return Arrivals(**{name: sum(one.get(name, 0) for one in ledger.values()) for name in names})
