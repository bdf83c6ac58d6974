"""A comparison as one HTML file that needs nothing else: no script, no font, no address outside of it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from report.compare.judgement import Comparison, FigureRow, RowFinding
from report.compare.texts import change_text, count_texts, figure_text
from report.html.numbers import duration_text
from report.html.page import STYLE_SHEET, breakable

_WIDTH = 160
_SMALLEST_SCALE = 5.0


@dataclass(frozen=True)
class Whisker:
    """A row's change drawn on a line, in pixels from the left; what lies beyond the edge ends there."""

    width: int
    zero: float
    point: float
    low: float
    high: float


def write_page(path: Path, comparison: Comparison) -> None:
    """Write the page; ``OSError`` if the file cannot be written."""
    path.write_text(page_of(comparison), encoding="utf-8")


def page_of(comparison: Comparison) -> str:
    """Return the page as text; everything that comes from a run is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(duration=duration_text, breakable=breakable)
    scales = {
        share: _scale([row for row in comparison.rows if row.is_share is share]) for share in (False, True)
    }
    rows_of = Counter(row.metric for row in comparison.rows)
    metrics = ["", *(row.metric for row in comparison.rows)]
    lines = [
        {
            "row": row,
            # Named once, beside all its statistics.
            "rows_of_metric": rows_of[row.metric] if row.metric != before else 0,
            "a": figure_text(row, row.a),
            "b": figure_text(row, row.b),
            "change": change_text(row),
            "whisker": _whisker(row, scales[row.is_share]),
        }
        for before, row in zip(metrics, comparison.rows, strict=False)
    ]
    counts = [(row.name, *count_texts(row)) for row in comparison.counts]
    return environment.get_template("page.html.j2").render(
        # The report's own style sheet.
        style=Markup(STYLE_SHEET.read_text(encoding="utf-8")),  # noqa: S704
        kind=_kind(comparison),
        comparison=comparison,
        lines=lines,
        counts=counts,
    )


def _kind(comparison: Comparison) -> str:
    """Return the kind of outcome for the style sheet."""
    findings = {row.finding for row in comparison.rows}
    if comparison.regressions:
        return "bad"
    if RowFinding.WORSE in findings:
        return "doubt"
    return "none" if RowFinding.UNKNOWN in findings else "good"


def _scale(rows: list[FigureRow]) -> float:
    """Return the change that reaches the edge of the drawing: the greatest, with some room."""
    return max([_SMALLEST_SCALE, *(1.5 * abs(row.change) for row in rows if math.isfinite(row.change))])


def _whisker(row: FigureRow, scale: float) -> Whisker:
    def place(change: float) -> float:
        return round(_WIDTH / 2 * (1 + max(-1.0, min(1.0, change / scale))), 1)

    return Whisker(_WIDTH, _WIDTH / 2, place(row.change), place(row.low), place(row.high))
