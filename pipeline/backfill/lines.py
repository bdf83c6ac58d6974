"""Splits a stream of bytes into lines and knows the position of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

# A Kafka broker accepts this much by default. No API of Customer.io accepts a tenth of it.
MOST_LINE_BYTES = 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class SourceLine:
    """A line without its line feed.

    Args:
        start: the position of its first byte.
        following: the position of the first byte of the next line.
        content: its bytes; ``None`` if there are more than ``MOST_LINE_BYTES``.
    """

    start: int
    following: int
    content: bytes | None = field(repr=False)

    @property
    def is_blank(self) -> bool:
        """Whether it has nothing but blanks, and byte order marks as editors put them before a text."""
        return self.content is not None and not self.content.replace(_BYTE_ORDER_MARK, b"").strip()


class LineSplitter:
    """Turns blocks of any size into whole lines. It never holds more than a line and a block.

    Args:
        position: the position of the first byte that will be fed.
        most_bytes: the longest line that is kept.
    """

    def __init__(self, position: int, most_bytes: int = MOST_LINE_BYTES) -> None:
        self._start = position
        self._most_bytes = most_bytes
        self._rest = bytearray()
        self._has_begun = False
        self._skipped = 0  # dropped bytes of the current line, which is too long

    @property
    def has_begun(self) -> bool:
        """Whether anything was fed."""
        return self._has_begun

    def feed(self, block: bytes) -> Iterator[SourceLine]:
        """Yield the lines that end in this block."""
        self._has_begun = True
        pieces = block.split(b"\n")
        for piece in pieces[:-1]:
            self._hold(piece)
            yield self._end(1)
        self._hold(pieces[-1])

    def finish(self) -> Iterator[SourceLine]:
        """Yield the last line if it has no line feed."""
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
