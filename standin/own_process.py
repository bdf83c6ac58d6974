"""Starts a stand-in in a process of its own, for a program that has nobody else to send to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path(__file__).resolve().parent.parent
_LISTENING = re.compile(r"listening on (http://\S+)")


class LocalStandin:
    """A stand-in process on a free port. It ends with ``stop``, or when the process that started it ends.

    Args:
        options: further command line options, such as ``"--latency", "20ms"``.

    Raises:
        RuntimeError: the process did not start.
    """

    def __init__(self, *options: str) -> None:
        # The stand-in does not need credentials, so its environment has none. It gets a session of its own:
        # a Ctrl-C on the terminal does not reach it, and it still answers the requests in flight.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("CUSTOMERIO_")
        }
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", "standin", "--port", "0", "--until-stdin-closes", *options],
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        match = _LISTENING.search(line)
        if match is None:
            self.stop()
            raise RuntimeError(f"the stand-in did not start: {line.strip() or 'it printed nothing'}")
        self.url = match[1]

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process and wait until it has ended."""
        self._process.terminate()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
