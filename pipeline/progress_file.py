"""How far a command has come, in a file that one process at a time may use and that a kill leaves whole."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from pydantic import BaseModel, ValidationError

from config.errors import ConfigError

Progress = TypeVar("Progress", bound=BaseModel)


class ProgressFile(Generic[Progress]):
    """A file with one model, locked by one process at a time.

    Args:
        path: the path of the file.
        model: what is in it.
        busy: what the error says if another process has locked it.
        damaged: what the error says if something else is in it.

    Raises:
        ConfigError: the file cannot be opened, or another process has locked it.
    """

    def __init__(self, path: Path, model: type[Progress], *, busy: str, damaged: str) -> None:
        self.path = path
        self._model = model
        self._damaged = damaged
        # The lock is a separate file, as every write replaces the file itself.
        lock_path = path.with_name(path.name + ".lock")
        try:
            self._lock = lock_path.open("a")
        except OSError as error:
            raise ConfigError(f"{lock_path}: can't be written: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise ConfigError(f"{path}: {busy}") from None

    def read(self) -> Progress | None:
        """Return what an earlier run has written; ``None`` if there is none.

        Raises:
            ConfigError: the file is damaged or cannot be read.
        """
        try:
            return self._model.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self.path}: can't be read: {error.strerror}") from error
        except ValidationError:
            raise ConfigError(f"{self.path}: {self._damaged}") from None

    def write(self, progress: Progress) -> None:
        """Replace it atomically; a crash leaves the old one or the new one.

        Raises:
            OSError: for example, the disk is full. The earlier one stays.
        """
        new = self.path.with_name(self.path.name + ".new")
        with new.open("w", encoding="utf-8") as file:
            file.write(progress.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()
