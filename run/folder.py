"""The folder of a run, and the settings in it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.errors import ConfigError
from config.people_record import PEOPLE_RECORD, PeopleRecord


def new_run_id() -> str:
    """Return an id that sorts by time and that no two runs share: ``20261124-231645-3fa9c1``."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def check_writable(results_dir: Path) -> None:
    """Check that runs can be written to a folder. Create it if it does not exist.

    Raises:
        ConfigError: the folder cannot be made or written to.
    """
    probe = results_dir / f".write-check-{secrets.token_hex(3)}"
    try:
        results_dir.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"--results-dir {results_dir}: expected a folder that can be written: {error.strerror}"
        ) from error


def check_file_writable(path: Path, flag: str) -> None:
    """Check that a file can be written, without changing it.

    Raises:
        ConfigError: its folder does not exist or cannot be written to, or the path is a folder.
    """
    target = path if path.exists() else path.parent
    if path.is_dir() or not target.exists() or not os.access(target, os.W_OK):
        raise ConfigError(f"{flag} {path}: expected a file that can be written, in a folder that exists")


def make_run_folder(results_dir: Path, run_id: str, settings: Mapping[str, Any]) -> Path:
    """Make the run's own folder with ``settings.json`` in it.

    Raises:
        ConfigError: it cannot be written.
    """
    folder = results_dir / run_id
    try:
        folder.mkdir(parents=True)
        text = json.dumps(settings, indent=4, default=str) + "\n"
        (folder / "settings.json").write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--results-dir {results_dir}: cannot be written: {error.strerror}") from error
    return folder


def write_people_record(folder: Path, record: PeopleRecord) -> None:
    """Write whom the run may create into its folder, before it creates anybody: a run may be killed.

    Raises:
        ConfigError: it cannot be written.
    """
    path = folder / PEOPLE_RECORD
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write(record.to_json())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
