"""A chart of a report: its words and its drawings in two widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from report.html.axes import Axis, linear_axis, time_axis, value_axis
from report.html.drawing import NARROW, WIDE, Line, Size, Words, draw_lines
from report.html.numbers import duration_text, number_text


@dataclass(frozen=True)
class Chart:
    """A chart in two widths, with its legend (label, CSS classes) and what it shows."""

    key: str
    title: str
    unit: str
    caption: str
    legend: Sequence[tuple[str, str]]
    drawings: Sequence[str]


@dataclass(frozen=True)
class Span:
    """The time that the charts cover: whole seconds, and how many of them a point stands for."""

    seconds: int
    step: int

    @property
    def note(self) -> str:
        """What a point is, where it is not a second."""
        return f" Each point stands for {duration_text(self.step)}." if self.step > 1 else ""


def over_time(key: str, title: str, unit: str, caption: str, lines: Sequence[Line], span: Span) -> Chart:
    """A chart of lines over the time of the run."""
    values = [value for line in lines for _, value in line.points]
    y = value_axis(values) if unit == "ms" else linear_axis(max(values, default=0.0))
    return line_chart(
        key, title, unit, caption, lines, lambda size: time_axis(span.seconds, 10 if size is WIDE else 4), y
    )


def line_chart(
    key: str, title: str, unit: str, caption: str, lines: Sequence[Line], x: Callable[[Size], Axis], y: Axis
) -> Chart:
    """A chart of lines over any axis, which may differ by size."""
    told = "; ".join(
        f"{line.label}: {number_text(min(v for _, v in line.points))} to "
        f"{number_text(max(v for _, v in line.points))}"
        for line in lines
        if line.points
    )
    words = Words(key, title, f"{unit}: {told}." if unit else f"{told}.")
    drawings = [draw_lines(lines, x(size), y, size, words) for size in (WIDE, NARROW)]
    legend = [(line.label, f"tone-{line.tone}{' dashed' if line.is_dashed else ''}") for line in lines]
    scale = " The scale is logarithmic." if y.is_log else ""
    return Chart(key, title, unit, caption + scale, legend, drawings)
