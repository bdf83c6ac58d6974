"""The file that keeps every event: appended to, synced to the disk, and never rewritten."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class EventLog:
    """A file of JSON lines ``{"event_id", "received", "body"}``; ``body`` is the text that was signed.

    ``append`` returns when the line is on the disk. Lines that come while the disk is busy are written and
    synced together, so that a burst costs a few syncs, not one each.

    Args:
        path: the file; created if there is none.
        sync: without it, a line is handed to the system only: the end of this process loses nothing, and a
            power failure loses the latest seconds.

    Raises:
        OSError: the file can't be opened.
    """

    def __init__(self, path: Path, *, sync: bool = True) -> None:
        self._path = path
        self._sync = sync
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None
        self.size = os.fstat(self._file).st_size
        if self.size and os.pread(self._file, 1, self.size - 1) != b"\n":
            # The process or the machine stopped within a line. Nobody was told that its event is kept.
            self.size += os.write(self._file, b"\n")

    async def append(self, event_id: str, received: float, body: str) -> None:
        """Keep an event.

        Raises:
            OSError: it can't be written, and is not kept.
        """
        line = json.dumps({"event_id": event_id, "received": received, "body": body}) + "\n"
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((line.encode(), kept))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting())
        await kept

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            data = b"".join(line for line, _ in batch)
            try:
                await loop.run_in_executor(None, self._write, data)
            except OSError as error:
                for _, kept in batch:
                    if not kept.done():
                        kept.set_exception(error)
                continue
            self.size += len(data)
            for _, kept in batch:
                if not kept.done():
                    kept.set_result(None)
        self._writer = None

    def _write(self, data: bytes) -> None:
        """Write all of ``data``, or none of it."""
        start = os.fstat(self._file).st_size
        try:
            rest = data
            while rest:
                rest = rest[os.write(self._file, rest) :]
            if self._sync:
                os.fdatasync(self._file)
        except OSError:
            # Half a batch would be kept although its senders are told that it is not.
            os.ftruncate(self._file, start)
            raise

    def close(self) -> None:
        """Close the file. Call after the last ``append`` has returned."""
        os.close(self._file)


def read_events(path: Path, start: int = 0, end: int | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the whole events between two positions of the file, each with the position behind it.

    A line that was cut off is left out.
    """
    with path.open("rb") as file:
        position = file.seek(start)
        for line in file:
            position += len(line)
            if end is not None and position > end:
                return
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict) and line.endswith(b"\n"):
                yield position, event
