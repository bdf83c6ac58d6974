"""Runs the stand-in as its users do, in a process of its own, for tests that need a real target."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import requests

_ROOT = Path(__file__).resolve().parents[1]
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
        self.process = subprocess.Popen(
            [sys.executable, "-m", "standin", "--port", "0", *options],
            cwd=_ROOT,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._session = requests.Session()
        self._session.trust_env = False
        self.ca_file: str | None = None
        self.url = self._wait_until_ready()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stats(self) -> dict[str, Any]:
        """``GET /_standin/stats``."""
        return self._ask("GET", "stats")

    def arrivals(self, operation: str) -> list[float]:
        """Seconds from the first arrival to each of this operation; needs ``--record-arrivals``."""
        offsets: list[float] = self._ask("GET", f"arrivals?operation={operation}")["offsets"]
        return offsets

    def person(self, identifier: str) -> dict[str, Any] | None:
        """What is stored of a person, or ``None``."""
        response = self._session.get(self._admin_url(f"people/{quote(identifier, safe='')}"), timeout=10)
        if response.status_code == 404:
            return None
        response.raise_for_status()
        person: dict[str, Any] = response.json()
        return person

    @staticmethod
    def journal(path: Path) -> list[dict[str, Any]]:
        """The lines of a stand-in that was started with ``"--journal", path``, all applied so far."""
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    def set_faults(self, **faults: Any) -> dict[str, Any]:
        """``POST /_standin/faults``; returns the faults now in force."""
        return self._ask("POST", "faults", faults)

    def reset(self) -> None:
        """Empties the store and sets the counts to zero."""
        self._ask("POST", "reset")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ends the process and returns its exit code. May be called twice."""
        self._session.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(_START_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self._errors.close()

    def errors(self) -> str:
        """What it has written to standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> str:
        assert self.process.stdout is not None
        # Ends the wait for a line that never comes.
        watchdog = threading.Timer(_START_SECONDS, self.process.kill)
        watchdog.start()
        try:
            for line in self.process.stdout:
                if line.startswith(_AUTHORITY):
                    self.ca_file = line.removeprefix(_AUTHORITY).rstrip("\n")
                    self._session.verify = self.ca_file
                if line.startswith(_READY):
                    return line.removeprefix(_READY).rstrip("\n")
        finally:
            watchdog.cancel()
        errors = self.errors()
        self.stop()
        raise RuntimeError(f"the stand-in did not start: {errors}")

    def _ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        response = self._session.request(method, self._admin_url(path), json=content, timeout=10)
        if response.status_code != 200:
            raise ValueError(f"{method} {path}: {response.status_code} {response.text}")
        answer: dict[str, Any] = response.json()
        return answer

    def _admin_url(self, path: str) -> str:
        return f"{self.url}/_standin/{path}"
