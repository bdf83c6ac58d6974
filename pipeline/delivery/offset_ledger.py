"""Knows which offset of a partition may be committed: every message before it is settled."""

from __future__ import annotations

from collections import deque

#: A message that is retried for a while holds the position back. Others may be delivered up to this many
#: messages beyond it, and would be read again after a crash.
MOST_SPAN = 50_000


class OffsetLedger:
    """Records the messages of one partition, begun in the order of their offsets and settled in any order.

    Compaction and transactions leave gaps between offsets. For a file an offset is the position of a line,
    and the next line's position takes the place of ``offset + 1``.
    """

    def __init__(self) -> None:
        self._open: deque[int] = deque()  # messages begun, from the first unsettled one on
        self._settled: dict[int, int] = {}  # the settled ones among them: offset to next offset
        self._position: int | None = None

    @property
    def position(self) -> int | None:
        """The offset to commit: every message before it is settled. ``None`` until the first is settled."""
        return self._position

    @property
    def first_unsettled(self) -> int | None:
        """The first offset that is not settled, begun or not. ``None`` until a message was begun."""
        return self._open[0] if self._open else self._position

    @property
    def unsettled(self) -> int:
        """The number of messages begun and not settled."""
        return len(self._open) - len(self._settled)

    @property
    def span(self) -> int:
        """The number of messages from the first unsettled one on. They are read again after a crash."""
        return len(self._open)

    def is_beyond(self, offset: int) -> bool:
        """Return whether ``offset`` may be begun: it lies beyond the offset begun last."""
        if self._open:
            return offset > self._open[-1]
        return self._position is None or offset >= self._position

    def begin(self, offset: int) -> None:
        """Record that the message at ``offset`` was read.

        Raises:
            ValueError: ``offset`` does not lie beyond the offset begun last.
        """
        if not self.is_beyond(offset):
            raise ValueError(f"offset {offset} after {self._open[-1] if self._open else self._position}")
        self._open.append(offset)

    def settle(self, offset: int, following: int | None = None) -> list[int]:
        """Record that the message at ``offset`` was delivered or dead-lettered.

        Args:
            offset: as it was begun.
            following: the offset at which reading goes on; ``None`` for ``offset + 1``.

        Returns:
            The offsets that the position has passed because of this.
        """
        self._settled[offset] = offset + 1 if following is None else following
        passed = []
        while self._open and self._open[0] in self._settled:
            passed.append(self._open.popleft())
            self._position = self._settled.pop(passed[-1])
        return passed
