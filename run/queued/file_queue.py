"""A file as the queue, for a run without a broker: messages are appended, and a worker follows it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from users.message_queue import ID_ATTRIBUTE, NotQueuedError, QueuedMessage
from users.outcome import Failure, FailureKind


class FileQueue:
    """A queue in a file, with a message per line.

    Args:
        path: is made here.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"the file {path.name}"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    @property
    def fault(self) -> None:
        """Nothing: a file has no process that could end."""
        return None

    def put(self, message: QueuedMessage, timeout_seconds: float) -> None:
        """Append a message. This is a copy into the system's cache, of some 10 us, and so has no timeout."""
        line = message.value + b"\n"
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise NotQueuedError(Failure(FailureKind.NOT_QUEUED, f"{self.path}: {error.strerror}")) from error
        if written < len(line):
            raise NotQueuedError(Failure(FailureKind.NOT_QUEUED, f"{self.path}: written in part"))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def ids_of_lines(path: Path, offset: int) -> Iterator[str]:
    """Yield the ids of a queue's messages from a byte on."""
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            found = id_of_value(line)
            if found is not None:
                yield found


def id_of_letter(line: bytes) -> str | None:
    """Return the id of the message in a line of a file of dead letters; ``None`` if it has none."""
    letter = _object(line)
    value = letter.get("value")
    return id_of_value(value.encode()) if isinstance(value, str) else None


def id_of_value(value: bytes) -> str | None:
    """Return the id in a message; ``None`` if it is none of a load test."""
    payload = _object(value).get("payload")
    if not isinstance(payload, dict):
        return None
    properties = payload.get("properties")
    for holder in (payload, properties if isinstance(properties, dict) else {}):
        found = holder.get(ID_ATTRIBUTE)
        if isinstance(found, str):
            return found
    return None


def _object(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
