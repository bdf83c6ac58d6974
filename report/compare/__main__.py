"""``python -m report.compare RUN_A RUN_B``: two runs side by side, and whether B is worse than A.

Exit codes: 0 if nothing is worse by more than the limits, 99 if something is, 2 after one line on standard
error if an argument or a file is wrong.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from config.command_line import PASSED, THRESHOLDS_FAILED, USAGE_ERROR, OneLineParser, print_error
from config.errors import ConfigError
from report.compare.judgement import Comparison, Limits, compare
from report.compare.page import write_page
from report.compare.reading import read_run
from report.compare.table import print_comparison

DEFAULT_ERROR_POINTS = 1.0
"""Percentage points by which an error rate may rise when only ``--max-regression`` is given."""

# A line of the table is about this wide. A pipe or a CI log has no width of its own.
_LOG_WIDTH = 150


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the runs that the arguments name and return the exit code.

    Raises:
        SystemExit: with ``USAGE_ERROR`` for wrong arguments, with 0 after ``--help``.
    """
    options = _parser().parse_args(arguments)
    try:
        comparison = compare_folders(options.run_a, options.run_b, _limits(options), options.confidence)
        if options.html:
            write_page(options.html, comparison)
    except ConfigError as error:
        print_error(str(error))
        return USAGE_ERROR
    except OSError as error:
        print_error(f"{options.html}: cannot be written: {error.strerror}")
        return USAGE_ERROR
    print_comparison(_console(), comparison)
    return THRESHOLDS_FAILED if comparison.regressions else PASSED


def compare_folders(a: Path, b: Path, limits: Limits, confidence: float = 0.95) -> Comparison:
    """Compare two runs' folders; ``ConfigError`` if one cannot be read or they have nothing in common."""
    return compare(read_run(a), read_run(b), limits, confidence)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="scripts/compare.sh",
        description="Compare two runs: B, the newer one, with A.",
    )
    parser.add_argument("run_a", metavar="RUN_A", type=Path, help="folder of the run before")
    parser.add_argument("run_b", metavar="RUN_B", type=Path, help="folder of the run after")
    parser.add_argument(
        "--max-regression",
        metavar="PERCENT",
        type=_percent,
        help="exit with 99 if a latency percentile (p50, p95, p99) rose by more than this percentage of A "
        "and by more than noise; also sets the default of --max-error-increase",
    )
    parser.add_argument(
        "--max-error-increase",
        metavar="POINTS",
        type=_percent,
        help="exit with 99 if an error rate rose by more than this many percentage points and by more than "
        f"noise (default: {DEFAULT_ERROR_POINTS:g} with --max-regression, no limit without)",
    )
    parser.add_argument(
        "--confidence",
        metavar="PERCENT",
        type=_confidence,
        default=0.95,
        help="confidence that all intervals together contain the true values (default: 95)",
    )
    parser.add_argument("--html", metavar="PATH", type=Path, help="also write the comparison as an HTML page")
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


if __name__ == "__main__":
    sys.exit(main())
