"""The run that the web UI shows: the open one, or else the last one."""

from __future__ import annotations

from collections.abc import Sequence

from metrics.progress import ScenarioProgress
from metrics.thresholds import ThresholdResult
from report.run_report import RunReport
from run.run import Run


class ShownRun:
    """The figures of a run as they were when its last second closed, and its final ones after its end."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._report: RunReport | None = None
        self._progress: Sequence[ScenarioProgress] = []

    def open(self, run: Run) -> None:
        """Show this run from now on."""
        self._run, self._report = run, None
        self._progress = run.progress()

    def update(self, progress: Sequence[ScenarioProgress]) -> None:
        """Show the figures of the second that closed last."""
        self._progress = progress

    def close(self, report: RunReport, progress: Sequence[ScenarioProgress]) -> None:
        """Show the final figures."""
        self._report, self._progress = report, progress

    @property
    def is_final(self) -> bool:
        """Whether no run is open, and the figures of the last one are its final ones."""
        return self._run is None or self._report is not None

    @property
    def progress(self) -> Sequence[ScenarioProgress]:
        """Each scenario over the last second, or as it ended."""
        return self._progress

    def thresholds(self) -> Sequence[ThresholdResult]:
        """Return the thresholds as of now, or as the summary has them."""
        if self._report is not None:
            return self._report.thresholds
        return self._run.thresholds() if self._run is not None else []

    def start_lag_ms(self) -> float:
        """Return the p99 of all start lags so far, in milliseconds."""
        return self._run.store.trend("start_lag").percentile(99) if self._run is not None else 0.0
