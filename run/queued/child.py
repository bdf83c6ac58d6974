"""A command of the pipeline beside the load test. They know of each other by command lines and files only."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_ROOT = Path(__file__).resolve().parents[2]
_END_SECONDS = 12.0


def has_pipeline() -> bool:
    """Return whether this installation has the pipeline: the image of the load test does not."""
    return (_ROOT / "pipeline").is_dir()


class PipelineCommand:
    """``python -m pipeline....`` in a process of its own. It ends when its standard input does.

    Args:
        module: the command.
        arguments: of the command.
        variables: the environment and ``.env``; nothing else is read there.
        log: where its standard error goes.
        stdout: as for ``subprocess.Popen``.

    Raises:
        OSError: the log cannot be written.
    """

    def __init__(
        self,
        module: str,
        arguments: list[str],
        variables: Mapping[str, str],
        log: Path,
        stdout: int = subprocess.DEVNULL,
    ) -> None:
        self.log = log
        with log.open("wb") as errors:
            # A Ctrl-C on the terminal is for the load test alone, which ends this process in its turn.
            self.process = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", module, *arguments],
                cwd=_ROOT,
                env={**variables, "PIPELINE_ENV_FILE": os.devnull, "LOG_FORMAT": "text"},
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=errors,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self.process.poll() is None

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe to its standard input."""
        assert self.process.stdin is not None  # noqa: S101 - it was asked for
        return self.process.stdin

    @property
    def last_words(self) -> str:
        """The last line that it wrote to its log, or a word that it wrote none."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it wrote nothing").removeprefix(
            "error: "
        )

    def stop(self) -> None:
        """End the process in order, and wait for that. May be called twice."""
        if self.is_running:
            self.process.terminate()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
