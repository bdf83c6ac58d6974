"""A TCP proxy in a process of its own that can be cut: ``python tests/servers/tcp_proxy.py TARGET_PORT``.

Writes the port it listens on as its first line, then obeys ``cut`` and ``restore`` on standard input and
answers each with a line.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

_HOST = "127.0.0.1"
_CHUNK_BYTES = 1 << 16


class _Proxy:
    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._transports: set[asyncio.WriteTransport] = set()
        self._streams: set[asyncio.Task[None]] = set()

    async def restore(self) -> int:
        """Listens, from the second time on where it listened before; returns the port."""
        if self._listener is None:
            self._listener = await asyncio.start_server(self._connected, _HOST, self._port)
            self._port = self._listener.sockets[0].getsockname()[1]
        return self._port

    async def cut(self) -> int:
        """Refuses new connections and breaks all there are."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for transport in self._transports:
            transport.abort()
        return self._port

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._transports.add(writer.transport)
        try:
            far_reader, far_writer = await asyncio.open_connection(_HOST, self._target_port)
        except OSError:
            writer.transport.abort()
            return
        if self._listener is None:  # cut while the other side was being reached
            writer.transport.abort()
        self._transports.add(far_writer.transport)
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        self._transports -= {writer.transport, far_writer.transport}


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def _main() -> None:
    proxy = _Proxy(int(sys.argv[1]))
    commands = {"cut": proxy.cut, "restore": proxy.restore}
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    print(await proxy.restore(), flush=True)  # noqa: T201 - its answer
    while line := await reader.readline():
        print(await commands[line.decode().strip()](), flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(_main())
