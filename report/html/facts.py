"""The figures of a run on which the report's findings, tables and charts rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from config.threshold_grammar import parse_expression
from metrics.verdict import START_LAG_LIMIT_MS
from report.html.series import SENT, Weighted, counts, failures, gauge, sums, surely_above, upper_bounds
from report.rows import Row
from report.run_folder import RunFolder, RunSettings
from report.run_summary import (
    TREND_STATS,
    GeneratorCondition,
    LostPart,
    RunSummary,
    TrendFigures,
    WorkerFigures,
)
from report.scenarios import peak_rate


@dataclass(frozen=True)
class RunFiles:
    """A run's files as read; ``summary`` is ``None`` for a run that was killed before its end."""

    settings: RunSettings
    summary: RunSummary | None
    rows: Sequence[Row]


@dataclass(frozen=True)
class Threshold:
    """A threshold: its metric, its text, what was measured and of how many values.

    ``passed`` is ``None`` where nobody judged it; ``measured`` where the summary does not have it.
    """

    metric: str
    source: str
    passed: bool | None
    measured: float | None
    count: int | None
    percentile: float | None
    bound: float
    has_no_samples: bool = False


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

    ``None`` where the run was killed before it could say. ``requests`` counts messages too, where the run put
    such into a queue: ``messages`` is their number, ``deliveries`` what became of them, and ``delivery_line``
    how the queue did.
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
    deliveries: Mapping[str, int] | None = None
    messages: int = 0
    delivery_line: str = ""
    oldest_age_ms: float | None = None
    drain_seconds: float | None = None
    starts: int | None = None
    starts_late: int | None = None
    cpu_seconds: int | None = None
    cpu_seconds_busy: int | None = None

    @property
    def sends_messages_only(self) -> bool:
        """Whether the run put all of its load into a queue, and sent no requests itself."""
        return 0 < self.messages == self.requests


def read_run_files(path: Path) -> RunFiles:
    """Read what the report needs of a run's folder.

    Raises:
        ConfigError: no such folder, or a file missing or damaged; the file is named.
    """
    folder = RunFolder(path)
    settings = folder.settings()
    return RunFiles(settings, folder.summary() if folder.has_summary else None, folder.rows())


def facts_of(run: RunFiles) -> Facts:
    """Return the figures of a run: from its summary, or from its rows if it has none."""
    summary, scenarios = run.summary, run.settings.scenarios
    seconds = float(max((row.second for row in run.rows), default=-1) + 1)
    kinds = summary.errors_by_kind if summary else None
    if kinds is None:
        kinds = {kind: found.total() for kind, found in failures(run.rows).items()}
    trends = _trends(run)
    ledger = summary.ledgers if summary else _counted_ledger(run, seconds)
    generator = _generator(run, trends)
    return Facts(
        is_complete=summary is not None,
        ended_by=summary.ended_by if summary else None,
        seconds=summary.seconds if summary else seconds,
        requests=sum(sums(run.rows, metric).total() for metric in SENT),
        failed=sum(kinds.values()),
        errors_by_kind=dict(sorted(kinds.items(), key=lambda item: -item[1])),
        arrivals=_total(ledger),
        ledger=ledger,
        trends=trends,
        thresholds=_thresholds(run),
        start_lag_p99_ms=generator.start_lag_p99_ms,
        cpu_p95_percent=generator.cpu_p95_percent,
        planned_peak=peak_rate(scenarios),
        reached_peak=max(counts(run.rows, "start_lag").values(), default=0),
        max_vus={scenario.name: scenario.max_vus for scenario in scenarios},
        timeouts={scenario.name: scenario.timeout for scenario in scenarios},
        workers=summary.workers if summary else (),
        lost_parts=summary.lost_parts if summary else (),
        start_skew_ms=generator.start_skew_ms,
        backlog=_backlog(run),
        deliveries=(summary.deliveries or None) if summary else None,
        messages=sums(run.rows, "produced_messages").total(),
        delivery_line=summary.delivery_line if summary else "",
        oldest_age_ms=max(gauge(run.rows, "queue_oldest_age").values(), default=None),
        drain_seconds=summary.drain_seconds if summary else None,
        starts=generator.starts,
        starts_late=generator.starts_late,
        cpu_seconds=generator.cpu_seconds,
        cpu_seconds_busy=generator.cpu_seconds_busy,
    )


