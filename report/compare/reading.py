"""What a comparison needs of a run: its figures, and the seconds that show how uncertain they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from report.compare.distribution import QuantileRow
from report.rows import Row
from report.run_folder import RunFolder
from report.run_summary import RunSummary, TrendFigures

_SUMMARY_STATS = (("med", 50), ("p(90)", 90), ("p(95)", 95), ("p(99)", 99))


@dataclass(frozen=True)
class TrendSeries:
    """A Trend of one run: its percentiles in milliseconds over all values, and rows by second.

    ``seconds`` has an entry for each second of the run, empty where nothing was measured; it is empty
    itself where the run has no ``metrics.csv``.
    """

    count: int
    percentiles: Mapping[int, float]
    overall: QuantileRow
    seconds: tuple[tuple[QuantileRow, ...], ...]


@dataclass(frozen=True)
class RateSeries:
    """A Rate of one run: how many of how many, over all and by second."""

    passes: int
    total: int
    seconds: tuple[tuple[float, int], ...]


@dataclass(frozen=True)
class ComparedRun:
    """What a finished run left behind, as far as a comparison needs it.

    ``shape_of_load`` is the profile with its durations as they are at a time scale of 1. ``conditions`` are
    what else two runs must share for their figures to be of the same experiment.
    """

    folder: Path
    run_id: str
    length_seconds: float
    trends: Mapping[str, TrendSeries]
    rates: Mapping[str, RateSeries]
    counters: Mapping[str, float]
    ledger: Mapping[str, int]
    errors_by_kind: Mapping[str, int]
    shape_of_load: object
    conditions: Mapping[str, object]
    kept_schedule: bool
    verdict: str
    ended_by: str
    has_seconds: bool

    @property
    def is_whole(self) -> bool:
        """Whether the run went through its schedule, and it is known which one."""
        return self.ended_by == "finished" and bool(self.shape_of_load)


def read_run(path: Path) -> ComparedRun:
    """Read a run's folder. A run without ``metrics.csv`` has no seconds but is complete otherwise.

    Raises:
        ConfigError: no such folder, no ``summary.json``, or a damaged file.
    """
    folder = RunFolder(path)
    summary = folder.summary()
    seconds = _Seconds(folder.rows() if folder.has_rows else [])
    ledger: dict[str, int] = {}
    for counts in summary.ledgers.values():
        for name, number in counts.items():
            ledger[name] = ledger.get(name, 0) + number
    # Sub-metrics have no rows of their own among the seconds.
    return ComparedRun(
        folder=path,
        run_id=summary.run_id,
        length_seconds=summary.seconds,
        trends={
            name: _trend(figures, seconds.trend(name))
            for name, figures in summary.trends.items()
            if "{" not in name
        },
        rates={
            name: RateSeries(passes, passes + fails, seconds.rate(name))
            for name, (passes, fails) in summary.rates.items()
            if "{" not in name
        },
        counters={name: count for name, count in summary.counters.items() if "{" not in name},
        ledger=ledger,
        errors_by_kind=summary.errors_by_kind or {},
        shape_of_load=_unscaled(summary.scenarios, summary.time_scale),
        conditions=_conditions(summary),
        kept_schedule=summary.kept_schedule,
        verdict=summary.verdict,
        ended_by=summary.ended_by or "",
        has_seconds=bool(seconds),
    )


def _conditions(summary: RunSummary) -> dict[str, object]:
    return {
        "time scale": summary.time_scale,
        "target": "the stand-in" if summary.is_standin else summary.target,
        "number of workers": len(summary.workers),
    }


# What ``--time-scale`` multiplies: the summary has the products.
_SCALED = ("duration", "start_time")


def _unscaled(options: object, time_scale: float) -> object:
    """Return the options of scenarios as they are at a time scale of 1, rounded to a millisecond."""
    if isinstance(options, Mapping):
        return {
            name: round(value / time_scale, 3)
            if name in _SCALED and isinstance(value, int | float) and time_scale > 0
            else _unscaled(value, time_scale)
            for name, value in options.items()
        }
    if isinstance(options, list):
        return [_unscaled(entry, time_scale) for entry in options]
    return options


def _trend(figures: TrendFigures, seconds: tuple[tuple[QuantileRow, ...], ...]) -> TrendSeries:
    stats = figures.stats
    known = {percent: stats[stat] for stat, percent in _SUMMARY_STATS}
    overall = QuantileRow.of(figures.count, stats["min"], known, stats["max"])
    return TrendSeries(figures.count, known, overall, seconds)


class _Seconds:
    """The rows of ``metrics.csv`` by metric and second."""

    def __init__(self, rows: list[Row]) -> None:
        self._trends: dict[str, dict[int, list[QuantileRow]]] = {}
        self._rates: dict[str, dict[int, list[tuple[float, int]]]] = {}
        self._range = range(max((row.second for row in rows), default=-1) + 1)
        for row in rows:
            if row.trend is not None and row.count:
                points = row.trend
                known = {50: points.med, 90: points.p90, 95: points.p95, 99: points.p99}
                quantiles = QuantileRow.of(row.count, points.min, known, points.max)
                self._trends.setdefault(row.metric, {}).setdefault(row.second, []).append(quantiles)
            elif row.type == "rate" and row.count:
                share = (row.value * row.count, row.count)
                self._rates.setdefault(row.metric, {}).setdefault(row.second, []).append(share)

    def __bool__(self) -> bool:
        return bool(self._range)

    def trend(self, metric: str) -> tuple[tuple[QuantileRow, ...], ...]:
        """Return a Trend's rows, an entry for each second of the run."""
        by_second = self._trends.get(metric)
        return tuple(tuple(by_second.get(second, ())) for second in self._range) if by_second else ()

    def rate(self, metric: str) -> tuple[tuple[float, int], ...]:
        """Return a Rate's passes and total, an entry for each second of the run."""
        by_second = self._rates.get(metric)
        if not by_second:
            return ()
        return tuple(
            (sum(passes for passes, _ in rows), sum(total for _, total in rows))
            for rows in (by_second.get(second, []) for second in self._range)
        )
