"""What a finished run leaves: its summary on the terminal and on disk, and its exit code."""

from __future__ import annotations

import logging

from rich.console import Console

from metrics.report import RunReport
from metrics.summary_json import write_summary_json
from metrics.summary_text import print_summary

logger = logging.getLogger("customerio_load")

PASSED_EXIT_CODE = 0
BROKEN_EXIT_CODE = 1
THRESHOLDS_FAILED_EXIT_CODE = 99


def publish(report: RunReport, out: Console) -> int:
    """Write and print the summary; the exit code that the run deserves."""
    is_written = write_summary(report)
    try:
        print_summary(out, report)
    except (OSError, UnicodeError) as error:
        # A closed pipe or a terminal without the letters: the run is what it is all the same.
        logger.error("the summary could not be printed: %s", error)
    if report.is_broken or not is_written:
        return BROKEN_EXIT_CODE
    return PASSED_EXIT_CODE if report.passed else THRESHOLDS_FAILED_EXIT_CODE


def write_summary(report: RunReport) -> bool:
    """Write ``summary.json`` into the run's folder; whether that went well."""
    try:
        write_summary_json(report.folder / "summary.json", report)
    except OSError as error:
        logger.error("summary.json could not be written: %s", error.strerror)
        return False
    return True
