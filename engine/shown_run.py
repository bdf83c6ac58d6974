"""The run that the web UI shows: the open one, or else the last one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from metrics.live_seconds import LiveSeconds
from metrics.progress import ScenarioProgress
from metrics.thresholds import ThresholdOutcome, ThresholdResult
from report.run_report import RunReport
from run.preparation import Preparation
from run.run import Run, yield_to_arrivals
from shapes.rate_options import schedule_of


def live_seconds(preparation: Preparation) -> LiveSeconds:
    """Return what keeps the seconds of a run that is about to be opened."""
    scenarios = [
        (options.start_time, schedule_of(options)) for options in preparation.profile.scenarios.values()
    ]

    def scheduled_by(second: float) -> int:
        return sum(schedule.due_by(second - start_time) for start_time, schedule in scenarios)

    return LiveSeconds(scheduled_by, yield_to_arrivals)


class ShownRun:
    """The figures of a run as they were when its last second closed, and its final ones after its end."""

    def __init__(self) -> None:
        self._run: Run | None = None
        self._report: RunReport | None = None
        self._progress: Sequence[ScenarioProgress] = []
        self._live: LiveSeconds | None = None
        self._outcomes: dict[tuple[str, str], list[ThresholdOutcome]] = {}

    def open(self, run: Run, live: LiveSeconds | None = None) -> None:
        """Show this run from now on; its seconds are those of ``live``."""
        self._run, self._report, self._live = run, None, live
        self._progress = run.progress()
        self._outcomes = {}

    def update(self, progress: Sequence[ScenarioProgress]) -> None:
        """Show the figures of the second that closed last."""
        self._progress = progress
        if self._live is not None:
            for threshold in self.thresholds():
                history = self._outcomes.setdefault((threshold.selector, threshold.source), [])
                history.append(threshold.outcome)

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

    @property
    def run_id(self) -> str | None:
        """The id of the run; ``None`` before the first one."""
        return self._run.run_id if self._run is not None else None

    @property
    def folder(self) -> Path | None:
        """The folder of the run; ``None`` before the first one."""
        return self._run.folder if self._run is not None else None

    @property
    def report(self) -> RunReport | None:
        """The report of the run, after its end."""
        return self._report

    @property
    def live(self) -> LiveSeconds | None:
        """The seconds of the run, if they are kept."""
        return self._live

    def outcomes(self, threshold: ThresholdResult) -> Sequence[ThresholdOutcome]:
        """Return how a threshold stood at the end of each second in which it could be judged."""
        return self._outcomes.get((threshold.selector, threshold.source), [])

    def start_lag_ms(self) -> float:
        """Return the p99 of all start lags so far, in milliseconds."""
        return self._run.store.trend("start_lag").percentile(99) if self._run is not None else 0.0
