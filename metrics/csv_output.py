"""``metrics.csv``: a row per metric, tags and second, on disk within a second of being measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from metrics.store import Cell, MergedCell

TAG_COLUMNS = ("scenario", "method", "name", "status", "expected_response", "error", "check")
FIGURE_COLUMNS = ("count", "value", "min", "avg", "med", "p90", "p95", "p99", "max")
COLUMNS = ("timestamp", "second", "metric", "type", *TAG_COLUMNS, *FIGURE_COLUMNS)


class CsvOutput:
    """Writes the windows of a run as they close.

    Rows go out in whole lines and are flushed at once, so that a killed run leaves all but its last
    second.

    Args:
        path: the file.
        yield_to_arrivals: called after each row is made, for arrivals that are due meanwhile.

    Raises:
        OSError: the file cannot be created or written.
    """

    takes_whole_seconds = True

    def __init__(self, path: Path, yield_to_arrivals: Callable[[], object] = lambda: None) -> None:
        self.name = path.name
        self._yield_to_arrivals = yield_to_arrivals
        self._file = path.open("w", encoding="utf-8", newline="")
        self._write_rows([COLUMNS])

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        rows = []
        for cell in cells:
            rows.append((timestamp, second, *_row(cell)))
            # To sort a second's values takes 1 ms at 8000 per second.
            self._yield_to_arrivals()
        self._write_rows(rows)

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
    figures = cell.row()
    return (
        cell.metric.name,
        cell.metric.type.value,
        *(tags.get(column, "") for column in TAG_COLUMNS),
        *(_short(figures[column]) if column in figures else "" for column in FIGURE_COLUMNS),
    )


def _short(value: float) -> str:
    return f"{value:.6g}" if value != int(value) else str(int(value))
