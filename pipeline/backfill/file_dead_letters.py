"""Writes dead letters as lines of a file."""

from __future__ import annotations

import errno
import fcntl
import os
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from config.errors import ConfigError
from pipeline.dead_letter import DeadLetter, NotALetterError

_Letter = tuple[str, int, str, bytes | None]


class FileDeadLetters:
    """Appends to a file, which is created with the first dead letter. It never removes one.

    Args:
        path: the path of the file.

    Raises:
        ConfigError: ``path`` exists and is not a file.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and not path.is_file():
            raise ConfigError(f"--dead-letters: {path}: expected a file, or nothing yet")
        self.path = path
        self._file: FileIO | None = None
        self._already_written: set[_Letter] = set()

    @property
    def size(self) -> int:
        """The bytes of the file.

        Raises:
            OSError: the file cannot be examined.
        """
        return self.path.stat().st_size if self.path.exists() else 0

    def expect_again(self, since_bytes: int, offset: int) -> None:
        """Remember the dead letters of lines that will be read again, so that none is written twice.

        Args:
            since_bytes: the bytes that the file had before this backfill began.
            offset: the position in the source from which lines will be read again.

        Raises:
            OSError: the file cannot be read.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(since_bytes)
            for line in file:
                try:
                    letter = DeadLetter.from_json_line(line)
                except NotALetterError:
                    continue  # an incomplete line, or not ours
                if letter.offset >= offset:
                    self._already_written.add(_identity(letter))

    async def write(self, letter: DeadLetter) -> None:
        """Write a dead letter; see ``DeadLetters``.

        It survives the end of the process at once, and a crash of the machine after ``sync``.

        Raises:
            OSError: for example, the disk is full or another backfill is writing to the file.
        """
        if _identity(letter) in self._already_written:
            return
        file = self._file or self._open()
        if not os.fstat(file.fileno()).st_nlink:
            # The file was deleted meanwhile. Go on with a new one.
            file.close()
            file = self._open()
        line = letter.to_json_line().encode()
        end = os.fstat(file.fileno()).st_size
        if file.write(line) < len(line):
            file.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def sync(self) -> None:
        """Flush all dead letters to disk.

        Raises:
            OSError: for example, the disk is full.
        """
        if self._file is not None:
            os.fsync(self._file.fileno())

    def _open(self) -> FileIO:
        """Open and lock the file. Add the line feed that an incomplete last line lacks."""
        file = self.path.open("a+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            text = "another backfill is writing its dead letters there"
            raise OSError(errno.EAGAIN, text, str(self.path)) from None
        end = file.seek(0, os.SEEK_END)
        if end and os.pread(file.fileno(), 1, end - 1) != b"\n":
            file.write(b"\n")
        self._file = file
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()


def _identity(letter: DeadLetter) -> _Letter:
    return letter.topic, letter.offset, letter.cause, letter.value
