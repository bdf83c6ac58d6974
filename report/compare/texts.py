"""How figures are written, in the terminal and in the page alike."""

from __future__ import annotations

import math

from report.compare.intervals import Estimate
from report.compare.judgement import CountRow, FigureRow


def estimate_text(row: FigureRow, estimate: Estimate) -> str:
    """Return a figure with its interval: ``2.66 ms (2.50 to 2.85)``, ``0.12% (0.08% to 0.18%)``."""
    if row.is_share:
        return f"{_share(estimate.value)} ({_share(estimate.low)} to {_share(estimate.high)})"
    high = "?" if math.isinf(estimate.high) else _short(estimate.high)
    return f"{_short(estimate.value)} ms ({_short(estimate.low)} to {high})"


def change_text(row: FigureRow) -> str:
    """Return B minus A with its interval: ``+3.1% (-1.0 to +7.2)``, ``+0.40 pp (+0.10 to +0.70)``."""
    unit, digits = (" pp", 2) if row.is_share else ("%", 1)
    return f"{row.change:+.{digits}f}{unit} ({_signed(row.low, digits)} to {_signed(row.high, digits)})"


def count_texts(row: CountRow) -> tuple[str, str, str]:
    """Return a count of A, of B, and B minus A."""
    return f"{row.a:.0f}", f"{row.b:.0f}", f"{row.b - row.a:+.0f}" if row.a != row.b else "same"


def _share(share: float) -> str:
    return f"{100 * share:.2f}%"


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.2f}" if milliseconds < 1000 else f"{milliseconds:.0f}"


def _signed(value: float, digits: int) -> str:
    return "?" if math.isinf(value) else f"{value:+.{digits}f}"
