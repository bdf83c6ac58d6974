"""Reads blocks of a file or of standard input without blocking the event loop."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time

_BLOCK_BYTES = 256 * 1024

# How often the end of a followed file is looked at. A look takes some 2 us.
_LOOK_SECONDS = 0.01


class BlockReader:
    """Reads a file descriptor in a thread of its own.

    The thread ends with the process, even while it waits for a pipe. A thread of the event loop's executor
    would keep the process alive until the read returns.

    Args:
        descriptor: open for reading.
        follow: whether to wait at the end for what is still to be written, without end.
    """

    def __init__(self, descriptor: int, *, follow: bool = False) -> None:
        self._descriptor = descriptor
        self._follow = follow
        self._wanted: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[bytes]]] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._serve, name="reader", daemon=True).start()

    @property
    def end_of_followed(self) -> int | None:
        """The bytes that a followed file has now; ``None`` if the source is not followed."""
        return os.fstat(self._descriptor).st_size if self._follow else None

    async def read(self) -> bytes:
        """Return the next bytes; empty bytes at the end.

        Raises:
            OSError: the file cannot be read.
        """
        loop = asyncio.get_running_loop()
        block: asyncio.Future[bytes] = loop.create_future()
        self._wanted.put((loop, block))
        return await block

    def _serve(self) -> None:
        while True:
            loop, block = self._wanted.get()
            try:
                content = os.read(self._descriptor, _BLOCK_BYTES)
                while self._follow and not content:
                    time.sleep(_LOOK_SECONDS)
                    content = os.read(self._descriptor, _BLOCK_BYTES)
            except OSError as error:
                loop.call_soon_threadsafe(_fail, block, error)
                return
            loop.call_soon_threadsafe(_fulfil, block, content)
            if not content:
                return


def _fulfil(block: asyncio.Future[bytes], content: bytes) -> None:
    if not block.done():
        block.set_result(content)


def _fail(block: asyncio.Future[bytes], error: OSError) -> None:
    if not block.done():
        block.set_exception(error)
