"""The position of a backfill, kept in a file beside its source."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import BaseModel, ConfigDict, NonNegativeInt, ValidationError

from config.errors import ConfigError

_HEAD_BYTES = 64 * 1024


class Position(BaseModel):
    """A position: every line before ``offset`` is delivered or dead-lettered.

    Args:
        source_id: a random id for the de-duplication ids of the lines. It is made when a backfill begins, so
            that another file with the same name and lines has other ids.
        workspace: the workspace that receives the lines.
        head_bytes, head_sha256: the first bytes of the source, by number and hash; another file differs.
        offset: the bytes of the source that are settled.
        delivered, dead: the number of lines delivered and dead-lettered so far.
        letters_from: the bytes that the file of dead letters had before this backfill began.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source_id: str
    workspace: str
    head_bytes: NonNegativeInt
    head_sha256: str
    offset: NonNegativeInt
    delivered: NonNegativeInt
    dead: NonNegativeInt
    letters_from: NonNegativeInt


class PositionFile:
    """The file of a position, locked by one process at a time.

    Args:
        path: the path of the file.

    Raises:
        ConfigError: the file cannot be opened, or another process has locked it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # The lock is a separate file, as every write replaces the file of the position.
        lock_path = path.with_name(path.name + ".lock")
        try:
            self._lock = lock_path.open("a")
        except OSError as error:
            raise ConfigError(f"{lock_path}: can't be written: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise ConfigError(f"{path}: another backfill of this source is running") from None

    def read(self) -> Position | None:
        """Return the position of an earlier run; ``None`` if there is none.

        Raises:
            ConfigError: the file is damaged or cannot be read.
        """
        try:
            return Position.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self.path}: can't be read: {error.strerror}") from error
        except ValidationError:
            raise ConfigError(
                f"{self.path}: expected the position of a backfill; remove the file to start over"
            ) from None

    def write(self, position: Position) -> None:
        """Replace the position atomically; a crash leaves the old one or the new one.

        Raises:
            OSError: for example, the disk is full. The earlier position stays.
        """
        new = self.path.with_name(self.path.name + ".new")
        with new.open("w") as file:
            file.write(position.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()


def head_of(descriptor: int, size: int | None = None) -> tuple[int, str]:
    """Return the length and the SHA-256 of the first ``size`` bytes of a file; ``None`` for 64 KB.

    Raises:
        OSError: the file cannot be read at a position, as a pipe cannot.
    """
    head = os.pread(descriptor, _HEAD_BYTES if size is None else size, 0)
    return len(head), hashlib.sha256(head).hexdigest()
