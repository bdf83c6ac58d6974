"""From a run's folder to its ``report.html``."""

from __future__ import annotations

from pathlib import Path

from config.errors import ConfigError
from report.html.facts import facts_of
from report.html.page import render
from report.run_files import read_run_files

REPORT_NAME = "report.html"


def write_report(folder: Path, output: Path | None = None) -> Path:
    """Write the report of the run in ``folder`` and return its path (``report.html`` in the folder).

    A report that was there is replaced only once the new one is whole.

    Raises:
        ConfigError: no such folder, a file in it missing or damaged, or the report cannot be written.
    """
    run = read_run_files(folder)
    page = render(run, facts_of(run))
    path = output or folder / REPORT_NAME
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
    return path
