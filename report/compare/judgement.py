"""Compares two runs row by row and says which differences are more than noise."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from config.errors import ConfigError
from report.compare.intervals import (
    FEWEST_SECONDS,
    Estimate,
    difference,
    percentile_of_independent,
    share_estimates,
)
from report.compare.reading import ComparedRun, TrendSeries
from report.compare.sections import percentile_change

PERCENTILES = (50, 95, 99)
RATES = ("errors", "http_req_failed")
SMALLEST_LATENCY_CHANGE_PERCENT = 2.0
"""Less than this is not called a difference, however narrow the intervals: nobody would act on it."""
SMALLEST_ERROR_CHANGE_POINTS = 0.1
"""The same for error rates, in percentage points."""

# The pause of a scenario is most of an iteration; it is not the server's.
_NOT_LATENCIES = ("iteration_duration", "start_lag")


class RowFinding(StrEnum):
    """What can be said of a row, B against A."""

    SAME = "no difference beyond noise"
    BETTER = "better"
    WORSE = "worse"
    REGRESSION = "regression"
    UNKNOWN = "too few values to tell"


@dataclass(frozen=True)
class Limits:
    """How much worse a figure may get before it is a regression; without limit if ``None``.

    ``latency_percent`` is a percentile's rise relative to run A, ``error_points`` an error rate's rise
    in percentage points.
    """

    latency_percent: float | None = None
    error_points: float | None = None


@dataclass(frozen=True)
class FigureRow:
    """One figure of both runs: a percentile in milliseconds, or a share from 0 to 1.

    ``change`` is B minus A: of a percentile in percent of A, of a share in percentage points; ``low``
    and ``high`` are its interval in the same unit. A bound for which there are too few values is infinite.
    """

    metric: str
    statistic: str
    is_share: bool
    a: float
    b: float
    change: float
    low: float
    high: float
    finding: RowFinding


@dataclass(frozen=True)
class CountRow:
    """A count of both runs; counts are exact and have no interval."""

    name: str
    a: float
    b: float


@dataclass(frozen=True)
class Comparison:
    """Everything that is shown of two runs. ``confidence`` (0 to 1) holds for all rows together."""

    a: ComparedRun
    b: ComparedRun
    confidence: float
    limits: Limits
    rows: Sequence[FigureRow]
    counts: Sequence[CountRow]
    warnings: Sequence[str]

    @property
    def regressions(self) -> list[FigureRow]:
        """The rows that are worse by more than noise and by more than the limits allow."""
        return [row for row in self.rows if row.finding is RowFinding.REGRESSION]

    @property
    def line(self) -> str:
        """The outcome in one line."""
        found = {finding: [row for row in self.rows if row.finding is finding] for finding in RowFinding}
        if found[RowFinding.REGRESSION]:
            named = ", ".join(f"{row.metric} {row.statistic}" for row in found[RowFinding.REGRESSION])
            return f"Regression beyond the limit: {named}"
        parts = [
            f"{len(found[finding])} {finding.value}"
            for finding in (RowFinding.WORSE, RowFinding.BETTER)
            if found[finding]
        ]
        untold = len(found[RowFinding.UNKNOWN])
        unknown = f"; too few values to tell for {untold}" if untold else ""
        if not parts:
            told = len(self.rows) - untold
            return f"No difference beyond noise in {told} of {len(self.rows)} figures{unknown}"
        return f"{' and '.join(parts)} of {len(self.rows)} figures{unknown}"


def compare(a: ComparedRun, b: ComparedRun, limits: Limits, confidence: float = 0.95) -> Comparison:
    """Compare two runs: B, the newer one, with A.

    Args:
        a: the older run.
        b: the newer run.
        limits: what counts as a regression.
        confidence: the probability (0 to 1) that the intervals of all rows contain the true values. Each
            row's own interval is wider for it (Bonferroni).

    Raises:
        ConfigError: the runs have no latency and no error rate in common.
    """
    latencies = [name for name in a.trends if name in b.trends and _is_latency(name)]
    rates = [name for name in RATES if name in a.rates and name in b.rates]
    asked = len(latencies) * len(PERCENTILES) + len(rates)
    if not asked:
        raise ConfigError(f"{a.folder} and {b.folder}: no latency and no error rate in common")
    own = 1 - (1 - confidence) / asked
    same_schedule = a.is_whole and b.is_whole and a.shape_of_load == b.shape_of_load
    same_seconds = same_schedule and a.conditions["time scale"] == b.conditions["time scale"]
    rows = [
        _latency_row(
            name, percent, _change(a.trends[name], b.trends[name], percent, own, same_schedule), limits
        )
        for name in latencies
        for percent in PERCENTILES
    ]
    for name in rates:
        shares = share_estimates((a.rates[name], b.rates[name]), own, same_schedule=same_seconds)
        rows.append(_share_row(name, *shares, limits))
    return Comparison(a, b, confidence, limits, rows, list(_counts(a, b)), list(_warnings(a, b)))


def _is_latency(name: str) -> bool:
    return name not in _NOT_LATENCIES and name.endswith(("_duration", "_duration_from_arrival"))


@dataclass(frozen=True)
class _Change:
    """A percentile in both runs in milliseconds, and B - A with its interval in percent of A."""

    a: float
    b: float
    percent: float
    low: float
    high: float


def _change(a: TrendSeries, b: TrendSeries, percent: int, confidence: float, same_schedule: bool) -> _Change:
    of_both = a.percentiles[percent], b.percentiles[percent]
    if min(len(a.seconds), len(b.seconds)) >= FEWEST_SECONDS:
        found = percentile_change(a, b, percent, confidence, same_schedule=same_schedule)
        if found is None:
            return _Change(*of_both, _percent_of(of_both[1] - of_both[0], of_both[0]), -math.inf, math.inf)
        return _Change(*of_both, 100 * found.value, 100 * found.low, 100 * found.high)
    estimates = [percentile_of_independent(run, percent, confidence) for run in (a, b)]
    apart = difference(*estimates)
    bounds = (_percent_of(bound, of_both[0]) for bound in (apart.value, apart.low, apart.high))
    return _Change(*of_both, *bounds)


def _percent_of(value: float, whole: float) -> float:
    """Return a value in percent; a latency of zero does not occur outside of a broken clock."""
    if value == 0:
        return 0.0
    percent = 100 * value / whole if whole > 0 else math.copysign(math.inf, value)
    # No latency falls by more than all of it.
    return max(percent, -100.0) if math.isfinite(percent) else percent


def _latency_row(metric: str, percent: int, change: _Change, limits: Limits) -> FigureRow:
    bounds = change.percent, change.low, change.high
    finding = _finding(*bounds, SMALLEST_LATENCY_CHANGE_PERCENT, limits.latency_percent)
    return FigureRow(metric, f"p{percent}", False, change.a, change.b, *bounds, finding)


def _share_row(metric: str, a: Estimate, b: Estimate, limits: Limits) -> FigureRow:
    found = difference(a, b)
    bounds = 100 * found.value, 100 * found.low, 100 * found.high
    finding = _finding(*bounds, SMALLEST_ERROR_CHANGE_POINTS, limits.error_points)
    return FigureRow(metric, "rate", True, a.value, b.value, *bounds, finding)


def _finding(change: float, low: float, high: float, smallest: float, limit: float | None) -> RowFinding:
    if low <= 0 <= high or abs(change) < smallest:
        return RowFinding.UNKNOWN if math.isinf(high) or math.isinf(low) else RowFinding.SAME
    if change < 0:
        return RowFinding.BETTER
    return RowFinding.REGRESSION if limit is not None and change > limit else RowFinding.WORSE


def _counts(a: ComparedRun, b: ComparedRun) -> Iterator[CountRow]:
    for name in ("scheduled", "started", "dropped", "lost", "completed", "interrupted"):
        # Runs written before workers existed have no "lost": nobody was there to lose anything.
        yield CountRow(f"arrivals {name}", a.ledger.get(name, 0), b.ledger.get(name, 0))
    yield CountRow("http_reqs", a.counters.get("http_reqs", 0), b.counters.get("http_reqs", 0))
    for kind in sorted(a.errors_by_kind.keys() | b.errors_by_kind.keys()):
        yield CountRow(f"errors: {kind}", a.errors_by_kind.get(kind, 0), b.errors_by_kind.get(kind, 0))


def _warnings(a: ComparedRun, b: ComparedRun) -> Iterator[str]:
    if a.shape_of_load != b.shape_of_load:
        yield "the runs differ in profile"
    for name, value in a.conditions.items():
        if value != b.conditions.get(name):
            yield f"the runs differ in {name} ({value} and {b.conditions.get(name)})"
    for label, run in (("A", a), ("B", b)):
        if not run.kept_schedule:
            yield f"run {label}: {run.verdict}"
        if run.ended_by != "finished":
            yield f"run {label} did not run to its end ({run.ended_by})"
        if not run.has_seconds:
            yield (
                f"run {label} has no metrics.csv: its requests are taken for independent of each other, "
                "so its intervals are narrower than they should be"
            )
    for name in sorted(a.trends.keys() ^ b.trends.keys()):
        if _is_latency(name):
            yield f"only run {'A' if name in a.trends else 'B'} has {name}"
