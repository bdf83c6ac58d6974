"""A backfill: delivers or dead-letters every line of a stream, and can resume at any point."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pipeline.backfill.file_dead_letters import FileDeadLetters
from pipeline.backfill.lines import MOST_LINE_BYTES, LineSplitter, SourceLine
from pipeline.backfill.position import Position, PositionFile
from pipeline.backfill.source import BlockReader
from pipeline.cancelling import cancel
from pipeline.delivery.courier import Courier, ReceivedMessage, Result
from pipeline.delivery.encodings import refuse_encoded
from pipeline.delivery.message import Stamp
from pipeline.delivery.offset_ledger import MOST_SPAN, OffsetLedger
from pipeline.delivery.opening import BUFFER_BYTES
from pipeline.origin import deduplication_id

_log = logging.getLogger(__name__)

_CHECKPOINT_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """The settled bytes of the source, and the results of their lines, earlier runs included.

    The fields ``..._beyond`` count lines with a result beyond the first unsettled one; another run reads them
    again.
    """

    settled_bytes: int
    delivered: int
    dead: int
    delivered_beyond: int = 0
    dead_beyond: int = 0


class Backfill:
    """Delivers the lines of one source through a courier.

    Args:
        name: the name of the source in dead letters.
        reader: reads the source from ``position.offset`` on.
        courier: delivers the lines, and writes dead letters to ``dead_letters``.
        dead_letters: synced to disk before the position moves past their lines.
        position: where this run begins.
        position_file: keeps the position; ``None`` to keep it nowhere.
        show: called with the progress about once a second.
    """

    def __init__(
        self,
        name: str,
        reader: BlockReader,
        courier: Courier,
        dead_letters: FileDeadLetters,
        position: Position,
        position_file: PositionFile | None,
        show: Callable[[Progress], None],
    ) -> None:
        self._name = name
        self._reader = reader
        self._courier = courier
        self._dead_letters = dead_letters
        self._position = position
        self._position_file = position_file
        self._show = show
        self._ledger = OffsetLedger()
        self._results: dict[int, str] = {}
        self._moved = asyncio.Event()

    @property
    def progress(self) -> Progress:
        """What has been settled so far."""
        beyond = Counter(self._results.values())
        return Progress(
            self._position.offset,
            self._position.delivered,
            self._position.dead,
            beyond["delivered"],
            beyond["dead"],
        )

    async def run(self, stop: asyncio.Event, finish_seconds: float) -> bool:
        """Deliver until the source ends or ``stop`` is set.

        Args:
            stop: ends the run early.
            finish_seconds: how long deliveries in flight may take after ``stop``.

        Returns:
            Whether the source ended and every line is settled. A followed file ends where it is at the stop.

        Raises:
            OSError: the source, the position or the dead letters cannot be read or written.
        """
        keeping = asyncio.create_task(self._keep_position())
        reading = asyncio.create_task(self._read_all())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({reading, stopping, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done():
                await keeping  # it ends only with an error
            if reading.done():
                await reading
                # After a failed delivery nothing is in flight, and some lines are unsettled.
                return self._ledger.unsettled == 0
            await cancel(reading)
            if abandoned := await self._courier.finish(finish_seconds):
                _log.warning(
                    "deliveries abandoned; the next run reads their lines again",
                    extra={"messages": abandoned},
                )
            # A followed file has no other end than the one that it has at the signal.
            return self._position.offset == self._reader.end_of_followed
        finally:
            await cancel(keeping, reading, stopping)
            self._checkpoint()

    async def _read_all(self) -> None:
        splitter = LineSplitter(self._position.offset)
        while block := await self._reader.read():
            if not splitter.has_begun and not self._position.offset:
                refuse_encoded(block, self._name)
            for line in splitter.feed(block):
                await self._accept(line)
        for line in splitter.finish():
            await self._accept(line)
        await self._courier.drain()

    async def _accept(self, line: SourceLine) -> None:
        while self._ledger.span >= MOST_SPAN or self._courier.open_bytes >= BUFFER_BYTES:
            self._moved.clear()
            await self._moved.wait()
        self._ledger.begin(line.start)
        if line.content is None:
            size = line.following - line.start
            detail = (
                f"a line of {size} bytes; at most {MOST_LINE_BYTES} are read, so the dead letter has no copy"
            )
            self._courier.dead_letter(
                self._message(line), "too_large", detail, 0, partial(self._settle, line)
            )
        elif line.is_blank:
            self._settle(line, "blank")
        else:
            await self._courier.accept(self._message(line), partial(self._settle, line))

    def _message(self, line: SourceLine) -> ReceivedMessage:
        identity = deduplication_id(self._position.source_id, 0, line.start, -1)
        return ReceivedMessage(
            topic=self._name,
            partition=0,
            offset=line.start,
            timestamp_ms=-1,
            key=None,
            value=line.content,
            stamp=Stamp(identity, timestamp=None, order_key=None),
        )

    def _settle(self, line: SourceLine, result: Result | Literal["blank"]) -> None:
        self._results[line.start] = result
        passed = Counter(
            self._results.pop(start) for start in self._ledger.settle(line.start, line.following)
        )
        if passed:
            self._position = self._position.model_copy(
                update={
                    "offset": self._ledger.position,
                    "delivered": self._position.delivered + passed["delivered"],
                    "dead": self._position.dead + passed["dead"],
                }
            )
        self._moved.set()

    async def _keep_position(self) -> None:
        while True:
            await asyncio.sleep(_CHECKPOINT_SECONDS)
            self._checkpoint()

    def _checkpoint(self) -> None:
        self._show(self.progress)
        self._dead_letters.sync()
        if self._position_file is not None:
            self._position_file.write(self._position)
