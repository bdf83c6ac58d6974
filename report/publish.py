"""What a finished run leaves: its summary on the terminal and on disk, and its exit code."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from config.command_line import ABORTED, BROKEN, PASSED, THRESHOLDS_FAILED
from config.errors import ConfigError
from report.run_report import REPORT_NAME, RunReport
from report.summary.junit_xml import write_junit_xml
from report.summary.k6_export import write_summary_json
from report.summary.k6_handle_summary import write_handle_summary
from report.summary.markdown import write_markdown
from report.summary.text import print_summary

logger = logging.getLogger("customerio_load")

_SUMMARIES: Mapping[str, Callable[[Path, RunReport], None]] = {
    "summary.json": write_summary_json,
    "k6-summary.json": write_handle_summary,
    "junit.xml": write_junit_xml,
    "summary.md": write_markdown,
}


def publish(report: RunReport, out: Console, summary_export: Path | None = None) -> int:
    """Write and print the summary, and return the exit code of the run.

    Args:
        report: the run.
        out: where the summary is printed.
        summary_export: where ``summary.json`` is written as well.
    """
    is_written = write_summary(report) and _write_page(report)
    if summary_export is not None:
        is_written = _write(summary_export, report, write_summary_json) and is_written
    try:
        print_summary(out, report)
    except (OSError, UnicodeError) as error:
        # A closed pipe or a terminal without these characters does not change the result of the run.
        logger.error("the summary could not be printed: %s", error)
    if report.is_broken or not is_written:
        return BROKEN
    if report.is_aborted:
        return ABORTED
    return PASSED if report.passed and report.exceeded is None else THRESHOLDS_FAILED


def _write_page(report: RunReport) -> bool:
    """Write ``report.html`` from the files of the run."""
    # Loaded here: the charts' library takes 40 ms and 3 MB, and a run needs it when everything is sent.
    from report.html.page import write_report

    try:
        write_report(report.folder)
    except ConfigError as error:
        logger.error("report.html could not be written: %s", error)
        return False
    return True


def write_summary(report: RunReport) -> bool:
    """Write the summary in every form made from the report alone; return whether all were written."""
    written = [_write(report.folder / name, report, write) for name, write in _SUMMARIES.items()]
    return all(written)


def missing_files(folder: Path) -> list[str]:
    """Return the names of the files at a run's end that its folder does not have."""
    return [name for name in (*_SUMMARIES, REPORT_NAME) if not (folder / name).exists()]


def _write(path: Path, report: RunReport, write: Callable[[Path, RunReport], None]) -> bool:
    try:
        write(path, report)
    except OSError as error:
        logger.error("%s could not be written: %s", path, error.strerror)
        return False
    return True
