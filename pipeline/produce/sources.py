"""The sources of messages: lines of a file, or invented messages."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, Iterable
from typing import Protocol

from config.errors import ConfigError
from pipeline.backfill.lines import MOST_LINE_BYTES, LineSplitter, SourceLine
from pipeline.backfill.source import BlockReader
from pipeline.delivery.encodings import refuse_encoded
from pipeline.delivery.message import Parse, PoisonError, parse_message
from pipeline.produce import outgoing
from pipeline.produce.outgoing import OutgoingMessage

# Every fifth message of a person is an identify, beginning with the first.
_IDENTIFY_EVERY = 5


class Source(Protocol):
    """Messages to send.

    ``done`` of ``total`` is the progress; ``total`` is ``None`` if unknown. ``skipped`` counts invalid lines.
    """

    done: int
    total: int | None
    skipped: int

    def messages(self) -> AsyncGenerator[OutgoingMessage]:
        """Yield the messages in order."""
        ...


class Lines:
    """The messages of a file, one JSON object per line. Empty lines are skipped. Progress is in bytes.

    Args:
        name: the name of the file in errors.
        descriptor: the file, open for reading.
        skip_bad: whether to skip and count invalid lines instead of ending at the first.
        parse: as the workers parse a line.
    """

    def __init__(self, name: str, descriptor: int, *, skip_bad: bool, parse: Parse = parse_message) -> None:
        self._parse = parse
        self._name = name
        self._descriptor = descriptor
        self._skip_bad = skip_bad
        self.done = 0
        self.skipped = 0
        status = os.fstat(descriptor)
        self.total = status.st_size if stat.S_ISREG(status.st_mode) else None

    async def messages(self) -> AsyncGenerator[OutgoingMessage]:
        """Yield the messages in order.

        Raises:
            ConfigError: the file cannot be read or is compressed, or a line is not a message.
        """
        reader, splitter = BlockReader(self._descriptor), LineSplitter(0)
        number = 0
        while True:
            try:
                block = await reader.read()
            except OSError as error:
                raise ConfigError(f"{self._name}: can't be read: {error.strerror}") from error
            if not splitter.has_begun:
                refuse_encoded(block, self._name)
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
        if line.is_blank:
            return None
        try:
            if line.content is None:
                raise PoisonError("too_large", f"longer than {MOST_LINE_BYTES} bytes")
            return outgoing.checked(line.content.rstrip(b"\r"), self._parse)
        except PoisonError as error:
            if not self._skip_bad:
                raise ConfigError(f"{self._name}: line {number}: {error.cause}: {error.detail}") from None
            self.skipped += 1
            return None


class Synthetic:
    """Invents ``count`` messages of ``people`` people in turn, and numbers each person's messages from 1.

    The number is in ``payload.properties.sequence`` of a track and in ``payload.sequence`` of an identify.
    """

    def __init__(self, count: int, people: int) -> None:
        self._count = count
        self._people = people
        self.total: int | None = count
        self.done = 0
        self.skipped = 0

    async def messages(self) -> AsyncGenerator[OutgoingMessage]:
        """Yield the messages in order."""
        for number in range(self._count):
            turn, person = divmod(number, self._people)
            self.done = number + 1
            yield _invented(f"person-{person + 1:06d}", turn + 1)


def _invented(person: str, sequence: int) -> OutgoingMessage:
    if sequence % _IDENTIFY_EVERY == 1:
        return outgoing.identify(person, {"sequence": sequence, "_load_test": True})
    return outgoing.track(person, "produced", {"sequence": sequence, "_load_test": True})
