"""Progress of a run: a bar per scenario on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from config.durations import format_duration, format_milliseconds
from metrics.thresholds import ThresholdOutcome, ThresholdResult

PLAIN_LINE_SECONDS = 10
"""How often a run that is not on a terminal says how it goes."""

_BAR_COLUMNS = 24
# rich's own colour for a bar that is not full is a red, as of an error.
_BAR_STYLE = "cyan"
_MARKS = {
    ThresholdOutcome.PASSED: ("✓", "green"),
    ThresholdOutcome.FAILED: ("✗", "red"),
    ThresholdOutcome.NO_SAMPLES: ("○", "yellow"),
}


@dataclass(frozen=True)
class ScenarioProgress:
    """One scenario now: seconds gone and in all, started and scheduled arrivals/s, VUs, counts so far."""

    name: str
    elapsed: float
    duration: float
    actual_rate: float
    scheduled_rate: float
    vus_busy: int
    vus: int
    started: int
    dropped: int
    failed: int

    @property
    def time(self) -> str:
        """How far the scenario is: ``20s/54s``."""
        shown = min(max(self.elapsed, 0.0), self.duration)
        return f"{format_duration(int(shown))}/{format_duration(round(self.duration, 1))}"

    @property
    def seconds_left(self) -> float:
        """Until its schedule is over."""
        return max(0.0, self.duration - self.elapsed)

    @property
    def figures(self) -> str:
        """Everything but the name and the bar; what went wrong only if something has."""
        return (
            f"{self.time}  {self.actual_rate:.0f} of {self.scheduled_rate:.0f}/s  "
            f"{self.vus_busy}/{self.vus} VUs"
            + (f"  {self.dropped} dropped" if self.dropped else "")
            + (f"  {self.failed} errors" if self.failed else "")
        )


@dataclass(frozen=True)
class RunProgress:
    """All scenarios now, the 95th percentile of all response times so far in ms, and the thresholds.

    ``error_share`` is the rate of the metric ``errors``, as thresholds have it: of ended iterations.
    """

    scenarios: Sequence[ScenarioProgress]
    p95_ms: float
    error_share: float
    thresholds: Sequence[ThresholdResult]

    @property
    def figures(self) -> str:
        """What there is to know of the run as a whole, in words."""
        left = max((scenario.seconds_left for scenario in self.scenarios), default=0.0)
        started = sum(scenario.started for scenario in self.scenarios)
        failed = sum(scenario.failed for scenario in self.scenarios)
        share = f" ({self.error_share * 100:.4g}%)" if failed else ""
        return (
            f"{format_duration(round(left))} left  {started} started  "
            f"p95 {format_milliseconds(self.p95_ms)}  {failed} errors{share}"
        )


class ProgressView(Protocol):
    """Shows how a run goes, once a second."""

    def update(self, second: int, run: RunProgress) -> None:
        """Show second number ``second`` of the run."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def new_progress(console: Console) -> ProgressView:
    """Return a view that fits the console: bars on a terminal, plain lines elsewhere."""
    return BarProgress(console) if console.is_terminal else PlainProgress(console)


class NoProgress:
    """Shows nothing, for ``--quiet``."""

    def update(self, second: int, run: RunProgress) -> None:
        pass

    def close(self) -> None:
        pass


class PlainProgress:
    """A line per scenario every ten seconds, and one for the whole run."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def update(self, second: int, run: RunProgress) -> None:
        if second % PLAIN_LINE_SECONDS:
            return
        lines = [f"{scenario.name}: {scenario.figures}" for scenario in run.scenarios]
        failing = [result for result in run.thresholds if not result.passed]
        for line in [*lines, run.figures, *(f"✗ {_threshold(result)}" for result in failing)]:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        pass


class BarProgress:
    """A bar per scenario that stays at the bottom, below the log, and the run as a whole below the bars."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=_BAR_COLUMNS, complete_style=_BAR_STYLE, finished_style=_BAR_STYLE),
            TextColumn("{task.fields[figures]}"),
        )
        self._tasks: dict[str, TaskID] = {}
        # Drawn by update() alone: a refresh of its own would be one more thread beside the VUs.
        self._live = Live(self._progress, console=console, auto_refresh=False)
        self._plain_stderr = sys.stderr
        self._live.start()
        _move_log_handlers(self._plain_stderr, sys.stderr)

    def update(self, second: int, run: RunProgress) -> None:
        for scenario in run.scenarios:
            if scenario.name not in self._tasks:
                self._tasks[scenario.name] = self._progress.add_task(
                    scenario.name, total=scenario.duration, figures=""
                )
            completed = min(max(scenario.elapsed, 0.0), scenario.duration)
            self._progress.update(self._tasks[scenario.name], completed=completed, figures=scenario.figures)
        below = [Text(run.figures), *_threshold_lines(run.thresholds, self._live.console.width)]
        self._live.update(Group(self._progress, *below), refresh=True)

    def close(self) -> None:
        _move_log_handlers(sys.stderr, self._plain_stderr)
        # The summary says what the lines below the bars said.
        self._live.update(self._progress)
        self._live.stop()


def _threshold_lines(results: Sequence[ThresholdResult], width: int) -> list[Text]:
    """Return all thresholds with their values, as many on a line as fit. No line breaks within one."""
    lines: list[Text] = []
    for result in results:
        mark, style = _MARKS[result.outcome]
        shown = Text.assemble((mark, style), " ", _threshold(result))
        if lines and len(lines[-1]) + 2 + len(shown) <= width:
            lines[-1].append("  ").append_text(shown)
        else:
            lines.append(shown)
    return lines


def _threshold(result: ThresholdResult) -> str:
    return f"{result.selector} {result.source} ({result.value_text})"


def _move_log_handlers(from_stream: TextIO, to_stream: TextIO) -> None:
    """Send log lines through rich while bars are shown, so that they appear above them."""
    for handler in _stream_handlers(lambda stream: stream is from_stream):
        handler.setStream(to_stream)


def _stream_handlers(wanted: Callable[[object], bool]) -> list[logging.StreamHandler[TextIO]]:
    loggers = [logging.getLogger(name) for name in (None, "locust", "locust.stats_logger")]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    return [
        handler
        for handler in handlers
        if isinstance(handler, logging.StreamHandler) and wanted(handler.stream)
    ]
