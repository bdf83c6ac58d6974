"""Runs load tests in processes that are forked from one in which everything is imported.

``python -m locust`` imports for most of a second before it reads its arguments. Mistakes in them end it a few
milliseconds later, and there are many to try. From the import on each is a process of its own, as ever.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.programs.load_test import ROOT, Finished, environment_of, profile_arguments


class Forge:
    """The process that has everything imported."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.programs.forked_load_test"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(
        self,
        tmp_path: Path,
        *arguments: str,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a load test without a web UI to its end; see ``LoadTest`` for the arguments."""
        head = ["-f", "locustfile.py", "--loglevel", "WARNING", "--headless"]
        output, errors = tmp_path / "stdout.txt", tmp_path / "stderr.txt"
        request = {
            "arguments": [*head, *profile_arguments(tmp_path, profile), *arguments],
            "environment": environment_of(tmp_path, env),
            "output": str(output),
            "errors": str(errors),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        exit_code = int(self._process.stdout.readline())
        return Finished(exit_code, output.read_text(), errors.read_text(), tmp_path / "results")

    def close(self) -> None:
        self._process.communicate("")


def main() -> None:
    """Answer each line of standard input, a load test, with its exit code."""
    import locust.main  # noqa: F401 - what python -m locust imports
    from gevent import monkey

    import engine.launch  # noqa: F401 - what the locustfile imports

    # gevent's own would start an event loop here.
    fork, wait = monkey.get_original("os", "fork"), monkey.get_original("os", "waitpid")
    for line in sys.stdin:
        child = fork()
        if child == 0:
            _become(json.loads(line))
            return
        _, status = wait(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(request: Mapping[str, Any]) -> None:
    """Be the load test that was asked for."""
    os.environ.clear()
    os.environ.update(request["environment"])
    opened = (os.devnull, request["output"], request["errors"])
    for number, path in enumerate(opened):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["locust", *request["arguments"]]
    runpy.run_module("locust", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
