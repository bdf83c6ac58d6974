"""``python -m report RUN``: write the HTML report of a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from config.command_line import PASSED, USAGE_ERROR, OneLineParser, print_error
from config.errors import ConfigError
from report.html.page import write_report
from report.run_report import REPORT_NAME


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report, print its path and return the exit code.

    Returns:
        ``PASSED``, or ``USAGE_ERROR`` after one line on standard error that names the folder or file that is
        not as expected.

    Raises:
        SystemExit: with ``USAGE_ERROR`` for wrong arguments, with 0 after ``--help``.
    """
    options = _parser().parse_args(arguments)
    try:
        path = write_report(options.folder, options.output)
    except ConfigError as error:
        print_error(str(error))
        return USAGE_ERROR
    sys.stdout.write(f"{path}\n")
    return PASSED


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="scripts/report.sh", description="Write the HTML report of a run.")
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of the run, results/<run id>")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help=f"file to write (default: {REPORT_NAME} in the folder)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
