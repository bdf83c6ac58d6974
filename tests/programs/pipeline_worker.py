"""Runs ``python -m pipeline.worker`` as its users do, for tests that kill it and look at what is left."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import requests

from tests.programs.forge import start

_WAIT_SECONDS = 30.0


def worker_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without the developer's pipeline settings, and with these."""
    ours = ("CUSTOMERIO_", "KAFKA_", "BATCH_", "LIMIT_", "HEALTH_", "LOG_", "REDIS_", "TRACK_", "CONCURRENCY")
    others = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**others, "PIPELINE_ENV_FILE": os.devnull, **variables}


class WorkerProcess:
    """One worker, its output in files.

    Args:
        variables: environment variables; no others of the pipeline's are set.
        arguments: of the command.
        stdin: the descriptor of its standard input.
        anew: whether Python starts anew, as for users; see ``tests/programs/forge.py``.
    """

    def __init__(
        self, variables: Mapping[str, str], *arguments: str, stdin: int | None = None, anew: bool = False
    ) -> None:
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in stop()
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in stop()
        self.process = start(
            "pipeline.worker",
            arguments,
            worker_environment(variables),
            stdin=stdin,
            output=self._output.fileno(),
            errors=self._errors.fileno(),
            anew=anew,
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = _WAIT_SECONDS) -> int:
        """Wait for its end and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it is still running.
        """
        return self.process.wait(seconds)

    def output(self) -> str:
        """Return what it has written to standard output so far."""
        self._output.seek(0)
        return self._output.read()

    def errors(self) -> str:
        """Return what it has written to standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def stop(self) -> None:
        """Kill it if it still runs, and close its files. May be called twice."""
        if self.process.poll() is None:
            self.kill()
        self._output.close()
        self._errors.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def health(port: int, page: str) -> tuple[int, str]:
    """Return status and text of ``/healthz``, ``/readyz`` or ``/metrics``; status 0 while nobody listens."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"http://127.0.0.1:{port}/{page}", timeout=5)
    except requests.ConnectionError:
        return 0, ""
    return answer.status_code, answer.text
