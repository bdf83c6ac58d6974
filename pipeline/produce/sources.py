"""Where the command takes messages from: lines of a file, or its own invention."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, Iterable
from typing import Protocol

from config.errors import ConfigError
from pipeline.backfill.lines import MOST_LINE_BYTES, LineSplitter, SourceLine
from pipeline.backfill.source import BlockReader
from pipeline.delivery.message import PoisonError
from pipeline.produce import outgoing
from pipeline.produce.outgoing import OutgoingMessage

# Of the messages of a person one in so many is an identify, the first to begin with.
_IDENTIFY_EVERY = 5


class Source(Protocol):
    """Messages, and how far it has come: ``done`` of ``total``, ``None`` if that is unknown."""

    done: int
    total: int | None
    skipped: int

    def messages(self) -> AsyncGenerator[OutgoingMessage]: ...


class Lines:
    """JSON lines, each checked; empty ones are passed over. Progress is in bytes.

    Args:
        name: for complaints.
        descriptor: of the file.
        skip_bad: count the bad ones instead of ending at the first.
    """

    def __init__(self, name: str, descriptor: int, *, skip_bad: bool) -> None:
        self._name = name
        self._descriptor = descriptor
        self._skip_bad = skip_bad
        self.done = 0
        self.skipped = 0
        status = os.fstat(descriptor)
        self.total = status.st_size if stat.S_ISREG(status.st_mode) else None

    async def messages(self) -> AsyncGenerator[OutgoingMessage]:
        """Raises:
        ConfigError: the file can't be read, or a line is no message.
        """
        reader, splitter = BlockReader(self._descriptor), LineSplitter(0)
        number = 0
        while True:
            try:
                block = await reader.read()
            except OSError as error:
                raise ConfigError(f"{self._name}: can't be read: {error.strerror}") from error
            lines: Iterable[SourceLine] = splitter.feed(block) if block else splitter.finish()
            for line in lines:
                number += 1
                self.done = line.following
                message = self._checked(line, number)
                if message is not None:
                    yield message
            if not block:
                return

    def _checked(self, line: SourceLine, number: int) -> OutgoingMessage | None:
        if line.content is not None and not line.content.strip():
            return None
        try:
            if line.content is None:
                raise PoisonError("too_large", f"longer than {MOST_LINE_BYTES} bytes")
            return outgoing.checked(line.content.rstrip(b"\r"))
        except PoisonError as error:
            if not self._skip_bad:
                raise ConfigError(f"{self._name}: line {number}: {error.cause}: {error.detail}") from None
            self.skipped += 1
            return None


class Synthetic:
    """``count`` messages of ``people`` persons in turn, each with its number among those of the person.

    It is in ``payload.properties.sequence`` of a track, ``payload.sequence`` of an identify, from 1.
    """

    def __init__(self, count: int, people: int) -> None:
        self._count = count
        self._people = people
        self.total: int | None = count
        self.done = 0
        self.skipped = 0

    async def messages(self) -> AsyncGenerator[OutgoingMessage]:
        for number in range(self._count):
            turn, person = divmod(number, self._people)
            self.done = number + 1
            yield _invented(f"person-{person + 1:06d}", turn + 1)


def _invented(person: str, sequence: int) -> OutgoingMessage:
    if sequence % _IDENTIFY_EVERY == 1:
        return outgoing.identify(person, {"sequence": sequence, "_load_test": True})
    return outgoing.track(person, "produced", {"sequence": sequence, "_load_test": True})
