"""The chart of the figures: a dot for each median, with a line from the least to the greatest, logarithmic.

An SVG by hand, as no chart library that the project has draws such lines; readers see it as a picture in
Markdown, so its colours follow the reader's scheme by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import median

from benchmarks.side_by_side.results import Results, machine, thousands, two_digits, whole

_ROW, _TOP, _LABELS, _PANEL, _GAP = 34, 66, 210, 190, 60
_LETTER = 7.2  # the width of a letter at most
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.quiet { fill: #59636e; font-size: 12px; } .title { font-weight: 600; }
.grid { stroke: #d1d9e0; } .dot { fill: #59636e; } .spread { stroke: #59636e; stroke-width: 2; }
.ours .dot { fill: #0969da; } .ours .spread { stroke: #0969da; } .ours text { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; } .quiet { fill: #9198a1; } .grid { stroke: #3d444d; }
  .dot { fill: #9198a1; } .spread { stroke: #9198a1; }
  .ours .dot { fill: #4493f8; } .ours .spread { stroke: #4493f8; }
}
"""


@dataclass(frozen=True)
class Panel:
    """A column of the chart: for each generator the values of its repeats, all above 0."""

    title: str
    unit: str
    values: dict[str, list[float]]
    words: Callable[[float], str]

    def decades(self) -> tuple[int, int]:
        """Return the powers of ten between which all values lie."""
        values = [value for found in self.values.values() for value in found]
        return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))


def write_chart(results: Results, words: dict[str, str], path: Path, rate: int = 1000) -> None:
    """Write the chart of what was measured against nginx, as far as there is something."""

    def measured(step: str, column: str, **where: object) -> dict[str, list[float]]:
        found = {
            name: [record[column] for record in results.of(step, server="nginx", generator=name, **where)]
            for name in words
        }
        return {name: values for name, values in found.items() if values and None not in values}

    panels = [
        Panel("Highest rate", "without a drop, per second", measured("highest", "rate"), thousands),
        Panel("CPU per iteration", f"us, at {rate}/s", measured("cpu", "us_per_iteration", rate=rate), whole),
        Panel(
            "Start lag", f"mean in ms, at {rate}/s", measured("lag", "wire_lag_mean", rate=rate), two_digits
        ),
    ]
    panels = [panel for panel in panels if panel.values]
    if panels:
        rows = [name for name in words if any(name in panel.values for panel in panels)]
        path.write_text(_drawing(panels, rows, words))


def _drawing(panels: Sequence[Panel], rows: Sequence[str], words: dict[str, str]) -> str:
    width = _LABELS + len(panels) * (_PANEL + _GAP)
    bottom = _TOP + len(rows) * _ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 44}" width="{width}" '
        f'height="{bottom + 44}" role="img"><title>Load generators on one core</title>',
        f"<style>{_STYLE}</style>",
    ]
    for column, panel in enumerate(panels):
        parts += _axis(panel, _LABELS + column * (_PANEL + _GAP), bottom)
    for row, name in enumerate(rows):
        y = _TOP + row * _ROW + _ROW // 2
        parts.append(f'<g class="{"ours" if name == "ours" else "other"}">')
        parts.append(_text(0, y + 4, words[name].replace("`", "")))
        for column, panel in enumerate(panels):
            if name in panel.values:
                parts += _dot(panel, panel.values[name], _LABELS + column * (_PANEL + _GAP), y)
        parts.append("</g>")
    parts.append(_text(0, bottom + 38, machine(), "quiet"))
    return "\n".join([*parts, "</svg>", ""])


def _axis(panel: Panel, left: int, bottom: int) -> list[str]:
    low, high = panel.decades()
    parts = [_text(left, 16, panel.title, "title"), _text(left, 34, panel.unit, "quiet")]
    for decade in range(low, high + 1):
        x = _place(panel, 10.0**decade, left)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 14}" y2="{bottom}"/>')
        label = thousands(10.0**decade) if decade >= 0 else f"{10.0**decade:.{-decade}f}"
        parts.append(_text(x, bottom + 16, label, "quiet", "middle"))
    return parts


def _dot(panel: Panel, values: Sequence[float], left: int, y: int) -> list[str]:
    low, middle, high = (_place(panel, value, left) for value in (min(values), median(values), max(values)))
    told = panel.words(median(values))
    room = left + _PANEL - high - 10
    x, anchor = (high + 10, "start") if room >= len(told) * _LETTER else (low - 10, "end")
    return [
        f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>',
        f'<circle class="dot" cx="{middle:.1f}" cy="{y}" r="5"/>',
        _text(x, y + 4, told, "", anchor),
    ]


def _place(panel: Panel, value: float, left: int) -> float:
    low, high = panel.decades()
    return left + _PANEL * (math.log10(value) - low) / max(1, high - low)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
