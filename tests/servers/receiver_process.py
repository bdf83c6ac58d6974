"""Runs the reference receiver as its users do, and plays Customer.io against it."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

_ROOT = Path(__file__).resolve().parents[2]
_READY = "receiver listening on "
_SECONDS = 30.0
KEY = "the signing key"


class ReceiverProcess:
    """``python -m receiver`` on a free port, ready when the constructor returns.

    Args:
        log: the file of events.
        options: further command line options.
        most_bytes: the largest file that the process may write, as on a disk that is nearly full.

    Raises:
        RuntimeError: it did not start; the message is what it wrote to standard error.
    """

    def __init__(self, log: Path, *options: str, most_bytes: int | None = None) -> None:
        def limit_files() -> None:
            if most_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

        self.log = log
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in stop()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "receiver", "--port", "0", "--log", str(log), *options],
            cwd=_ROOT,
            env={**os.environ, "RECEIVER_SIGNING_KEY": KEY},
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=limit_files,
        )
        assert self.process.stdout is not None
        watchdog = threading.Timer(_SECONDS, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line.startswith(_READY):
            self.stop()
            raise RuntimeError(f"the receiver did not start: {line}")
        self.url = line.removeprefix(_READY).rstrip("\n")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def post(self, body: bytes, **changes: Any) -> int:
        """Send a signed body and return the status; ``changes`` as for ``signed``."""
        return requests.post(self.url, data=body, headers=signed(body, **changes), timeout=10).status_code

    def health(self) -> dict[str, Any]:
        """Return ``GET /health``."""
        health: dict[str, Any] = requests.get(f"{self.url}/health", timeout=10).json()
        return health

    def kept(self) -> list[str]:
        """Return the ids in the file, in its order."""
        return [json.loads(line)["event_id"] for line in self.log.read_text().splitlines()]

    def errors(self) -> str:
        """Return what it has written to standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def kill(self) -> None:
        """End the process as a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End the process and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._errors.close()


def event(number: int, **more: Any) -> bytes:
    """Return the body of an event with an id of its own."""
    fields = {"event_id": f"event-{number}", "object_type": "email", "metric": "sent", "data": {}, **more}
    return json.dumps(fields).encode()


def signed(body: bytes, *, key: str = KEY, age_seconds: float = 0.0) -> dict[str, str]:
    """Return the headers that Customer.io would send with a body ``age_seconds`` ago."""
    timestamp = str(int(time.time() - age_seconds))
    text = b"v0:" + timestamp.encode() + b":" + body
    signature = hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
    return {"X-CIO-Timestamp": timestamp, "X-CIO-Signature": signature}
