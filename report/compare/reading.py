"""Reads a run's folder: the figures of ``summary.json`` and the seconds of ``metrics.csv``."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from report.compare.distribution import QuantileRow

# Eleven days; a second beyond it is a damaged row, and would ask for a list of that length.
_LONGEST_SECONDS = 1_000_000
_RANKED_COLUMNS = (("med", 50), ("p90", 90), ("p95", 95), ("p99", 99))
_SUMMARY_STATS = (("med", 50), ("p(90)", 90), ("p(95)", 95), ("p(99)", 99))

SCHEDULE_CONDITIONS = ("profile", "time scale")
"""Runs that agree in these conditions had the same arrivals due in the same seconds."""


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
class Run:
    """What a finished run left behind, as far as a comparison needs it."""

    folder: Path
    run_id: str
    length_seconds: float
    trends: Mapping[str, TrendSeries]
    rates: Mapping[str, RateSeries]
    counters: Mapping[str, float]
    ledger: Mapping[str, int]
    errors_by_kind: Mapping[str, int]
    conditions: Mapping[str, object]
    kept_schedule: bool
    verdict: str
    ended_by: str
    has_seconds: bool


def read_run(folder: Path) -> Run:
    """Read a run's folder. Without ``metrics.csv`` the run has no seconds, and that is all.

    Raises:
        ConfigError: no such folder, no ``summary.json``, or a damaged file.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; expected that of a run, such as results/<run id>")
    summary_path = folder / "summary.json"
    summary = _summary(summary_path)
    csv_path = folder / "metrics.csv"
    seconds = _Seconds()
    if csv_path.exists():
        seconds.read(csv_path)
    try:
        return _run(folder, summary, seconds)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{summary_path}: not the summary of a run: {what}") from error


def _summary(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        # JSON can spell half a character, which nothing could print; here it is found, as a ValueError.
        json.dumps(data, ensure_ascii=False).encode()
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; the run has not ended, or was killed") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: damaged: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("metrics"), dict):
        raise ConfigError(f"{path}: not the summary of a run: it has no metrics")
    return data


def _run(folder: Path, summary: dict[str, Any], seconds: _Seconds) -> Run:
    # Sub-metrics have no rows of their own among the seconds.
    metrics = {name: stats for name, stats in summary["metrics"].items() if "{" not in name}
    run, verdict = summary["run"], summary["verdict"]
    arguments, profile = run.get("arguments", {}), run.get("profile", {})
    ledger: dict[str, int] = {}
    for account in summary["ledger"].values():
        for name, number in account.items():
            ledger[name] = ledger.get(name, 0) + int(number)
    return Run(
        folder=folder,
        run_id=str(run["id"]),
        length_seconds=float(run["seconds"]),
        trends={
            name: _trend(stats, seconds.trend(name))
            for name, stats in metrics.items()
            if "p(95)" in stats and stats["count"]
        },
        rates={
            name: _rate(stats, seconds.rate(name))
            for name, stats in metrics.items()
            if "passes" in stats and stats["passes"] + stats["fails"]
        },
        counters={
            name: float(stats["count"])
            for name, stats in metrics.items()
            if "count" in stats and "rate" in stats
        },
        ledger=ledger,
        errors_by_kind={str(kind): int(n) for kind, n in summary.get("errors_by_kind", {}).items()},
        conditions={
            "profile": profile.get("scenarios", {}),
            "time scale": arguments.get("time_scale", 1.0),
            "target": "the stand-in" if run.get("is_standin") else run.get("target", ""),
            "number of workers": len(summary.get("workers", [])),
        },
        kept_schedule=bool(verdict["kept_schedule"]),
        verdict=str(verdict["line"]),
        ended_by=str(run.get("ended_by", "")),
        has_seconds=bool(seconds),
    )


def _trend(stats: Mapping[str, Any], seconds: tuple[tuple[QuantileRow, ...], ...]) -> TrendSeries:
    count = int(stats["count"])
    known = {percent: float(stats[stat]) for stat, percent in _SUMMARY_STATS}
    overall = QuantileRow.of(count, float(stats["min"]), known, float(stats["max"]))
    return TrendSeries(count, known, overall, seconds)


def _rate(stats: Mapping[str, Any], seconds: tuple[tuple[float, int], ...]) -> RateSeries:
    passes = int(stats["passes"])
    return RateSeries(passes, passes + int(stats["fails"]), seconds)


class _Seconds:
    """The rows of ``metrics.csv`` by metric and second."""

    def __init__(self) -> None:
        self._trends: dict[str, dict[int, list[QuantileRow]]] = {}
        self._rates: dict[str, dict[int, list[tuple[float, int]]]] = {}
        self._range = range(0)

    def __bool__(self) -> bool:
        return bool(self._range)

    def read(self, path: Path) -> None:
        """Read the file; ``ConfigError`` if it is damaged, with the line."""
        line = 1
        try:
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file, strict=True)
                for row in reader:
                    line = reader.line_num
                    self._take(row)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise ConfigError(f"{path}: line {line} is damaged, or not a row of metrics.csv") from error

    def _take(self, row: Mapping[str, str]) -> None:
        second, kind, metric = int(row["second"]), row["type"], row["metric"]
        if not 0 <= second < _LONGEST_SECONDS:
            raise ValueError(second)
        self._range = range(max(second + 1, self._range.stop))
        if kind == "trend":
            known = {percent: float(row[column]) for column, percent in _RANKED_COLUMNS}
            quantiles = QuantileRow.of(int(row["count"]), float(row["min"]), known, float(row["max"]))
            self._trends.setdefault(metric, {}).setdefault(second, []).append(quantiles)
        elif kind == "rate":
            total = int(row["count"])
            entry = (float(row["value"]) * total, total)
            self._rates.setdefault(metric, {}).setdefault(second, []).append(entry)

    def trend(self, metric: str) -> tuple[tuple[QuantileRow, ...], ...]:
        """A Trend's rows, an entry for each second of the run."""
        by_second = self._trends.get(metric)
        return tuple(tuple(by_second.get(second, ())) for second in self._range) if by_second else ()

    def rate(self, metric: str) -> tuple[tuple[float, int], ...]:
        """A Rate's passes and total, an entry for each second of the run."""
        by_second = self._rates.get(metric)
        if not by_second:
            return ()
        return tuple(
            (sum(passes for passes, _ in rows), sum(total for _, total in rows))
            for rows in (by_second.get(second, []) for second in self._range)
        )
