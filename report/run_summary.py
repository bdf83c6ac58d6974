"""What ``summary.json`` says of a finished run, with every entry checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metrics.delivery_figures import DELIVERY_COLUMNS
from report.json_object import JsonObject

LONGEST_SECONDS = 1_000_000
"""Eleven days. A run that claims more is damaged, and would ask for lists of that length."""

TREND_STATS = ("min", "med", "p(90)", "p(95)", "p(99)", "max")
"""What a report shows of a Trend, in rising order."""


@dataclass(frozen=True)
class TrendFigures:
    """How many values a Trend has, its ``TREND_STATS`` and its average in milliseconds.

    The average is ``None`` where the run was killed before it could say.
    """

    count: int
    stats: Mapping[str, float]
    avg: float | None = None


@dataclass(frozen=True)
class JudgedThreshold:
    """A threshold as the run judged it; ``figures`` are the metric's."""

    metric: str
    source: str
    passed: bool
    has_no_samples: bool
    figures: Mapping[str, float]


@dataclass(frozen=True)
class WorkerFigures:
    """What one worker did; start lag in milliseconds, CPU in percent of one core."""

    name: str
    started: int
    dropped: int
    lost: int
    start_lag_p99_ms: float
    cpu_p95_percent: float
    reports_missing: int
    state: str


@dataclass(frozen=True)
class LostPart:
    """Arrivals lost in an interval, in seconds of the run; ``worker`` is -1 if there was none."""

    worker: int
    scenario: str
    since: float
    until: float
    lost: int
    maybe_sent: int


@dataclass(frozen=True)
class GeneratorCondition:
    """What the generator said of itself; ``None`` for what an older version did not record."""

    start_lag_p99_ms: float | None = None
    cpu_p95_percent: float | None = None
    start_skew_ms: float = 0.0
    starts: int | None = None
    starts_late: int | None = None
    cpu_seconds: int | None = None
    cpu_seconds_busy: int | None = None


@dataclass(frozen=True)
class RunSummary:
    """A run's summary. Metrics go by selector, ledgers by scenario; shares are counts of two.

    ``deliveries`` is the ledger of delivery, empty for a run that put nothing into a queue; the line says how
    the queue did, and ``drain_seconds`` how long the queue took after its peak, if it was drained.
    """

    run_id: str
    seconds: float
    ended_by: str | None
    trends: Mapping[str, TrendFigures]
    rates: Mapping[str, tuple[int, int]]
    counters: Mapping[str, int]
    thresholds: Sequence[JudgedThreshold]
    ledgers: Mapping[str, Mapping[str, int]]
    errors_by_kind: Mapping[str, int] | None
    generator: GeneratorCondition
    kept_schedule: bool
    verdict: str
    workers: Sequence[WorkerFigures]
    lost_parts: Sequence[LostPart]
    queue_reads_failed: int
    deliveries: Mapping[str, int]
    delivery_line: str
    drain_seconds: float | None
    target: str
    is_standin: bool
    time_scale: float
    scenarios: Any


def summary_from_json(value: object) -> RunSummary:
    """Return the summary; ``ValueError`` names the entry that is missing or not as expected."""
    if not isinstance(value, dict) or not isinstance(value.get("metrics"), dict):
        raise ValueError("it has no metrics")
    data = JsonObject(value)
    run, verdict = data.child("run"), data.child("verdict")
    metrics, figures = data.child("metrics"), {}
    for name in metrics:
        stats = metrics.child(name)
        figures[name] = {stat: stats.number(stat) for stat in stats if stat != "thresholds"}
    ledgers = data.child("ledger")
    counted = {scenario: _counts(ledgers.child(scenario)) for scenario in ledgers}
    return RunSummary(
        run_id=run.text("id"),
        seconds=run.number("seconds", greatest=LONGEST_SECONDS),
        ended_by=run.text("ended_by") if "ended_by" in run else None,
        trends={
            name: TrendFigures(metrics.child(name).count("count"), _rising(name, stats), stats.get("avg"))
            for name, stats in figures.items()
            if stats.get("count") and all(stat in stats for stat in TREND_STATS)
        },
        rates={
            name: (metrics.child(name).count("passes"), metrics.child(name).count("fails"))
            for name, stats in figures.items()
            if stats.get("passes") or stats.get("fails")
        },
        counters={
            name: metrics.child(name).count("count")
            for name, stats in figures.items()
            if "count" in stats and "rate" in stats
        },
        thresholds=list(_thresholds(metrics, figures, run)),
        ledgers=counted,
        errors_by_kind=_counts(data.child("errors_by_kind")) if "errors_by_kind" in data else None,
        generator=_condition(data.child("generator", is_optional=True)),
        kept_schedule=verdict.flag("kept_schedule"),
        verdict=verdict.text("line"),
        workers=[_worker(worker) for worker in data.children("workers", is_optional=True)],
        lost_parts=[_lost_part(part) for part in data.children("lost", is_optional=True)],
        queue_reads_failed=data.child("queue", is_optional=True).count("failed", 0),
        deliveries=_delivery_counts(data.child("deliveries", is_optional=True)),
        delivery_line=data.child("deliveries", is_optional=True).text("line", ""),
        drain_seconds=_drain_seconds(data.child("deliveries", is_optional=True)),
        target=run.text("target", ""),
        is_standin=run.flag("is_standin", False),
        time_scale=run.child("arguments", is_optional=True).number("time_scale", 1.0),
        scenarios=run.child("profile", is_optional=True).raw("scenarios", {}),
    )


