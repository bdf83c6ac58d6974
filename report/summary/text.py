"""The summary on the terminal, in the order in which it is read: what passed, what was sent, how it went.

Every line but those with a path fits the terminal: a table has as many columns as there is room for.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from config.durations import format_duration, format_milliseconds
from metrics.sinks import AnySink, GaugeSink
from metrics.thresholds import ThresholdOutcome, ThresholdResult
from metrics.trend_sink import TrendSink
from report.run_report import REPORT_NAME, RunReport

LOG_WIDTH = 120
"""A pipe or a CI log has no width of its own."""

_INDENT = "    "
_LEDGER_ROWS = (
    ("scheduled", "  scheduled"),
    ("started", "= started"),
    ("dropped", "+ dropped"),
    ("lost", "+ lost"),
    ("not_yet_due", "+ not yet due"),
    ("completed", "  completed"),
    ("interrupted", "  interrupted"),
)
_TREND_COLUMNS = ("avg", "min", "med", "p(90)", "p(95)", "p(99)", "max")
# Left out in this order where there is no room. summary.json has them.
_LESS_WANTED = ("p(90)", "min", "avg")

_MARKS = {
    ThresholdOutcome.PASSED: "[green]✓[/]",
    ThresholdOutcome.FAILED: "[red]✗[/]",
    ThresholdOutcome.NO_SAMPLES: "[yellow]○[/]",
}


def print_summary(console: Console, report: RunReport) -> None:
    """Print the whole summary; colours only where the console has them."""
    for line in summary_lines(report, console.width if console.is_terminal else LOG_WIDTH):
        console.print(line, highlight=False, soft_wrap=True)


def summary_lines(report: RunReport, width: int) -> Iterator[str]:
    """Yield the summary's lines, with rich's markup, for a terminal of ``width`` columns."""
    yield ""
    yield from _thresholds(report.thresholds)
    yield from _checks(report)
    yield from _errors(report)
    yield from _ledger(report, width)
    yield from _deliveries(report)
    yield from _metrics(report, width)
    if report.queue is not None:
        yield from _paragraph(report.queue.line, width)
    if report.deliveries is not None:
        yield from _paragraph(report.deliveries.line, width)
    yield from _paragraph(report.verdict.line, width, "green" if report.verdict.kept_schedule else "bold red")
    for note in report.notes:
        yield from _paragraph(note, width, "yellow")
    yield from _closing(report)


def _closing(report: RunReport) -> Iterator[str]:
    """Yield what remains to be done: how the run ended, and where its report is."""
    if report.thresholds:
        failed = sum(not result.passed for result in report.thresholds)
        colour = "bold red" if failed else "green"
        total = len(report.thresholds)
        unjudged = sum(result.outcome is ThresholdOutcome.NO_SAMPLES for result in report.thresholds)
        result = f"{failed} of {total} failed" if failed else f"{total} of {total} passed"
        without = f", {unjudged} without samples" if unjudged else ""
        yield f"  [{colour}]Thresholds: {result}{without}[/]"
    client = report.record.get("http_client")
    ways = [f"with the {client} HTTP client"] if client else []
    if report.deliveries is not None:
        ways.append(f"through {report.deliveries.queue}")
    seconds = format_duration(round(report.seconds, 1))
    ended = f"{report.ended_by[:1].upper()}{report.ended_by[1:]}"
    yield f"  {escape(ended)} {' '.join([f'after {seconds}', *ways])}"
    yield f"  Results: {escape(str(report.folder))}"
    page = (report.folder / REPORT_NAME).resolve().as_uri()
    yield f"  Report, for a browser: [bold]{escape(page)}[/]"


def _thresholds(results: Sequence[ThresholdResult]) -> Iterator[str]:
    if not results:
        return
    yield "  [bold]THRESHOLDS[/]"
    selector = ""
    for result in results:
        if result.selector != selector:
            selector = result.selector
            yield f"{_INDENT}{escape(selector)}"
        yield f"{_INDENT}{_MARKS[result.outcome]} {escape(result.describe())}"
    yield ""


def _checks(report: RunReport) -> Iterator[str]:
    if not report.store.by_check:
        return
    yield "  [bold]CHECKS[/]"
    for name, sink in report.store.by_check.items():
        mark = "[green]✓[/]" if sink.fails == 0 else "[red]✗[/]"
        failed = f", {sink.fails} failed" if sink.fails else ""
        yield f"{_INDENT}{mark} {escape(name)}: {sink.passes} of {sink.total}{failed}"
    yield ""


def _errors(report: RunReport) -> Iterator[str]:
    if not report.store.by_error:
        return
    yield "  [bold]ERRORS[/]"
    for kind, count in sorted(report.store.by_error.items(), key=lambda item: -item[1]):
        yield f"{_INDENT}{escape(kind)}: {count}"
    yield ""


def _ledger(report: RunReport, width: int) -> Iterator[str]:
    """Yield the ledger as the sum that it is, a column per scenario."""
    first = max(len(label) for _, label in _LEDGER_ROWS)
    columns = {
        name: [str(ledger.as_dict()[row]) for row, _ in _LEDGER_ROWS]
        for name, ledger in report.ledgers.items()
    }
    widths = {name: max(len(name), *map(len, numbers)) + 2 for name, numbers in columns.items()}
    for names in _blocks(widths, width - len(_INDENT) - first):
        head = "".join(f"{name:>{widths[name]}}" for name in names)
        yield f"  [bold]LEDGER[/]{head:>{len(head) + first - 4}}"
        for index, (_, label) in enumerate(_LEDGER_ROWS):
            numbers = "".join(f"{columns[name][index]:>{widths[name]}}" for name in names)
            yield f"{_INDENT}{label:<{first}}{numbers}"
        yield ""


def _deliveries(report: RunReport) -> Iterator[str]:
    """Yield the ledger of the messages behind a queue, likewise as a sum."""
    if report.deliveries is None:
        return
    yield "  [bold]DELIVERY[/] of the messages that were started"
    ledger = report.deliveries.ledger
    labels = [name.replace("_", " ") for name in ledger]
    # The last is no part of the sum: a message that came twice was delivered once.
    signs = ["  ", "= ", *(["+ "] * (len(labels) - 3)), "  "]
    first, second = max(map(len, labels)), max(len(str(number)) for number in ledger.values())
    for sign, label, number in zip(signs, labels, ledger.values(), strict=True):
        yield f"{_INDENT}{sign}{label:<{first}}  {number:>{second}}"
    yield ""


def _blocks(widths: dict[str, int], room: int) -> Iterator[list[str]]:
    """Yield the columns in blocks that fit the room, each with at least one."""
    block: list[str] = []
    for name, width in widths.items():
        if block and sum(widths[other] for other in block) + width > room:
            yield block
            block = []
        block.append(name)
    if block:
        yield block


def _metrics(report: RunReport, width: int) -> Iterator[str]:
    shown = [(name, sink) for name, _, sink in report.store.selectors() if not sink.is_empty]
    trends = [(name, sink) for name, sink in shown if isinstance(sink, TrendSink)]
    others = [(name, sink) for name, sink in shown if not isinstance(sink, TrendSink)]
    yield from _trends(trends, width)
    yield from _others(others, report.seconds)


def _trends(trends: Sequence[tuple[str, TrendSink]], width: int) -> Iterator[str]:
    if not trends:
        return
    columns = list(_TREND_COLUMNS)
    rows = [
        (label, {column: format_milliseconds(sink.aggregate(column, 1)) for column in columns})
        for label, sink in _nested(trends)
    ]
    first = max(len(label) for label, _ in rows)
    widths = {column: 2 + max(len(column), *(len(row[column]) for _, row in rows)) for column in columns}
    for column in _LESS_WANTED:
        if len(_INDENT) + first + sum(widths[kept] for kept in columns) > width:
            columns.remove(column)
    head = "".join(f"{column:>{widths[column]}}" for column in columns)
    yield f"  [bold]TRENDS[/]{head:>{len(head) + first - 4}}"
    for label, row in rows:
        values = "".join(f"{row[column]:>{widths[column]}}" for column in columns)
        yield f"{_INDENT}{escape(f'{label:<{first}}')}{values}"
    yield ""


def _nested(trends: Sequence[tuple[str, TrendSink]]) -> Iterator[tuple[str, TrendSink]]:
    """Yield each metric, then its sub-metrics by their tags alone."""
    for name, sink in trends:
        if "{" not in name:
            yield name, sink
            inner = f"{name}{{"
            yield from (
                (f"  {other[len(name) :]}", part) for other, part in trends if other.startswith(inner)
            )


def _others(others: Sequence[tuple[str, AnySink]], seconds: float) -> Iterator[str]:
    if not others:
        return
    yield "  [bold]COUNTERS, RATES AND GAUGES[/]"
    first = max(len(name) for name, _ in others)
    texts = {name: _texts(name, sink, seconds) for name, sink in others}
    second = max(len(figures[0]) for figures in texts.values())
    for name, figures in texts.items():
        rest = "  ".join(figures[1:])
        yield f"{_INDENT}{escape(f'{name:<{first}}')}  {figures[0]:>{second}}  {rest}".rstrip()
    yield ""


def _texts(name: str, sink: AnySink, seconds: float) -> list[str]:
    """Return a metric's figures; those of the one gauge of milliseconds with their unit."""
    if name == "queue_oldest_age" and isinstance(sink, GaugeSink):
        value, least, greatest = map(format_milliseconds, (sink.value, sink.min, sink.max))
        return [value, f"min={least}", f"max={greatest}"]
    return sink.texts(seconds)


def _paragraph(text: str, width: int, style: str = "") -> Iterator[str]:
    for line in textwrap.wrap(text, width - 2, break_long_words=False, break_on_hyphens=False):
        yield f"  [{style}]{escape(line)}[/]" if style else f"  {escape(line)}"
