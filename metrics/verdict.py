"""The generator's verdict on itself: whether a run's latencies can be trusted.

Late starts and busy seconds are judged by how many there were of how many. A percentile of few samples is
their maximum: a p99 of 40 starts would blame the generator for a single one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from metrics.beyond_chance import is_beyond_chance
from metrics.trend_sink import TrendSink, nearest_rank
from shapes.ledger import Ledger

START_LAG_LIMIT_MS = 10.0
"""A start later than this is late: the request waited in the generator, not in the server."""

LATE_SHARE = 0.01
"""The share of starts that may be late."""

CPU_LIMIT_PERCENT = 90.0
"""A second above this is busy: the generator's one core is its bottleneck."""

BUSY_SHARE = 0.05
"""The share of seconds that may be busy."""


@dataclass(frozen=True)
class GeneratorFigures:
    """What the generator did: start lag in milliseconds, CPU in percent of one core, VUs at the end.

    With workers: the lag of all, the CPU of the busiest, and by how much their clocks may differ.
    The counts are ``None`` in summaries that were written before there were any.
    """

    start_lag_p50_ms: float
    start_lag_p99_ms: float
    start_lag_max_ms: float
    cpu_average_percent: float
    cpu_p95_percent: float
    vus_max: int
    start_skew_ms: float = 0.0
    master_cpu_average_percent: float = 0.0
    starts: int | None = None
    starts_late: int | None = None
    cpu_seconds: int | None = None
    cpu_seconds_busy: int | None = None

    @classmethod
    def measured(
        cls,
        start_lag: TrendSink,
        cpu_percents: Sequence[float],
        vus_max: int,
        start_skew_ms: float = 0.0,
        master_cpu_average_percent: float = 0.0,
    ) -> GeneratorFigures:
        """Return the figures of these start lags and of one CPU reading per second."""
        return cls(
            start_lag_p50_ms=start_lag.percentile(50),
            start_lag_p99_ms=start_lag.percentile(99),
            start_lag_max_ms=start_lag.max,
            cpu_average_percent=sum(cpu_percents) / len(cpu_percents) if cpu_percents else 0.0,
            cpu_p95_percent=nearest_rank(sorted(cpu_percents), 95) if cpu_percents else 0.0,
            vus_max=vus_max,
            start_skew_ms=start_skew_ms,
            master_cpu_average_percent=master_cpu_average_percent,
            starts=start_lag.count,
            starts_late=start_lag.count_above(START_LAG_LIMIT_MS),
            cpu_seconds=len(cpu_percents),
            cpu_seconds_busy=sum(percent > CPU_LIMIT_PERCENT for percent in cpu_percents),
        )


@dataclass(frozen=True)
class WorkerReport:
    """What one worker did: its figures, its arrivals, and the reports that never reached the master."""

    name: str
    generator: GeneratorFigures
    started: int
    dropped: int
    lost: int
    reports: int
    reports_missing: int
    state: str


@dataclass(frozen=True)
class Verdict:
    """One plain line, and whether the generator kept the schedule."""

    kept_schedule: bool
    line: str


def late_starts(p99_ms: float, late: int | None, starts: int | None) -> str | None:
    """Return how many starts were late, in words, if that is more than chance explains.

    Without counts, as in older summaries, the percentile itself decides.
    """
    if late is None or starts is None:
        return f"p99 start lag {p99_ms:.1f} ms" if p99_ms > START_LAG_LIMIT_MS else None
    if not is_beyond_chance(late, starts, LATE_SHARE):
        return None
    return f"{late} of {starts} starts were more than {START_LAG_LIMIT_MS:g} ms late"


def busy_seconds(p95_percent: float, busy: int | None, seconds: int | None) -> str | None:
    """Return in how many seconds a core was busy, in words, if that is more than chance explains.

    Without counts, as in older summaries, the percentile itself decides.
    """
    if busy is None or seconds is None:
        return "busy" if p95_percent > CPU_LIMIT_PERCENT else None
    return f"busy in {busy} of {seconds} seconds" if is_beyond_chance(busy, seconds, BUSY_SHARE) else None