def _counts(data: JsonObject) -> dict[str, int]:
    return {name: data.count(name) for name in data}


def _delivery_counts(data: JsonObject) -> dict[str, int]:
    """Return the ledger of delivery; an empty one of a run that put nothing into a queue."""
    return {name: data.count(name) for name in DELIVERY_COLUMNS} if set(data) else {}


def _drain_seconds(deliveries: JsonObject) -> float | None:
    name = "drain_after_peak_seconds"
    return deliveries.number(name) if name in deliveries else None


def _rising(metric: str, stats: Mapping[str, float]) -> Mapping[str, float]:
    values = [stats[stat] for stat in TREND_STATS]
    if values != sorted(values):
        raise ValueError(f"{f'metrics.{metric}'!r}: percentiles that fall")
    return dict(zip(TREND_STATS, values, strict=True))


def _thresholds(
    metrics: JsonObject, figures: Mapping[str, Mapping[str, float]], run: JsonObject
) -> Iterable[JudgedThreshold]:
    without_samples = run.texts("thresholds_without_samples", is_optional=True)
    for metric, stats in figures.items():
        failed = metrics.child(metric).child("thresholds", is_optional=True)
        for source in failed:
            # Older summaries have no list of them. The count of nothing is 0, which is an answer.
            values = stats.get("count", stats.get("passes", 1.0) + stats.get("fails", 0.0))
            is_empty = not values and not source.startswith("count") and "rate" not in stats
            is_listed = f"{metric}: {source}" in without_samples
            yield JudgedThreshold(metric, source, not failed.flag(source), is_listed or is_empty, stats)


def _condition(data: JsonObject) -> GeneratorCondition:
    def count(name: str) -> int | None:
        return data.count(name) if name in data else None

    condition = GeneratorCondition(
        start_lag_p99_ms=data.number("start_lag_p99_ms") if "start_lag_p99_ms" in data else None,
        cpu_p95_percent=data.number("cpu_p95_percent") if "cpu_p95_percent" in data else None,
        start_skew_ms=data.number("start_skew_ms", 0.0),
        starts=count("starts"),
        starts_late=count("starts_late"),
        cpu_seconds=count("cpu_seconds"),
        cpu_seconds_busy=count("cpu_seconds_busy"),
    )
    for part, whole in (
        (condition.starts_late, condition.starts),
        (condition.cpu_seconds_busy, condition.cpu_seconds),
    ):
        if (part or 0) > (whole or 0):
            raise ValueError("'generator': more late starts or busy seconds than there were")
    return condition


def _worker(data: JsonObject) -> WorkerFigures:
    generator = data.child("generator")
    return WorkerFigures(
        name=data.text("name"),
        started=data.count("started"),
        dropped=data.count("dropped"),
        lost=data.count("lost"),
        start_lag_p99_ms=generator.number("start_lag_p99_ms"),
        cpu_p95_percent=generator.number("cpu_p95_percent"),
        reports_missing=data.count("reports_missing"),
        state=data.text("state"),
    )


def _lost_part(data: JsonObject) -> LostPart:
    return LostPart(
        worker=int(data.number("worker")),
        scenario=data.text("scenario"),
        since=data.number("since"),
        until=data.number("until"),
        lost=data.count("lost"),
        maybe_sent=data.count("maybe_sent"),
    )
