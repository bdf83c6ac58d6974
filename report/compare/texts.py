"""How figures are written, in the terminal and in the page alike."""

from __future__ import annotations

import math

from report.compare.judgement import CountRow, FigureRow


def figure_text(row: FigureRow, value: float) -> str:
    """Return a figure of one run: ``2.66 ms``, ``0.12%``."""
    return f"{100 * value:.2f}%" if row.is_share else f"{_short(value)} ms"


def change_text(row: FigureRow) -> str:
    """Return B minus A with its interval: ``+3.1% (-1.0 to +7.2)``, ``+0.40 pp (+0.10 to +0.70)``."""
    unit, digits = (" pp", 2) if row.is_share else ("%", 1)
    return f"{row.change:+.{digits}f}{unit} ({_signed(row.low, digits)} to {_signed(row.high, digits)})"


def count_texts(row: CountRow) -> tuple[str, str, str]:
    """Return a count of A, of B, and B minus A."""
    return f"{row.a:.0f}", f"{row.b:.0f}", f"{row.b - row.a:+.0f}" if row.a != row.b else "same"


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.2f}" if milliseconds < 1000 else f"{milliseconds:.0f}"


def _signed(value: float, digits: int) -> str:
    return "?" if math.isinf(value) else f"{value:+.{digits}f}"
