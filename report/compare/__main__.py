"""``python -m report.compare RUN_A RUN_B``: two runs side by side, and whether B is worse than A.

Exit codes: 0, nothing is worse by more than the limits; 99, something is; 2, a mistake, in one line.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from report.compare.judgement import Comparison, Limits, compare
from report.compare.page import write_page
from report.compare.reading import RunError, read_run
from report.compare.table import print_comparison

PASSED_EXIT_CODE = 0
MISTAKE_EXIT_CODE = 2
REGRESSION_EXIT_CODE = 99

DEFAULT_ERROR_POINTS = 1.0
"""Percentage points by which an error rate may rise when only ``--max-regression`` is given."""

# A line of the table is about this wide; a pipe or a CI log has no width of its own.
_LOG_WIDTH = 150


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the runs that the arguments name; the exit code.

    Raises:
        SystemExit: with 2 for wrong arguments, with 0 after ``--help``.
    """
    options = _parser().parse_args(arguments)
    try:
        comparison = compare_folders(options.run_a, options.run_b, _limits(options), options.confidence)
        if options.html:
            write_page(options.html, comparison)
    except RunError as error:
        return _mistake(str(error))
    except OSError as error:
        return _mistake(f"{options.html}: cannot be written: {error.strerror}")
    print_comparison(_console(), comparison)
    return REGRESSION_EXIT_CODE if comparison.regressions else PASSED_EXIT_CODE


def compare_folders(a: Path, b: Path, limits: Limits, confidence: float = 0.95) -> Comparison:
    """Compare two runs' folders; ``RunError`` if one cannot be read, or they have nothing in common."""
    return compare(read_run(a), read_run(b), limits, confidence)


class _OneLineParser(argparse.ArgumentParser):
    """Says a mistake in one line, as the load test does, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISTAKE_EXIT_CODE, f"error: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="python -m report.compare",
        description="Compare two runs: B, the newer one, against A.",
        allow_abbrev=False,
    )
    parser.add_argument("run_a", metavar="RUN_A", type=Path, help="folder of the run before")
    parser.add_argument("run_b", metavar="RUN_B", type=Path, help="folder of the run after")
    parser.add_argument(
        "--max-regression",
        metavar="PERCENT",
        type=_percent,
        help="exit with 99 if a latency percentile (p50, p95, p99) rose by more than this, relative to A, "
        "and by more than noise; with it, error rates are held to --max-error-increase too",
    )
    parser.add_argument(
        "--max-error-increase",
        metavar="POINTS",
        type=_percent,
        help="exit with 99 if an error rate rose by more than these percentage points and by more than "
        f"noise (default: {DEFAULT_ERROR_POINTS:g} with --max-regression, else no limit)",
    )
    parser.add_argument(
        "--confidence",
        metavar="PERCENT",
        type=_confidence,
        default=0.95,
        help="that all intervals together hold the truth (default: 95)",
    )
    parser.add_argument("--html", metavar="PATH", type=Path, help="also write a page")
    return parser


def _limits(options: argparse.Namespace) -> Limits:
    points = options.max_error_increase
    if points is None and options.max_regression is not None:
        points = DEFAULT_ERROR_POINTS
    return Limits(options.max_regression, points)


def _percent(text: str) -> float:
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise argparse.ArgumentTypeError(f"expected a percentage such as 10 or 10%, got {text!r}")
    return value


def _confidence(text: str) -> float:
    value = _percent(text) / 100
    if not 0.5 <= value <= 0.9999:
        raise argparse.ArgumentTypeError(f"expected from 50 to 99.99 percent, got {text!r}")
    return value


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=_LOG_WIDTH)


def _mistake(line: str) -> int:
    sys.stderr.write(f"error: {line}\n")
    return MISTAKE_EXIT_CODE


if __name__ == "__main__":
    sys.exit(main())
