"""The charts of latency and start lag, and what their percentiles honestly are."""

from __future__ import annotations

from itertools import cycle

from metrics.verdict import START_LAG_LIMIT_MS
from report.html import series
from report.html.axes import Axis, value_axis
from report.html.drawing import Chart, ChartLine, Span, line_chart, over_time
from report.html.facts import Facts, RunFiles, latency_metrics
from report.html.numbers import duration_text, number_text
from report.run_summary import TREND_STATS

# In the order of drawing: what is drawn last lies on top.
_LEVELS = (("max", 100, "edge"), ("p99", 99, "high"), ("p95", 95, "mid"), ("median", 50, "low"))


def latency_over_time(run: RunFiles, facts: Facts, metric: str, span: Span) -> Chart | None:
    """Return a Trend's percentiles second by second, with the bounds of its thresholds."""
    found = series.trend(run.rows, metric)
    if not found.seconds:
        return None
    lines = [
        ChartLine(label, series.highest(found.seconds, found.values[percent], span.step), tone)
        for label, percent, tone in _LEVELS
    ]
    precision = _precision(facts, is_exact=found.is_exact)
    if span.step > 1:
        precision += f" Each point is the highest of {duration_text(span.step)}."
    caption = (
        f"{precision} The percentiles of the whole run are in the table of Trends. "
        "Where lines meet, the lower one is on top."
    )
    top = max(found.values[100])
    # A bound far above all values would press them flat.
    lines += [
        ChartLine(
            f"threshold {threshold.source}",
            [(0, threshold.bound), (span.seconds, threshold.bound)],
            "limit",
            is_dashed=True,
        )
        for threshold in facts.thresholds
        if threshold.metric == metric and threshold.percentile is not None and threshold.bound <= 3 * top
    ]
    return over_time(f"latency-{metric}", f"{metric} over time", "ms", caption, lines, span)


def _precision(facts: Facts, *, is_exact: bool) -> str:
    """Return what a second's percentiles are: the files do not always have them exactly."""
    if facts.workers:
        text = "Percentiles are of all workers' values of a second together, to three significant digits."
    elif facts.is_complete:
        text = "Percentiles are exact for the values of each second."
    else:
        text = (
            "Percentiles are exact for the values of each second (to three significant digits if the run "
            "had workers)."
        )
    if not is_exact:
        text += (
            " In a second with several kinds of answers (statuses, errors) they are upper bounds, since "
            "metrics.csv has the percentiles of each kind only."
        )
    return text


def percentile_curve(facts: Facts) -> Chart | None:
    """Return the run's percentiles as a curve."""
    tones = cycle(("main", "high", "mid", "cause-3", "cause-1", "edge"))
    lines: list[ChartLine] = []
    for metric in latency_metrics(facts.trends):
        tone = next(tones)
        for name, is_dashed in ((metric, False), (f"{metric}_from_arrival", True)):
            if name in facts.trends:
                stats = facts.trends[name].stats
                points = [(float(i), stats[stat]) for i, stat in enumerate(TREND_STATS)]
                lines.append(ChartLine(name, points, tone, is_dashed, shows_dots=True))
    if not lines:
        return None
    source = (
        "The run's percentiles from its summary (three significant digits; least and greatest exact)."
        if facts.is_complete
        else "The run was killed: these are upper bounds, put together from the percentiles of each second."
    )
    caption = (
        f"{source} Six known points, joined by straight lines."
        + (
            " Dashed: counted from the arrival's instant, so that waiting in the generator shows."
            if any(line.is_dashed for line in lines)
            else ""
        )
        + " Lines that agree lie on each other."
    )
    x = Axis(0.0, float(len(TREND_STATS) - 1), tuple((float(i), stat) for i, stat in enumerate(TREND_STATS)))
    y = value_axis([value for line in lines for _, value in line.points])
    return line_chart("curve", "Latency by percentile", "ms", caption, lines, lambda size: x, y)


def start_lag_over_time(run: RunFiles, span: Span) -> Chart | None:
    """Return start lag second by second, with the limit of the run's own verdict."""
    found = series.trend(run.rows, "start_lag")
    if not found.seconds:
        return None
    levels = [level for level in _LEVELS if level[1] != 95]
    lines = [
        ChartLine(label, series.highest(found.seconds, found.values[percent], span.step), tone)
        for label, percent, tone in levels
    ]
    limit = START_LAG_LIMIT_MS
    lines.append(
        ChartLine(
            f"limit for p99, {number_text(limit)} ms", [(0, limit), (span.seconds, limit)], "limit", True
        )
    )
    bound = "" if found.is_exact else " With several scenarios in a second these are upper bounds."
    caption = f"How late iterations started after their arrival's instant.{bound}{span.note}"
    return over_time("start-lag", "Start lag", "ms", caption, lines, span)
