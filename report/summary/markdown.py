"""``summary.md``: what a pull request needs to know of a run, short enough for a comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from config.durations import format_duration, format_milliseconds
from metrics.sinks import TrendSink
from metrics.thresholds import ThresholdOutcome
from report.run_report import RunReport

LONGEST_CHARACTERS = 60_000
"""A comment on GitHub holds 65 536 characters; a job's summary and GitLab's notes hold more."""

_MARKS = {ThresholdOutcome.PASSED: "✅", ThresholdOutcome.FAILED: "❌", ThresholdOutcome.NO_SAMPLES: "⚪"}
_MOST_ERROR_KINDS = 20
_KEY_METRICS = ("http_reqs", "http_req_failed", "errors", "iterations", "dropped_iterations")
_LEDGER_COLUMNS = ("scheduled", "started", "dropped", "lost", "not_yet_due", "completed", "interrupted")
# What would be markup within a line in GitHub's or GitLab's dialect; @ and # would name somebody or
# something, and a colon makes addresses and emoji.
_MARKUP = re.compile(r"[\\`*_{}\[\]<>#|~@&$:]")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


def write_markdown(path: Path, report: RunReport) -> None:
    """Write the summary; ``OSError`` if the file cannot be written."""
    # A fault may name a file whose name is not UTF-8.
    path.write_text(markdown_of(report), encoding="utf-8", errors="replace")


def markdown_of(report: RunReport) -> str:
    """Return the summary as Markdown with tables, of at most ``LONGEST_CHARACTERS``."""
    text = "\n".join(_lines(report)) + "\n"
    if len(text) <= LONGEST_CHARACTERS:
        return text
    shortened = "\n\nShortened: `summary.json` has the rest.\n"
    # Cut between lines, so that no table row is left in two halves.
    return text[: LONGEST_CHARACTERS - len(shortened)].rpartition("\n")[0] + shortened


def _lines(report: RunReport) -> Iterator[str]:
    yield f"### {_outcome(report)}"
    yield ""
    mark = "✅" if report.verdict.kept_schedule else "⚠️"
    yield f"{mark} {_escape(report.verdict.line)}"
    yield ""
    if report.queue is not None:
        yield _escape(report.queue.line)
        yield ""
    if report.deliveries is not None:
        counts = ", ".join(
            f"{number} {name.replace('_', ' ')}" for name, number in report.deliveries.ledger.items()
        )
        yield _escape(f"Messages: {counts}. {report.deliveries.line}")
        yield ""
    for note in report.notes:
        yield f"⚠️ {_escape(note)}"
        yield ""
    yield f"{_escape(report.ended_by)} after {format_duration(report.seconds)}, run {_code(report.run_id)}"
    yield ""
    yield from _thresholds(report)
    yield from _checks(report)
    yield from _latencies(report)
    yield from _metrics(report)
    yield from _ledger(report)
    yield from _errors(report)


def _outcome(report: RunReport) -> str:
    if report.is_broken:
        return "❌ Load test: the run itself broke"
    failed = sum(not result.passed for result in report.thresholds)
    if failed:
        return f"❌ Load test: {failed} of {len(report.thresholds)} thresholds failed"
    if not report.thresholds:
        return "✅ Load test: no thresholds"
    unjudged = sum(result.has_no_samples for result in report.thresholds)
    if unjudged:
        return f"✅ Load test: no threshold failed, {unjudged} of {len(report.thresholds)} had no samples"
    return "✅ Load test: all thresholds passed"


def _thresholds(report: RunReport) -> Iterator[str]:
    rows = [
        (
            _MARKS[result.outcome],
            _code(result.selector),
            _code(result.source),
            str(ThresholdOutcome.NO_SAMPLES) if result.has_no_samples else result.value_text,
        )
        for result in report.thresholds
    ]
    yield from _table(("", "Metric", "Threshold", "Value"), rows)


def _checks(report: RunReport) -> Iterator[str]:
    rows = [
        ("✅" if sink.fails == 0 else "❌", _escape(name), f"{sink.passes} of {sink.total}")
        for name, sink in report.store.by_check.items()
    ]
    yield from _table(("", "Check", "Passed"), rows)


def _latencies(report: RunReport) -> Iterator[str]:
    rows = [
        (
            _code(name),
            str(sink.count),
            *(format_milliseconds(sink.percentile(percent)) for percent in (50, 95, 99)),
            format_milliseconds(sink.max),
        )
        for name, _, sink in report.store.selectors()
        if isinstance(sink, TrendSink) and not sink.is_empty and _is_latency(name)
    ]
    yield from _table(("Latency", "Count", "p50", "p95", "p99", "max"), rows)


def _is_latency(name: str) -> bool:
    # An iteration is mostly its pause.
    return name.endswith("_duration") and name != "iteration_duration"


def _metrics(report: RunReport) -> Iterator[str]:
    sinks = [(name, report.store.sink(name)) for name in _KEY_METRICS]
    rows = [(_code(name), ", ".join(sink.texts(report.seconds))) for name, sink in sinks if not sink.is_empty]
    yield from _table(("Metric", "Value"), rows)


def _ledger(report: RunReport) -> Iterator[str]:
    rows = []
    for name, ledger in report.ledgers.items():
        numbers = ledger.as_dict()
        rows.append((_code(name), *(str(numbers[column]) for column in _LEDGER_COLUMNS)))
    yield from _table(("Ledger", *(column.replace("_", " ") for column in _LEDGER_COLUMNS)), rows)


def _errors(report: RunReport) -> Iterator[str]:
    kinds = sorted(report.store.by_error.items(), key=lambda item: (-item[1], item[0]))
    rows = [(_escape(kind), str(count)) for kind, count in kinds[:_MOST_ERROR_KINDS]]
    if len(kinds) > _MOST_ERROR_KINDS:
        rows.append(("all others", str(sum(count for _, count in kinds[_MOST_ERROR_KINDS:]))))
    yield from _table(("Errors", "Count"), rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield a table, or nothing if it has no rows; text to the left, figures to the right."""
    if not rows:
        return
    yield f"| {' | '.join(headings)} |"
    texts = {"", "Metric", "Threshold", "Check", "Latency", "Ledger", "Errors"}
    yield f"|{'|'.join('---' if heading in texts else '--:' for heading in headings)}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _escape(text: str) -> str:
    """Return plain text: no markup, no link, no mention, no cell border, no line break."""
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", _BREAKS.sub(" ", text))


def _code(text: str) -> str:
    """Return text as code. A pipe would end the cell even within code, and a backtick the code."""
    flat = _BREAKS.sub(" ", text).strip()
    if "`" in flat or "\\" in flat or not flat:
        return _escape(flat)
    return f"`{flat}`".replace("|", "\\|")