def judge(
    ledgers: Mapping[str, Ledger],
    generator: GeneratorFigures,
    vus_limits: Mapping[str, int],
    faults: Sequence[str],
    workers: Sequence[WorkerReport] = (),
) -> Verdict:
    """Return the verdict on a finished run.

    Args:
        ledgers: closed ledgers, by scenario.
        generator: what the generator did.
        vus_limits: max_vus by scenario.
        faults: what broke in the run itself, in words.
        workers: a report for each worker, if there are any; the one to blame is named.
    """
    due = sum(ledger.due for ledger in ledgers.values())
    reasons = [
        *faults,
        *(
            f"the ledger of {name} does not add up"
            for name, ledger in ledgers.items()
            if not ledger.is_closed
        ),
        *_missing_arrivals(due, ledgers, vus_limits, workers),
        *_slow_generator(generator, workers),
    ]
    cpu = f"CPU {generator.cpu_average_percent:.0f}%"
    if not due:
        return Verdict(
            not reasons, "; ".join(["Nothing was due: the run ended before its first arrival", *reasons])
        )
    if reasons:
        return Verdict(
            False,
            f"Generator did not keep the schedule: {'; '.join(reasons)}. "
            "The latencies of this run are not to be trusted.",
        )
    on_workers = f", {len(workers)} workers" if workers else ""
    figures = f"p99 start lag {generator.start_lag_p99_ms:.1f} ms, 0 dropped, {cpu}{on_workers}"
    return Verdict(True, f"Generator kept the schedule ({figures})")


def _missing_arrivals(
    due: int, ledgers: Mapping[str, Ledger], vus_limits: Mapping[str, int], workers: Sequence[WorkerReport]
) -> Iterator[str]:
    """Yield why arrivals did not start. More VUs help only against the first cause."""
    late = sum(ledger.dropped_late for ledger in ledgers.values())
    without_vu = sum(ledger.dropped for ledger in ledgers.values()) - late
    lost = sum(ledger.lost for ledger in ledgers.values())
    if without_vu:
        short = [name for name, ledger in ledgers.items() if ledger.dropped > ledger.dropped_late]
        limits = ", ".join(f"{name} has max_vus {vus_limits[name]}" for name in short)
        yield f"{without_vu} of {due} arrivals dropped for want of an idle VU ({limits})"
    if late:
        yield f"{late} of {due} arrivals dropped because the generator stood still"
    if lost:
        losers = ", ".join(f"{worker.name} {worker.lost}" for worker in workers if worker.lost)
        yield f"{lost} of {due} arrivals lost" + (f" ({losers})" if losers else "")


def _slow_generator(generator: GeneratorFigures, workers: Sequence[WorkerReport]) -> Iterator[str]:
    late = late_starts(generator.start_lag_p99_ms, generator.starts_late, generator.starts)
    if late:
        slowest = max(workers, key=_lateness, default=None)
        lag = f"p99 start lag {generator.start_lag_p99_ms:.1f} ms"
        figures = [] if late == lag else [lag]
        if slowest:
            figures.append(f"{slowest.name} {slowest.generator.start_lag_p99_ms:.1f} ms")
        yield f"{late} ({', '.join(figures)})" if figures else late
    busy = busy_seconds(generator.cpu_p95_percent, generator.cpu_seconds_busy, generator.cpu_seconds)
    if busy:
        busiest = max(workers, key=_busyness, default=None)
        whose = f"the core of {busiest.name}" if busiest else "its core"
        cpu = f"CPU {generator.cpu_average_percent:.0f}%"
        yield f"{whose} was {busy} ({cpu}, p95 of seconds {generator.cpu_p95_percent:.0f}%)"


def _lateness(worker: WorkerReport) -> tuple[int, float]:
    """Order workers by how many of their starts were late, then by start lag."""
    return worker.generator.starts_late or 0, worker.generator.start_lag_p99_ms


def _busyness(worker: WorkerReport) -> tuple[int, float]:
    """Order workers by how many of their seconds were busy, then by CPU."""
    return worker.generator.cpu_seconds_busy or 0, worker.generator.cpu_p95_percent
