"""The one reader of a run's folder: ``settings.json``, ``summary.json`` and ``metrics.csv``.

Whatever stands in these files, a reader gets checked values or a ``ConfigError`` of one line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from config.threshold_grammar import parse_expression
from report.json_object import JsonObject, read_json
from report.rows import Row, read_rows
from report.run_summary import RunSummary, summary_from_json
from report.scenarios import PlannedScenario, planned_scenarios


@dataclass(frozen=True)
class RunSettings:
    """What a run was started with; ``thresholds`` are pairs of a metric and an expression."""

    run_id: str
    target: str | None
    is_standin: bool
    plan: str | None
    arguments: Mapping[str, Any]
    scenarios: Sequence[PlannedScenario]
    thresholds: Sequence[tuple[str, str]]


class RunFolder:
    """The folder of a run, read file by file as it is asked.

    Raises:
        ConfigError: there is no such folder.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise ConfigError(f"{path}: no such folder; expected that of a run, such as results/<run id>")
        self.path = path

    def settings(self) -> RunSettings:
        """Read ``settings.json``; ``ConfigError`` if it is missing or damaged."""
        path = self.path / "settings.json"
        value = read_json(path, "expected the folder of a run")
        try:
            return _settings(JsonObject(value), default_run_id=self.path.resolve().name)
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"{path}: not the settings of a run: {error}") from error

    @property
    def has_summary(self) -> bool:
        """Whether there is a ``summary.json``; a run that was killed before its end has none."""
        return (self.path / "summary.json").exists()

    def summary(self) -> RunSummary:
        """Read ``summary.json``; ``ConfigError`` if it is missing or damaged."""
        path = self.path / "summary.json"
        value = read_json(path, "the run has not ended, or was killed")
        try:
            return summary_from_json(value)
        except ValueError as error:
            raise ConfigError(f"{path}: not the summary of a run: {error}") from error

    @property
    def has_rows(self) -> bool:
        """Whether there is a ``metrics.csv``."""
        return (self.path / "metrics.csv").exists()

    def rows(self) -> list[Row]:
        """Read ``metrics.csv``; ``ConfigError`` if it is missing or damaged."""
        return read_rows(self.path / "metrics.csv")


def _settings(data: JsonObject, default_run_id: str) -> RunSettings:
    profile = data.child("profile")
    planned = profile.child("thresholds", is_optional=True)
    thresholds = [
        (metric, options.child("threshold").text("source"))
        for metric in planned
        for options in planned.children(metric)
    ]
    for _, source in thresholds:
        parse_expression(source)
    arguments = data.child("arguments", is_optional=True)
    return RunSettings(
        run_id=data.text("run_id", default_run_id),
        target=data.text("target") if "target" in data else None,
        is_standin=data.flag("is_standin", False),
        plan=data.text("plan") if "plan" in data else None,
        arguments={name: arguments.raw(name) for name in arguments},
        scenarios=planned_scenarios(profile),
        thresholds=thresholds,
    )
