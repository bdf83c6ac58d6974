"""The summary on the terminal, in the order in which it is read: what passed, what was sent, how it went."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from config.durations import format_duration
from metrics.thresholds import ThresholdOutcome
from report.run_report import RunReport

_LEDGER_COLUMNS = ("scheduled", "started", "dropped", "lost", "not_yet_due", "completed", "interrupted")

_MARKS = {
    ThresholdOutcome.PASSED: "[green]✓[/]",
    ThresholdOutcome.FAILED: "[red]✗[/]",
    ThresholdOutcome.NO_SAMPLES: "[yellow]○[/]",
}


def print_summary(console: Console, report: RunReport) -> None:
    """Print the whole summary; colours only where the console has them."""
    for line in summary_lines(report):
        console.print(line, highlight=False, soft_wrap=True)


def summary_lines(report: RunReport) -> Iterator[str]:
    """Yield the summary's lines, with rich's markup."""
    yield ""
    yield from _thresholds(report)
    yield from _checks(report)
    yield from _errors(report)
    yield from _ledger(report)
    yield from _deliveries(report)
    yield from _metrics(report)
    if report.queue is not None:
        yield f"  {escape(report.queue.line)}"
    if report.deliveries is not None:
        yield f"  {escape(report.deliveries.line)}"
    colour = "green" if report.verdict.kept_schedule else "bold red"
    yield f"  [{colour}]{escape(report.verdict.line)}[/]"
    for note in report.notes:
        yield f"  [yellow]{escape(note)}[/]"
    client = report.record.get("arguments", {}).get("http_client")
    with_client = f" with the {client} HTTP client" if client else ""
    ended = (
        f"{report.ended_by} after {format_duration(report.seconds)}{with_client}; results in {report.folder}"
    )
    yield f"  {escape(ended)}"


def _thresholds(report: RunReport) -> Iterator[str]:
    if not report.thresholds:
        return
    yield "  [bold]THRESHOLDS[/]"
    selector = ""
    for result in report.thresholds:
        if result.selector != selector:
            selector = result.selector
            yield f"    {escape(selector)}"
        yield f"    {_MARKS[result.outcome]} {escape(result.describe())}"
    yield ""


def _checks(report: RunReport) -> Iterator[str]:
    if not report.store.by_check:
        return
    yield "  [bold]CHECKS[/]"
    for name, sink in report.store.by_check.items():
        mark = "[green]✓[/]" if sink.fails == 0 else "[red]✗[/]"
        failed = f", {sink.fails} failed" if sink.fails else ""
        yield f"    {mark} {escape(name)}: {sink.passes} of {sink.total}{failed}"
    yield ""


def _errors(report: RunReport) -> Iterator[str]:
    if not report.store.by_error:
        return
    yield "  [bold]ERRORS[/]"
    for kind, count in sorted(report.store.by_error.items(), key=lambda item: -item[1]):
        yield f"    {escape(kind)}: {count}"
    yield ""


def _ledger(report: RunReport) -> Iterator[str]:
    yield "  [bold]LEDGER[/] (arrivals: scheduled = started + dropped + lost + not yet due)"
    width = max([8, *(len(name) for name in report.ledgers)])
    heads = [column.replace("_", " ") for column in _LEDGER_COLUMNS]
    yield f"    {'scenario':<{width}}  " + "  ".join(f"{head:>11}" for head in heads)
    for name, ledger in report.ledgers.items():
        numbers = ledger.as_dict()
        yield f"    {name:<{width}}  " + "  ".join(f"{numbers[column]:>11}" for column in _LEDGER_COLUMNS)
    yield ""


def _deliveries(report: RunReport) -> Iterator[str]:
    if report.deliveries is None:
        return
    yield (
        "  [bold]DELIVERY[/] (messages: started = delivered + dead letters + still queued + lost "
        "+ not produced)"
    )
    ledger = report.deliveries.ledger
    yield "    " + "  ".join(f"{name.replace('_', ' '):>12}" for name in ledger)
    yield "    " + "  ".join(f"{number:>12}" for number in ledger.values())
    yield ""


def _metrics(report: RunReport) -> Iterator[str]:
    shown = [(name, sink) for name, _, sink in report.store.selectors() if not sink.is_empty]
    if not shown:
        return
    yield "  [bold]METRICS[/]"
    width = max(len(name) for name, _ in shown)
    for name, sink in shown:
        dots = "." * (width - len(name) + 3)
        yield f"    {escape(name)}{dots}: {'  '.join(sink.texts(report.seconds))}"
    yield ""
