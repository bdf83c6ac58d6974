"""Progress of a run: a bar per scenario on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from config.durations import format_duration

PLAIN_LINE_SECONDS = 10
"""How often a run that is not on a terminal says how it goes."""


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
        return f"{format_duration(int(shown))}/{format_duration(self.duration)}"

    @property
    def figures(self) -> str:
        """Everything but the name and the bar."""
        return (
            f"{self.time}  "
            f"{self.actual_rate:.0f}/s of {self.scheduled_rate:.0f}/s  "
            f"{self.vus_busy}/{self.vus} VUs busy  {self.dropped} dropped  {self.failed} errors"
        )


class ProgressView(Protocol):
    """Shows how a run goes, once a second."""

    def update(self, second: int, scenarios: Sequence[ScenarioProgress]) -> None:
        """Show second number ``second`` of the run."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def new_progress() -> ProgressView:
    """Return a view that fits standard error: bars on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    return BarProgress(console) if console.is_terminal else PlainProgress(console)


class PlainProgress:
    """A line per scenario every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def update(self, second: int, scenarios: Sequence[ScenarioProgress]) -> None:
        if second % PLAIN_LINE_SECONDS:
            return
        for scenario in scenarios:
            self._console.print(
                f"{scenario.name}: {scenario.figures}", highlight=False, markup=False, soft_wrap=True
            )

    def close(self) -> None:
        pass


class BarProgress:
    """A bar per scenario that stays at the bottom, below the log."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[figures]}")
        )
        self._tasks: dict[str, TaskID] = {}
        # Drawn by update() alone: a refresh of its own would be one more thread beside the VUs.
        self._live = Live(self._progress, console=console, auto_refresh=False)
        self._plain_stderr = sys.stderr
        self._live.start()
        _move_log_handlers(self._plain_stderr, sys.stderr)

    def update(self, second: int, scenarios: Sequence[ScenarioProgress]) -> None:
        for scenario in scenarios:
            if scenario.name not in self._tasks:
                self._tasks[scenario.name] = self._progress.add_task(
                    scenario.name, total=scenario.duration, figures=""
                )
            completed = min(max(scenario.elapsed, 0.0), scenario.duration)
            self._progress.update(self._tasks[scenario.name], completed=completed, figures=scenario.figures)
        self._live.refresh()

    def close(self) -> None:
        _move_log_handlers(sys.stderr, self._plain_stderr)
        self._live.stop()


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
