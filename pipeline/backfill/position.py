"""The position of a backfill, kept in a file beside its source."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from pipeline.progress_file import ProgressFile

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


class PositionFile(ProgressFile[Position]):
    """The file of a position.

    Raises:
        ConfigError: the file cannot be opened, or another process has locked it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            Position,
            busy="another backfill of this source is running",
            damaged="expected the position of a backfill; remove the file to start over",
        )


def head_of(descriptor: int, size: int | None = None) -> tuple[int, str]:
    """Return the length and the SHA-256 of the first ``size`` bytes of a file; ``None`` for 64 KB.

    Raises:
        OSError: the file cannot be read at a position, as a pipe cannot.
    """
    head = os.pread(descriptor, _HEAD_BYTES if size is None else size, 0)
    return len(head), hashlib.sha256(head).hexdigest()
