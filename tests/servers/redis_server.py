"""A real Redis of a test's own, on a free port, that can be killed, paused and started again."""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

from tests.servers.free_port import free_port

_START_SECONDS = 30.0
_LOOK_SECONDS = 0.02


class RedisServer:
    """``redis-server`` without persistence: what is killed comes back empty.

    Args:
        options: further command line options, such as ``"--requirepass", "secret"``.
    """

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = options
        self._folder = tempfile.TemporaryDirectory()
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(
            [
                *(
                    "redis-server",
                    "--port",
                    str(self.port),
                    "--bind",
                    "127.0.0.1",
                    "--dir",
                    self._folder.name,
                ),
                *("--save", "", "--appendonly", "no", *self._options),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while True:
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            try:
                # An answer of any kind will do: with a password it is an error.
                self._say(b"PING\r\n")
            except OSError:
                time.sleep(_LOOK_SECONDS)
                continue
            return

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Stop the process: the kernel still accepts connections, but nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def flush(self) -> None:
        """Forget everything, while it runs."""
        assert self._say(b"FLUSHALL\r\n") == b"+OK\r\n"

    def _say(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(command)
            return connection.recv(4096)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._folder.cleanup()
