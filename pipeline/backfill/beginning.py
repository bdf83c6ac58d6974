"""Opens the source of a backfill, and continues where an earlier run ended."""

from __future__ import annotations

import os
import stat
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from config.errors import ConfigError
from pipeline.backfill.file_dead_letters import FileDeadLetters
from pipeline.backfill.options import STANDARD_INPUT, BackfillOptions
from pipeline.backfill.position import Position, PositionFile, head_of

_ANEW = "remove it to start over, or name another file with --position"


@contextmanager
def open_source(source: str) -> Iterator[int]:
    """Open the source and yield its file descriptor.

    Raises:
        ConfigError: the source is not a file, or cannot be read.
    """
    if source == STANDARD_INPUT:
        if sys.stdin is None:
            raise ConfigError("--from -: standard input is closed")
        yield sys.stdin.fileno()
        return
    try:
        # Without O_NONBLOCK, opening a pipe blocks until another process opens it for writing.
        descriptor = os.open(source, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"--from: {source}: can't be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigError(f"--from: {source}: expected a file; a pipe is read with --from - < {source}")
        yield descriptor
    finally:
        os.close(descriptor)


def begin(
    descriptor: int,
    options: BackfillOptions,
    position_file: PositionFile | None,
    dead_letters: FileDeadLetters,
    workspace: str,
) -> Position:
    """Return the position at which this run begins, and seek the source to it.

    Raises:
        ConfigError: the position belongs to another source or workspace.
        OSError: a file cannot be read or written.
    """
    earlier = None if position_file is None else position_file.read()
    if earlier is None:
        position = _first(descriptor, dead_letters, workspace)
        if position_file is not None:
            position_file.write(position)
        return position
    if earlier.workspace != workspace:
        raise ConfigError(
            f"{options.position_path}: this is the position of a delivery to another workspace; {_ANEW}"
        )
    if _head(descriptor, earlier.head_bytes) != (earlier.head_bytes, earlier.head_sha256):
        raise ConfigError(
            f"{options.position_path}: this is the position of another file, not of {options.source}; {_ANEW}"
        )
    dead_letters.expect_again(earlier.letters_from, earlier.offset)
    _skip(descriptor, earlier.offset, options)
    return earlier


def _first(descriptor: int, dead_letters: FileDeadLetters, workspace: str) -> Position:
    head_bytes, head_sha256 = _head(descriptor, None)
    return Position(
        source_id=uuid.uuid4().hex,
        workspace=workspace,
        head_bytes=head_bytes,
        head_sha256=head_sha256,
        offset=0,
        delivered=0,
        dead=0,
        letters_from=dead_letters.size,
    )


def _head(descriptor: int, size: int | None) -> tuple[int, str]:
    try:
        return head_of(descriptor, size)
    except OSError:  # a pipe cannot be read without consuming it
        return 0, ""


def _skip(descriptor: int, offset: int, options: BackfillOptions) -> None:
    try:
        size = os.fstat(descriptor).st_size
        os.lseek(descriptor, offset, os.SEEK_SET)
    except OSError:
        left = offset
        while left and (block := os.read(descriptor, min(left, 1 << 16))):
            left -= len(block)
        size = offset - left
    if size < offset:
        raise ConfigError(
            f"{options.source}: expected at least the {offset} bytes that were delivered before, got {size}"
        )
