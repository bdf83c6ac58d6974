"""How far a clean-up has come, in a file that a kill at any moment leaves whole."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from config.errors import ConfigError
from pipeline.progress_file import ProgressFile

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
        self._workspace = workspace
        self._file = ProgressFile(
            folder / _JOURNAL,
            _Progress,
            busy="another clean-up of this run is going",
            damaged="expected the journal of a clean-up; remove it to begin anew",
        )

    def read(self) -> int:
        """Return how many of the run's ids are deleted, counted from the first.

        Raises:
            ConfigError: the file is damaged or cannot be read.
        """
        progress = self._file.read()
        return progress.deleted if progress is not None and progress.workspace == self._workspace else 0

    def write(self, deleted: int) -> None:
        """Record that so many ids are deleted; a crash leaves the old number or the new one.

        Raises:
            ConfigError: it cannot be written.
        """
        try:
            self._file.write(_Progress(workspace=self._workspace, deleted=deleted))
        except OSError as error:
            raise ConfigError(f"{self._file.path}: can't be written: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)
