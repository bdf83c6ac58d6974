"""``metrics.csv``: a row per metric, tags and second, on disk within a second of being measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from metrics.catalog import MetricType
from metrics.sinks import CounterSink, GaugeSink, RateSink, TrendSink
from metrics.store import Cell, MergedCell

TAG_COLUMNS = ("scenario", "method", "name", "status", "expected_response", "error", "check")
COLUMNS = (
    "timestamp",
    "second",
    "metric",
    "type",
    *TAG_COLUMNS,
    "count",
    "value",
    "min",
    "avg",
    "med",
    "p90",
    "p95",
    "p99",
    "max",
)


class CsvOutput:
    """Writes the windows of a run as they close.

    Rows go out in whole lines and are flushed at once, so that a killed run leaves all but its last
    second.

    Raises:
        OSError: the file cannot be created or written.
    """

    takes_merged = True

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._file = path.open("w", encoding="utf-8", newline="")
        self._write_rows([COLUMNS])

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        self._write_rows([(timestamp, second, *_row(cell)) for cell in cells])

    def stop(self) -> str | None:
        self._file.close()
        return None

    def _write_rows(self, rows: Sequence[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue())
        self._file.flush()


def _row(cell: Cell | MergedCell) -> tuple[object, ...]:
    tags = dict(cell.tags)
    labels = (cell.metric.name, cell.metric.type.value, *(tags.get(column, "") for column in TAG_COLUMNS))
    if isinstance(cell, Cell) and cell.metric.type is MetricType.TREND:
        return (*labels, *_trend_of_values(cell.values))
    sink = cell.sink if isinstance(cell, MergedCell) else cell.aggregate()
    match sink:
        case CounterSink():
            return (*labels, sink.samples, _short(sink.count), *[""] * 7)
        case GaugeSink():
            return (*labels, sink.samples, _short(sink.value), _short(sink.min), *[""] * 5, _short(sink.max))
        case RateSink():
            return (*labels, sink.total, _short(sink.aggregate("rate", 1)), *[""] * 7)
        case TrendSink():
            average = _short(sink.aggregate("avg", 1))
            percentiles = [_short(sink.percentile(percent)) for percent in (50, 90, 95, 99)]
            return (*labels, sink.count, "", _short(sink.min), average, *percentiles, _short(sink.max))


def _trend_of_values(values: Sequence[float]) -> tuple[object, ...]:
    """A second's values as they are: exact, and a hundred times faster than by a histogram."""
    ordered = sorted(values)
    percentiles = [_short(_nearest_rank(ordered, percent)) for percent in (50, 90, 95, 99)]
    average = _short(sum(values) / len(values))
    return (len(values), "", _short(ordered[0]), average, *percentiles, _short(ordered[-1]))


def _nearest_rank(ordered: Sequence[float], percent: int) -> float:
    """The least value that ``percent`` of the values do not exceed (nearest-rank percentile)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _short(value: float) -> str:
    return f"{value:.6g}" if value != int(value) else str(int(value))
