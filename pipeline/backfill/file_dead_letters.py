"""Dead letters as lines of a file."""

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
    """Appends to a file, which is made when the first letter comes. Nothing is ever taken out of it.

    Raises:
        ConfigError: there is something else than a file.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and not path.is_file():
            raise ConfigError(f"--dead-letters: {path}: expected a file, or nothing yet")
        self.path = path
        self._file: FileIO | None = None
        self._there_already: set[_Letter] = set()

    @property
    def size(self) -> int:
        """Bytes of the file.

        Raises:
            OSError: it can't be looked at.
        """
        return self.path.stat().st_size if self.path.exists() else 0

    def expect_again(self, since_bytes: int, offset: int) -> None:
        """Letters that are there already, of lines that will be read again, are not written twice.

        Args:
            since_bytes: bytes of the file before this backfill began.
            offset: lines from this position on will be read again.

        Raises:
            OSError: the file can't be read.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(since_bytes)
            for line in file:
                try:
                    letter = DeadLetter.from_json_line(line)
                except NotALetterError:
                    continue  # cut short, or somebody else's
                if letter.offset >= offset:
                    self._there_already.add(_identity(letter))

    async def write(self, letter: DeadLetter) -> None:
        """See ``DeadLetters``. Safe against the process's end now, against the machine's after ``sync``.

        Raises:
            OSError: the disk is full, for instance, or another backfill is writing to the file.
        """
        if _identity(letter) in self._there_already:
            return
        file = self._file or self._open()
        if not os.fstat(file.fileno()).st_nlink:
            # Somebody has deleted it: what follows belongs into a new one.
            file.close()
            file = self._open()
        line = letter.to_json_line().encode()
        end = os.fstat(file.fileno()).st_size
        if file.write(line) < len(line):
            file.truncate(end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def sync(self) -> None:
        """Makes all letters safe.

        Raises:
            OSError: the disk is full, for instance.
        """
        if self._file is not None:
            os.fsync(self._file.fileno())

    def _open(self) -> FileIO:
        """Opens the file for this process alone, and ends a line that was cut short."""
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
