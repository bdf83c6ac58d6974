"""The generator's verdict on itself: whether a run's latencies can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shapes.ledger import Ledger

START_LAG_LIMIT_MS = 10.0
"""A p99 start lag above this is time that requests waited in the generator, not in the server."""

CPU_LIMIT_PERCENT = 90.0
"""Above this for more than one second in twenty, the generator's one core is the bottleneck."""


@dataclass(frozen=True)
class GeneratorFigures:
    """What the generator did: start lag in milliseconds, CPU in percent of one core, VUs at the end.

    With workers: the lag of all, the CPU of the busiest, and by how much their clocks may differ.
    """

    start_lag_p50_ms: float
    start_lag_p99_ms: float
    start_lag_max_ms: float
    cpu_average_percent: float
    cpu_p95_percent: float
    vus_max: int
    start_skew_ms: float = 0.0
    master_cpu_average_percent: float = 0.0


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


def judge(
    ledgers: Mapping[str, Ledger],
    generator: GeneratorFigures,
    vus_limits: Mapping[str, int],
    faults: Sequence[str],
    workers: Sequence[WorkerReport] = (),
) -> Verdict:
    """Judge a finished run.

    Args:
        ledgers: by scenario, closed.
        generator: its figures.
        vus_limits: max_vus by scenario.
        faults: what broke in the run itself, in words.
        workers: a part for each, where there are any; the one to blame is named.
    """
    due = sum(ledger.due for ledger in ledgers.values())
    late = sum(ledger.dropped_late for ledger in ledgers.values())
    dropped = sum(ledger.dropped for ledger in ledgers.values()) - late
    lost = sum(ledger.lost for ledger in ledgers.values())
    cpu = f"CPU {generator.cpu_average_percent:.0f}%"
    reasons = list(faults)
    reasons += [
        f"the ledger of {name} does not add up" for name, ledger in ledgers.items() if not ledger.is_closed
    ]
    if dropped:
        short = [name for name, ledger in ledgers.items() if ledger.dropped > ledger.dropped_late]
        limits = ", ".join(f"{name} has max_vus {vus_limits[name]}" for name in short)
        reasons.append(f"{dropped} of {due} arrivals dropped for want of an idle VU ({limits})")
    if late:
        reasons.append(f"{late} of {due} arrivals dropped because the generator stood still")
    if lost:
        losers = ", ".join(f"{one.name} {one.lost}" for one in workers if one.lost)
        reasons.append(f"{lost} of {due} arrivals lost" + (f" ({losers})" if losers else ""))
    if generator.start_lag_p99_ms > START_LAG_LIMIT_MS:
        slowest = max(workers, key=lambda one: one.generator.start_lag_p99_ms, default=None)
        reasons.append(
            f"p99 start lag {generator.start_lag_p99_ms:.1f} ms"
            + (f" ({slowest.name} {slowest.generator.start_lag_p99_ms:.1f} ms)" if slowest else "")
        )
    if generator.cpu_p95_percent > CPU_LIMIT_PERCENT:
        busiest = max(workers, key=lambda one: one.generator.cpu_p95_percent, default=None)
        whose = f"the core of {busiest.name}" if busiest else "its core"
        reasons.append(f"{whose} was busy ({cpu}, p95 of seconds {generator.cpu_p95_percent:.0f}%)")
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
