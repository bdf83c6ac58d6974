"""Runs the stand-in as its users do, in a process of its own, for tests that need a real target."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from standin.control_client import ControlClient, read_journal
from tests.programs.forge import start

_START_SECONDS = 30.0
_READY = "stand-in for Customer.io listening on "
_AUTHORITY = "certificate authority to trust: "


class StandinServer:
    """``python -m standin`` on a free port, ready to take requests when the constructor returns.

    Args:
        options: further command line options, such as ``"--latency", "20ms"``.
        env: further environment variables.

    Raises:
        RuntimeError: the stand-in did not start; the message is what it wrote to standard error.
    """

    def __init__(self, *options: str, env: dict[str, str] | None = None) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in stop()
        output, its_output = os.pipe()
        self._output = os.fdopen(output)
        self.process = start(
            "standin",
            ["--port", "0", *options],
            {**os.environ, **(env or {})},
            output=its_output,
            errors=self._errors.fileno(),
        )
        os.close(its_output)
        self.ca_file: str | None = None
        self.url = self._wait_until_ready()
        self._control = ControlClient(self.url, self.ca_file)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stats(self) -> dict[str, Any]:
        """Return ``GET /_standin/stats``."""
        return self._control.stats()

    def arrivals(self, operation: str) -> list[float]:
        """Return seconds from the first arrival to each of this operation; needs ``--record-arrivals``."""
        return self._control.arrivals(operation)

    def person(self, identifier: str) -> dict[str, Any] | None:
        """Return what is stored of a person, or ``None``."""
        return self._control.person(identifier)

    @staticmethod
    def journal(path: Path) -> list[dict[str, Any]]:
        """Return the lines of a stand-in that was started with ``"--journal", path``."""
        return read_journal(path)

    def set_faults(self, **faults: Any) -> dict[str, Any]:
        """Send ``POST /_standin/faults``; return the faults now in force."""
        return self._control.set_faults(**faults)

    def reset(self) -> None:
        """Empty the store and set the counts to zero."""
        self._control.reset()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the process and return its exit code. May be called twice."""
        self._control.close()
        return self._end(number)

    def _end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(_START_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self._output.close()
            self._errors.close()

    def errors(self) -> str:
        """Return what it has written to standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> str:
        # Ends the wait for a line that never comes.
        watchdog = threading.Timer(_START_SECONDS, self.process.kill)
        watchdog.start()
        try:
            for line in self._output:
                if line.startswith(_AUTHORITY):
                    self.ca_file = line.removeprefix(_AUTHORITY).rstrip("\n")
                if line.startswith(_READY):
                    return line.removeprefix(_READY).rstrip("\n")
        finally:
            watchdog.cancel()
        errors = self.errors()
        self._end()
        raise RuntimeError(f"the stand-in did not start: {errors}")
