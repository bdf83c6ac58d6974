"""How far a backfill has come, in a file beside its source."""

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
    """Everything before ``offset`` is delivered or among the dead letters.

    Args:
        source_id: made up when the backfill begins, for the de-duplication ids of its lines: another file may
            have the same name and lines, and be others' all the same.
        workspace: where its lines are delivered to.
        head_bytes, head_sha256: of the source's beginning, so that another file is not taken for it.
        offset: bytes of the source.
        delivered, dead: lines so far.
        letters_from: bytes of the file of dead letters that were there before this backfill.
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
    """The position's file, held by one process at a time.

    Raises:
        ConfigError: it can't be opened, or another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # A file of its own is locked, as the position itself is replaced at every writing.
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
        """The position of an earlier run; ``None`` if there was none.

        Raises:
            ConfigError: the file is damaged or can't be read.
        """
        try:
            return Position.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self.path}: can't be read: {error.strerror}") from error
        except ValidationError:
            raise ConfigError(
                f"{self.path}: expected the position of a backfill; remove it to begin anew"
            ) from None

    def write(self, position: Position) -> None:
        """Replaces the position in one step, safe against a crash.

        Raises:
            OSError: the disk is full, for instance; the earlier position stays.
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
    """How many bytes the beginning of a file has, 64 KB or ``size``, and their SHA-256.

    Raises:
        OSError: the file can't be read at a place, as a pipe can't.
    """
    head = os.pread(descriptor, _HEAD_BYTES if size is None else size, 0)
    return len(head), hashlib.sha256(head).hexdigest()
