"""``python -m report RESULTS/<run id>``: write the HTML report of a run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from config.errors import ConfigError
from report.html.write import REPORT_NAME, write_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report and print its path.

    Returns:
        0, or 2 when the folder or a file in it is not as expected (one line on stderr says which).
    """
    parser = argparse.ArgumentParser(prog="python -m report", description="Write the HTML report of a run.")
    parser.add_argument("folder", type=Path, metavar="RESULTS/<run id>", help="the folder of a run")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help=f"the file to write (default: {REPORT_NAME} in the folder)",
    )
    options = parser.parse_args(arguments)
    try:
        path = write_report(options.folder, options.output)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
