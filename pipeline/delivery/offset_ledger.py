"""Which offset of a partition may be committed: all before it must be settled."""

from __future__ import annotations

from collections import deque

#: A message that Customer.io can't take for a while holds the position back; others may go on this far, and
#: would be read again after a crash.
MOST_SPAN = 50_000


class OffsetLedger:
    """Messages of one partition, begun in the order of their offsets and settled in any order.

    Offsets may have gaps: compaction and transactions leave some. A file's lines work alike, with the
    position of the next line in place of ``offset + 1``.
    """

    def __init__(self) -> None:
        self._open: deque[int] = deque()  # begun, from the first unsettled on
        self._settled: dict[int, int] = {}  # of those, the settled ones: offset to the one after it
        self._position: int | None = None

    @property
    def position(self) -> int | None:
        """The offset to commit: everything before it is settled. ``None`` before the first is."""
        return self._position

    @property
    def first_unsettled(self) -> int | None:
        """The first offset that is not settled, begun or to come. ``None`` before anything was begun."""
        return self._open[0] if self._open else self._position

    @property
    def unsettled(self) -> int:
        return len(self._open) - len(self._settled)

    @property
    def span(self) -> int:
        """Messages from the first unsettled one on: so many would be read again after a crash."""
        return len(self._open)

    def is_beyond(self, offset: int) -> bool:
        """Whether ``offset`` may be begun: it lies beyond the one begun last."""
        if self._open:
            return offset > self._open[-1]
        return self._position is None or offset >= self._position

    def begin(self, offset: int) -> None:
        """A message was taken.

        Raises:
            ValueError: not beyond the one begun last.
        """
        if not self.is_beyond(offset):
            raise ValueError(f"offset {offset} after {self._open[-1] if self._open else self._position}")
        self._open.append(offset)

    def settle(self, offset: int, following: int | None = None) -> list[int]:
        """A message was delivered or dead-lettered. Returns the offsets that the position passes by that.

        Args:
            offset: as it was begun.
            following: where reading goes on after it; ``offset + 1`` if not given.
        """
        self._settled[offset] = offset + 1 if following is None else following
        passed = []
        while self._open and self._open[0] in self._settled:
            passed.append(self._open.popleft())
            self._position = self._settled.pop(passed[-1])
        return passed
