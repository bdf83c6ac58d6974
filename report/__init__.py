"""The HTML report of a run: one file that opens offline, made from the run's folder alone."""

from report.write import REPORT_NAME, write_report

__all__ = ["REPORT_NAME", "write_report"]
