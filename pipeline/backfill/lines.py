"""Cuts a stream of bytes into lines and knows where each begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# As much as a Kafka broker takes by default; no API of Customer.io takes a tenth of it.
MOST_LINE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class SourceLine:
    """One line without its end. Of one that is too long only the size is known.

    Args:
        start: the position of its first byte.
        following: the position of the next line's first byte.
        content: its bytes; ``None`` if there are more than ``MOST_LINE_BYTES``.
    """

    start: int
    following: int
    content: bytes | None = field(repr=False)


class LineSplitter:
    """Takes blocks of any size; gives whole lines. Never holds more than a line and a block.

    Args:
        position: of the first byte that will be fed.
    """

    def __init__(self, position: int, most_bytes: int = MOST_LINE_BYTES) -> None:
        self._start = position
        self._most_bytes = most_bytes
        self._rest = bytearray()
        self._skipped = 0  # bytes of the line at hand that were thrown away: it is too long

    def feed(self, block: bytes) -> Iterator[SourceLine]:
        """The lines that end in this block."""
        pieces = block.split(b"\n")
        for piece in pieces[:-1]:
            self._hold(piece)
            yield self._end(1)
        self._hold(pieces[-1])

    def finish(self) -> Iterator[SourceLine]:
        """The last line, if it has no line feed at its end."""
        if self._rest or self._skipped:
            yield self._end(0)

    def _hold(self, piece: bytes) -> None:
        if self._skipped or len(self._rest) + len(piece) > self._most_bytes:
            self._skipped += len(self._rest) + len(piece)
            self._rest.clear()
        else:
            self._rest += piece

    def _end(self, line_feed_bytes: int) -> SourceLine:
        size = self._skipped or len(self._rest)
        content = None if self._skipped else bytes(self._rest)
        line = SourceLine(self._start, self._start + size + line_feed_bytes, content)
        self._start = line.following
        self._rest.clear()
        self._skipped = 0
        return line
