"""A schedule as a small chart of block characters, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable

from config.durations import format_duration

_ROWS = 8
# What is shown for a row that is filled by 0, 1 ... 8 eighths.
_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN_BLOCKS = " ########"
# A column shows the highest of the rates at so many of its instants: a spike may be narrower than a column.
_LOOKS = 16


def chart_lines(
    rate_at: Callable[[float], float], seconds: float, width: int, *, is_plain: bool = False
) -> list[str]:
    """Return a chart of a rate over time, with its peak and its length on the axes.

    Args:
        rate_at: returns the rate at a second.
        seconds: the length.
        width: of the chart with its axis, in columns.
        is_plain: whether the terminal has no block characters.
    """
    columns = max(10, width - 9)
    rates = [_highest(rate_at, index * seconds / columns, seconds / columns) for index in range(columns)]
    peak = max(rates)
    blocks = _PLAIN_BLOCKS if is_plain else _BLOCKS
    lines = []
    for row in reversed(range(_ROWS)):
        label = f"{peak * (row + 1) / _ROWS:>6.4g}" if row in (_ROWS - 1, _ROWS // 2 - 1) else " " * 6
        cells = "".join(blocks[_eighths(rate, peak, row)] for rate in rates)
        lines.append(f"{label} {'|' if is_plain else '│'}{cells}".rstrip())
    lines.append(f"{'0':>6} {'+' if is_plain else '└'}{('-' if is_plain else '─') * columns}")
    half, end = format_duration(round(seconds / 2, 1)), format_duration(round(seconds, 1))
    lines.append(f"{'':7}{'0s':<{columns // 2}}{half:<{columns - columns // 2 - len(end) + 1}}{end}")
    return lines


def _highest(rate_at: Callable[[float], float], start: float, length: float) -> float:
    return max(rate_at(start + length * (look + 0.5) / _LOOKS) for look in range(_LOOKS))


def _eighths(rate: float, peak: float, row: int) -> int:
    """Return how many eighths of a row's height a rate fills. What is not zero is seen."""
    if not peak:
        return 0
    filled = rate / peak * _ROWS - row
    if row == 0 and rate > 0:
        filled = max(filled, 1 / 8)
    return min(8, max(0, math.ceil(filled * 8 - 1e-9)))