def latency_metrics(trends: Mapping[str, TrendFigures]) -> list[str]:
    """Return the Trends that say how long answers took: by kind of request, else of all requests."""
    others = ("http_req_duration", "iteration_duration")
    by_kind = [name for name in trends if name.endswith("_duration") and name not in others]
    return sorted(by_kind) or [name for name in others[:1] if name in trends]


def _backlog(run: RunFiles) -> Backlog | None:
    values = list(gauge(run.rows, "queue_backlog").values())
    if not values:
        return None
    failed = run.summary.queue_reads_failed if run.summary else 0
    return Backlog(values[0], max(values), values[-1], failed)


def _generator(run: RunFiles, trends: Mapping[str, TrendFigures]) -> GeneratorCondition:
    """Return what the generator said of itself; of a killed run, what its rows prove."""
    if run.summary is not None:
        return run.summary.generator
    if "start_lag" not in trends:
        return GeneratorCondition()
    lag = trends["start_lag"]
    late = surely_above(run.rows, "start_lag", START_LAG_LIMIT_MS)
    return GeneratorCondition(lag.stats["p(99)"], starts=lag.count, starts_late=late)


def _trends(run: RunFiles) -> Mapping[str, TrendFigures]:
    """Return all Trends of a run by metric: from its summary, else upper bounds from its rows."""
    if run.summary is not None:
        return run.summary.trends
    parts: dict[str, list[Weighted]] = defaultdict(list)
    for row in run.rows:
        if row.trend is not None and row.count:
            parts[row.metric].append((row.count, row.trend))
    return {name: _pooled(rows) for name, rows in parts.items()}


def _pooled(rows: list[Weighted]) -> TrendFigures:
    values = upper_bounds(rows, (50, 90, 95, 99, 100))
    least = min(points.min for _, points in rows)
    stats = dict(zip(TREND_STATS, (least, *values), strict=True))
    return TrendFigures(sum(count for count, _ in rows), stats)


def _thresholds(run: RunFiles) -> list[Threshold]:
    """Return a run's thresholds; those of the profile, not judged, if the run has no summary."""
    if run.summary is None:
        return [_threshold(metric, source, {}) for metric, source in run.settings.thresholds]
    return [
        replace(
            _threshold(judged.metric, judged.source, judged.figures),
            passed=judged.passed,
            has_no_samples=judged.has_no_samples,
        )
        for judged in run.summary.thresholds
    ]


def _threshold(metric: str, source: str, figures: Mapping[str, float]) -> Threshold:
    expression = parse_expression(source)
    name = expression.aggregation
    measured = figures.get("value") if name == "rate" and "passes" in figures else figures.get(name)
    count = figures.get("count")
    if "passes" in figures:
        count = figures["passes"] + figures.get("fails", 0)
    whole = None if count is None else int(count)
    return Threshold(metric, source, None, measured, whole, expression.percentile, expression.bound)


def _counted_ledger(run: RunFiles, seconds: float) -> Mapping[str, Mapping[str, int]]:
    found = {}
    for scenario in run.settings.scenarios:
        rows = [row for row in run.rows if row.scenario == scenario.name]
        due = scenario.due_by(seconds)
        found[scenario.name] = {
            "scheduled": scenario.schedule.total,
            "due": due,
            "started": counts(rows, "start_lag").total(),
            "dropped": sums(rows, "dropped_iterations").total(),
            "not_yet_due": scenario.schedule.total - due,
            "completed": sums(rows, "iterations").total(),
        }
    return found


def _total(ledger: Mapping[str, Mapping[str, int]]) -> Arrivals:
    names = Arrivals.__dataclass_fields__
    return Arrivals(**{name: sum(account.get(name, 0) for account in ledger.values()) for name in names})
