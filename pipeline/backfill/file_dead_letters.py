"""Dead letters as lines of a file."""

from __future__ import annotations

import errno
import os
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.dead_letter import DeadLetter


class FileDeadLetters:
    """Appends to a file, which is made when the first letter comes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None
        self._ends_whole = True

    @property
    def size(self) -> int:
        """Bytes of the file.

        Raises:
            OSError: it can't be looked at.
        """
        return self.path.stat().st_size if self.path.exists() else 0

    def drop_after(self, keep_bytes: int, offset: int) -> None:
        """Drops the letters of lines that will be read again.

        Args:
            keep_bytes: of the file's beginning: letters that were there before this backfill.
            offset: of what follows, letters of lines from this position on are dropped.

        Raises:
            OSError: the file can't be read or written.
        """
        if not self.path.exists():
            return
        new = self.path.with_name(self.path.name + ".new")
        with self.path.open("rb") as old, new.open("wb") as kept:
            kept.write(old.read(keep_bytes))
            for line in old:
                # A line that was cut short is of a line that was not settled.
                if line.endswith(b"\n") and DeadLetter.from_json_line(line.decode()).offset < offset:
                    kept.write(line)
            kept.flush()
            os.fsync(kept.fileno())
        new.replace(self.path)

    async def write(self, letter: DeadLetter) -> None:
        """See ``DeadLetters``. Safe against the process's end now, against the machine's after ``sync``.

        Raises:
            OSError: the disk is full, for instance.
        """
        if self._file is None:
            self._file = self.path.open("ab", buffering=0)
        line = letter.to_json_line().encode()
        if self._ends_whole:
            # Until the whole line is there: after a part of one nothing may follow.
            self._ends_whole = False
            self._ends_whole = self._file.write(line) == len(line)
        if not self._ends_whole:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def sync(self) -> None:
        """Makes all letters safe.

        Raises:
            OSError: the disk is full, for instance.
        """
        if self._file is not None:
            os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
