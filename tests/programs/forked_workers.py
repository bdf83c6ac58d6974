"""Worker processes that are forked from one in which everything is imported: a start takes milliseconds.

Each is a process of its own all the same, and dies as one.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.programs.pipeline_worker import worker_environment

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pipeline.worker.command", "tests.programs.forked_workers"])


class ForkedWorker:
    """One ``pipeline.worker``, its output in files.

    Args:
        variables: environment variables; no others of the pipeline's are set.
        arguments: of the command.
    """

    def __init__(self, variables: Mapping[str, str], *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._output, self._errors = Path(self._folder.name, "out"), Path(self._folder.name, "err")
        self._process = _CONTEXT.Process(
            target=_work, args=(worker_environment(variables), arguments, self._output, self._errors)
        )
        self._process.start()

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs; the number of a signal is negative."""
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()

    def output(self) -> str:
        """Return what it has written to standard output so far."""
        return self._output.read_text() if self._output.exists() else ""

    def errors(self) -> str:
        """Return what it has written to standard error so far."""
        return self._errors.read_text() if self._errors.exists() else ""

    def stop(self) -> None:
        """Kill it if it still runs, and remove its files."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._folder.cleanup()


def _work(variables: dict[str, str], arguments: Sequence[str], output: Path, errors: Path) -> None:
    from pipeline.worker.command import main

    os.environ.clear()
    os.environ.update(variables)
    for path, stream in ((output, sys.stdout), (errors, sys.stderr)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream.fileno())
    # As the interpreter ends a command: everything is flushed, and nothing of the parent's is run.
    sys.exit(main(arguments))
