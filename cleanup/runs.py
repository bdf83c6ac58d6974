"""The runs whose people can be deleted, each by the record in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.errors import ConfigError
from config.people_record import PEOPLE_RECORD, PeopleRecord
from config.shown import shown


@dataclass(frozen=True)
class CreatedPeople:
    """The record of a run, and the folder that it was found in."""

    folder: Path
    record: PeopleRecord


def people_of(results_dir: Path, run_id: str) -> CreatedPeople:
    """Return whom a run may have created.

    Raises:
        ConfigError: there is no such run, or its record is missing, damaged, or another run's.
    """
    folder = results_dir / run_id
    if "/" in run_id or not folder.is_dir():
        raise ConfigError(f"{shown(run_id)}: no such run; expected the name of a folder in {results_dir}")
    return _read(folder)


def all_people(results_dir: Path) -> list[CreatedPeople]:
    """Return whom the runs with a record have created, the oldest run first.

    Raises:
        ConfigError: the folder cannot be read, or a record is damaged.
    """
    try:
        folders = sorted(path for path in results_dir.iterdir() if (path / PEOPLE_RECORD).is_file())
    except OSError as error:
        raise ConfigError(f"--results-dir {results_dir}: cannot be read: {error.strerror}") from error
    return [_read(folder) for folder in folders]


def without_repeats(runs: Sequence[CreatedPeople]) -> list[CreatedPeople]:
    """Return the runs without those whose people are all among another's: the pool is the same for all."""
    pools = [created for created in runs if created.record.budget is not None]
    largest = max(pools, key=lambda created: created.record.count, default=None)
    return [created for created in runs if created.record.budget is None or created is largest]


def _read(folder: Path) -> CreatedPeople:
    path = folder / PEOPLE_RECORD
    try:
        record = PeopleRecord.from_json(path.read_bytes())
        # Nobody is deleted before all ids are known to be ours: a record may have been edited.
        for _ in record.ids():
            pass
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path}: expected the record of a run: {error}") from error
    if record.run_id != folder.name:
        raise ConfigError(f"{path}: expected the record of this run, got that of {shown(record.run_id)}")
    return CreatedPeople(folder, record)
