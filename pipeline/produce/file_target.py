"""Writes the messages of ``produce --to FILE``: a line each, as ``worker --from FILE`` reads them."""

from __future__ import annotations

import asyncio
from typing import Any, BinaryIO

from pipeline.produce.outgoing import OutgoingMessage


class FileTarget:
    """Takes the place of a producer where there is no Kafka.

    Args:
        file: open for writing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def enqueue(self, message: OutgoingMessage) -> asyncio.Future[Any]:
        """Write a message; the future is done.

        Raises:
            OSError: for example, the disk is full.
        """
        self._file.write(message.value + b"\n")
        written: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written
