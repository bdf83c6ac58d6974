"""The rows of ``metrics.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import ConfigError

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
    scenario: str
    error: str
    count: int
    value: float
    trend: TrendPoints | None


def read_rows(path: Path) -> list[Row]:
    """All rows of a ``metrics.csv``; a last line that was cut off with the run is left out.

    Raises:
        ConfigError: the file is missing, or a line is not as expected; the line is named.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(_rows(path, file))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: not CSV text") from error


def _rows(path: Path, file: Iterator[str]) -> Iterator[Row]:
    lines = csv.reader(file)
    header = next(lines, [])
    missing = [name for name in (*_NEEDED, *_TREND) if name not in header]
    if missing:
        raise ConfigError(f"{path}: expected the columns of a metrics.csv; {missing[0]!r} is missing")
    place = {name: header.index(name) for name in (*_NEEDED, *_TREND)}
    broken: int | None = None
    for number, line in enumerate(lines, start=2):
        if broken is not None:
            raise ConfigError(f"{path}: line {broken} is damaged")
        try:
            # A cut-off line may still parse, with a number that lost its last digits.
            yield _row(line if len(line) == len(header) else [], place)
        except (ValueError, IndexError):
            broken = number


def _row(line: Sequence[str], place: dict[str, int]) -> Row:
    trend = None
    if line[place["type"]] == "trend":
        trend = TrendPoints(*(float(line[place[name]]) for name in _TREND))
    return Row(
        second=int(line[place["second"]]),
        metric=line[place["metric"]],
        scenario=line[place["scenario"]],
        error=line[place["error"]],
        count=int(line[place["count"]]),
        value=float(line[place["value"]] or 0),
        trend=trend,
    )
