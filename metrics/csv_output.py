"""``metrics.csv``: a row per metric, tags and second, on disk within a second of being measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from metrics.catalog import MetricType
from metrics.store import Cell

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

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._write_rows([COLUMNS])

    def write(self, timestamp: int, second: int, cells: Sequence[Cell]) -> None:
        """Write one window: its Unix time, its second since the clock's start, and its cells."""
        self._write_rows([(timestamp, second, *_row(cell)) for cell in cells])

    def close(self) -> None:
        """Close the file; nothing is held back that ``write`` was given."""
        self._file.close()

    def __enter__(self) -> CsvOutput:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write_rows(self, rows: Sequence[Sequence[object]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        self._file.write(text.getvalue())
        self._file.flush()


def _row(cell: Cell) -> tuple[object, ...]:
    tags = dict(cell.tags)
    labels = (cell.metric.name, cell.metric.type.value, *(tags.get(column, "") for column in TAG_COLUMNS))
    values = cell.values
    count = len(values)
    match cell.metric.type:
        case MetricType.COUNTER:
            return (*labels, count, _short(sum(values)), *[""] * 7)
        case MetricType.GAUGE:
            return (*labels, count, _short(values[-1]), _short(min(values)), *[""] * 5, _short(max(values)))
        case MetricType.RATE:
            return (*labels, count, _short(sum(1 for value in values if value) / count), *[""] * 7)
        case MetricType.TREND:
            ordered = sorted(values)
            percentiles = [_short(_nearest_rank(ordered, percent)) for percent in (50, 90, 95, 99)]
            average = sum(values) / count
            return (
                *labels, count, "", _short(ordered[0]), _short(average), *percentiles, _short(ordered[-1]),
            )  # fmt: skip


def _nearest_rank(ordered: Sequence[float], percent: int) -> float:
    """The least value that ``percent`` of the values do not exceed (nearest-rank percentile)."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _short(value: float) -> str:
    return f"{value:.6g}" if value != int(value) else str(int(value))
