"""The rows of ``metrics.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from config.errors import ConfigError
from report.json_object import GREATEST_NUMBER
from report.run_summary import LONGEST_SECONDS

_NEEDED = ("second", "metric", "type", "scenario", "error", "count", "value")
_TREND = ("min", "med", "p90", "p95", "p99", "max")


@dataclass(frozen=True, slots=True)
class TrendPoints:
    """What a second's values of a Trend are, in milliseconds; exact in a single process."""

    min: float
    med: float
    p90: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Row:
    """A metric with its tags in one second of the run; ``value`` is 0 for a Trend."""

    second: int
    metric: str
    type: str
    scenario: str
    error: str
    count: int
    value: float
    trend: TrendPoints | None


def read_rows(path: Path) -> list[Row]:
    """Return all rows of a ``metrics.csv``; a last line that was cut off with the run is left out.

    Raises:
        ConfigError: the file is missing, or a line is not as expected; the line is named.
    """
    try:
        # Bytes that are no UTF-8 become a sign that is no number, so that their line is named.
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return list(_rows(path, file))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def _rows(path: Path, file: Iterator[str]) -> Iterator[Row]:
    lines = csv.reader(file, strict=True)
    broken: int | None = None
    try:
        header = next(lines, [])
        place = {name: header.index(name) for name in header}
        missing = [name for name in (*_NEEDED, *_TREND) if name not in place]
        for line in lines:
            if broken is not None or missing:
                break
            try:
                # A cut-off line may still parse, with a number that lost its last digits.
                yield _row(line if len(line) == len(header) else [], place)
            except (ValueError, IndexError):
                broken = lines.line_num
        else:
            if not missing:
                return
    except csv.Error as error:
        raise _damaged(path, broken or lines.line_num) from error
    raise _damaged(path, broken or max(1, lines.line_num), missing)


def _damaged(path: Path, line: int, missing: Sequence[str] = ()) -> ConfigError:
    column = f": column {missing[0]!r} is missing" if missing else ""
    return ConfigError(f"{path}: line {line} is damaged, or not a row of metrics.csv{column}")


def _row(line: Sequence[str], place: dict[str, int]) -> Row:
    row = Row(
        second=int(line[place["second"]]),
        metric=line[place["metric"]],
        type=line[place["type"]],
        scenario=line[place["scenario"]],
        error=line[place["error"]],
        count=int(line[place["count"]]),
        value=float(line[place["value"]] or 0),
        trend=_trend(line, place) if line[place["type"]] == "trend" else None,
    )
    if not 0 <= row.second < LONGEST_SECONDS or not 0 <= row.count <= GREATEST_NUMBER:
        raise ValueError("a second or a count that cannot be")
    if not abs(row.value) <= GREATEST_NUMBER or (row.type == "rate" and not 0 <= row.value <= 1):
        raise ValueError("a value that cannot be")
    return row


def _trend(line: Sequence[str], place: dict[str, int]) -> TrendPoints:
    values = [float(line[place[name]]) for name in _TREND]
    # NaN is in no order.
    if not all(low <= high for low, high in pairwise(values)) or not abs(values[-1]) <= GREATEST_NUMBER:
        raise ValueError("percentiles that fall")
    return TrendPoints(*values)
