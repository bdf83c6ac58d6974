"""The files of a run's folder, read and checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from report.html.plan import PlannedScenario, planned_scenarios
from report.html.rows import Row, read_rows


@dataclass(frozen=True)
class RunFiles:
    """What a run left behind; ``summary`` is ``None`` for a run that was killed before its end."""

    run_id: str
    settings: Mapping[str, Any]
    scenarios: Sequence[PlannedScenario]
    summary: Mapping[str, Any] | None
    rows: Sequence[Row]


def read_run_files(folder: Path) -> RunFiles:
    """Read ``settings.json``, ``metrics.csv`` and, where there is one, ``summary.json``.

    Raises:
        ConfigError: no such folder, or a file missing or damaged; the file is named.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; expected the folder of a run, results/<run id>")
    settings = _read_object(folder / "settings.json")
    try:
        scenarios = planned_scenarios(settings["profile"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{folder / 'settings.json'}: the profile in it is damaged ({error})") from error
    summary_path = folder / "summary.json"
    summary = _read_object(summary_path) if summary_path.exists() else None
    if summary is not None:
        for part in ("metrics", "ledger", "generator", "verdict", "run"):
            if not isinstance(summary.get(part), dict):
                raise ConfigError(f"{summary_path}: damaged: {part!r} is missing")
    run_id = str(settings.get("run_id", folder.resolve().name))
    return RunFiles(run_id, settings, scenarios, summary, read_rows(folder / "metrics.csv"))


def _read_object(path: Path) -> Mapping[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: not valid JSON") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected a JSON object")
    return value
