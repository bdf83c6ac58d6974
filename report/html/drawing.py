"""A chart: its words, and its drawings as SVG.

What pygal draws is made fit for the page: no scripts, no styles of its own, colours from the page's CSS.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pygal

from report.html.axes import Axis, linear_axis, time_axis, value_axis
from report.html.numbers import duration_text, number_text
from report.html.series import Point

_DROPPED = {"style", "script", "desc", "title"}
_NUMBER = re.compile(r"-?\d+\.\d+")
_SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class ChartLine:
    """A line: its label, its points, and its tone, which the page's CSS gives a colour.

    ``shows_dots`` for a line with few points.
    """

    label: str
    points: Sequence[Point]
    tone: str
    is_dashed: bool = False
    shows_dots: bool = False


@dataclass(frozen=True)
class Size:
    """Width and height in pixels of the page, and the size of letters there."""

    name: str
    width: int
    height: int
    letters: int


WIDE = Size("wide", 920, 280, 13)
NARROW = Size("narrow", 360, 240, 12)


@dataclass(frozen=True)
class Words:
    """What a chart is called and tells, for those who cannot see it."""

    key: str
    title: str
    description: str


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


def over_time(key: str, title: str, unit: str, caption: str, lines: Sequence[ChartLine], span: Span) -> Chart:
    """Return a chart of lines over the time of the run."""
    values = [value for line in lines for _, value in line.points]
    y = value_axis(values) if unit == "ms" else linear_axis(max(values, default=0.0))
    return line_chart(
        key, title, unit, caption, lines, lambda size: time_axis(span.seconds, 10 if size is WIDE else 4), y
    )


def line_chart(
    key: str,
    title: str,
    unit: str,
    caption: str,
    lines: Sequence[ChartLine],
    x: Callable[[Size], Axis],
    y: Axis,
) -> Chart:
    """Return a chart of lines over any axis, which may differ by size."""
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


def draw_lines(lines: Sequence[ChartLine], x: Axis, y: Axis, size: Size, words: Words) -> str:
    """Return lines as an SVG element; a point beyond the axes is drawn on their edge."""
    chart = pygal.XY(
        **_options(size),
        xrange=(x.low, x.high),
        range=(y.low, y.high),
        show_x_guides=False,
        stroke=True,
    )
    chart.x_labels = [{"label": text, "value": place} for place, text in x.ticks]
    chart.y_labels = [{"label": text, "value": place} for place, text in y.ticks]
    for line in lines:
        points = [(x.place(at), y.place(value)) for at, value in line.points]
        # A single point has no line to be seen by.
        chart.add(line.label, points, show_dots=line.shows_dots or len(points) == 1, dots_size=3)
    tones = [f"tone-{line.tone}{' dashed' if line.is_dashed else ''}" for line in lines]
    return _finish(chart.render_tree(), tones, size, words)


def draw_bars(bars: Sequence[tuple[str, float]], tone: str, size: Size, words: Words) -> str:
    """Return horizontal bars as an SVG element, the first on top, with the value on each."""
    height = 20 + (34 if len(bars) <= 20 else 22) * len(bars)
    chart = pygal.HorizontalBar(
        **{**_options(size), "height": height},
        print_values=True,
        print_values_position="top",
        value_formatter=number_text,
        show_y_guides=False,
        show_x_labels=False,
        show_x_guides=False,
        range=(0, max((value for _, value in bars), default=1) * 1.18 or 1),
    )
    upwards = list(reversed(bars))
    chart.x_labels = [_shortened(label) for label, _ in upwards]
    chart.add("", [value for _, value in upwards])
    shape = Size(size.name, size.width, height, size.letters)
    return _finish(chart.render_tree(), [f"tone-{tone}"], shape, words)


def _shortened(label: str) -> str:
    """Return a label that leaves room for its bar; long names differ at their ends."""
    return label if len(label) <= 28 else f"{label[:9]}…{label[-18:]}"


def _options(size: Size) -> dict[str, object]:
    texts = ("label_font_size", "major_label_font_size", "value_font_size", "value_label_font_size")
    letters = dict.fromkeys(texts, size.letters)
    return {
        "width": size.width,
        "height": size.height,
        "style": pygal.style.Style(**letters),
        "js": (),
        "css": (),
        "show_legend": False,
        "show_dots": False,
        "margin": 4,
        "margin_right": 18,
        "margin_top": 10,
        "truncate_label": -1,
        "explicit_size": True,
    }


def _finish(root: ET.Element, tones: Sequence[str], size: Size, words: Words) -> str:
    _strip(root)
    key = f"{words.key}-{size.name}"
    root.attrib.clear()
    root.attrib.update(
        {
            "class": f"chart {size.name}",
            "viewBox": f"0 0 {size.width} {size.height}",
            "role": "img",
            "aria-labelledby": f"{key}-title {key}-desc",
        }
    )
    for node in root.iter():
        # Inside HTML an SVG element needs no namespace.
        node.tag = node.tag.removeprefix(_SVG)
        for name in ("d", "x", "y", "width", "height", "cx", "cy"):
            if name in node.attrib and node is not root:
                node.attrib[name] = _NUMBER.sub(_rounded, node.attrib[name])
        serie = re.match(r"series serie-(\d+)", node.get("class", ""))
        if serie:
            node.set("class", f"series {tones[int(serie[1])]}")
    for name, text in (("desc", words.description), ("title", words.title)):
        node = ET.Element(name, {"id": f"{key}-{name}"})
        node.text = text
        root.insert(0, node)
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)


def _strip(node: ET.Element) -> None:
    for child in list(node):
        # A comment's tag is a function.
        if not isinstance(child.tag, str) or child.tag.removeprefix(_SVG) in _DROPPED or _is_tooltip(child):
            node.remove(child)
        else:
            _strip(child)


def _is_tooltip(node: ET.Element) -> bool:
    """Return whether a node is for pygal's script, which the page does not have."""
    return not {"tooltip", "tooltip-overlay"}.isdisjoint(node.get("class", "").split())


def _rounded(match: re.Match[str]) -> str:
    return f"{float(match[0]):.1f}".removesuffix(".0")
