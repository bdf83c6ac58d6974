"""How far a clean-up has come, in a file that a kill at any moment leaves whole."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from config.errors import ConfigError

_JOURNAL = "cleanup.json"


class _Progress(BaseModel):
    model_config = ConfigDict(extra="forbid")

    workspace: str
    deleted: NonNegativeInt


class Journal:
    """The journal of one run's clean-up, which one process at a time may write.

    Args:
        folder: the run's.
        workspace: where its people are deleted. What was deleted elsewhere counts for nothing here.

    Raises:
        ConfigError: the file cannot be used, or another clean-up of the run is going.
    """

    def __init__(self, folder: Path, workspace: str) -> None:
        self._path = folder / _JOURNAL
        self._workspace = workspace
        try:
            # Another file than the journal, which every write replaces.
            self._lock = (folder / f".{_JOURNAL}.lock").open("a")
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise ConfigError(f"{self._path}: another clean-up of this run is going") from None

    def read(self) -> int:
        """Return how many of the run's ids are deleted, counted from the first.

        Raises:
            ConfigError: the file is damaged or cannot be read.
        """
        try:
            progress = _Progress.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be read: {error.strerror}") from error
        except ValidationError:
            raise ConfigError(
                f"{self._path}: expected the journal of a clean-up; remove it to begin anew"
            ) from None
        return progress.deleted if progress.workspace == self._workspace else 0

    def write(self, deleted: int) -> None:
        """Record that so many ids are deleted; a crash leaves the old number or the new one.

        Raises:
            ConfigError: it cannot be written.
        """
        new = self._path.with_name(f".{_JOURNAL}.new")
        try:
            with new.open("w", encoding="utf-8") as file:
                file.write(_Progress(workspace=self._workspace, deleted=deleted).model_dump_json() + "\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()
