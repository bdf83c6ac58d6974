"""Starts our programs by forking a process in which what they import is imported already.

``python -m locust`` imports for most of a second before it reads its arguments, and the tests start hundreds
of programs. One that is forked begins where the imports end. From there on it is the program as ever, in a
process with an environment and files of its own.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import struct
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache

# By name, as Locust's import lets gevent put others in their place, which would start an event loop here.
from os import WNOHANG, _exit, fork, waitpid
from pathlib import Path
from select import select
from signal import SIGKILL, SIGTERM
from socket import AF_UNIX, SOCK_SEQPACKET, recv_fds, send_fds, socket, socketpair
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
# What each program imports before it sends anything.
_IMPORTED = {
    "locust": ("locust.main", "engine.start", "engine.local_process", "engine.worker", "engine.worker_fleet"),
    "pipeline.worker": ("pipeline.worker.command",),
    "standin": ("standin.command",),
}
_NUMBER = struct.Struct("q")
_MOST_BYTES = 1 << 20


class ForkedProcess:
    """A program that was forked, with those parts of ``subprocess.Popen`` that tests use.

    Args:
        news: a descriptor from which its process id can be read, and its exit code when it has ended.

    Raises:
        RuntimeError: the program cannot be imported.
    """

    def __init__(self, news: int) -> None:
        self._news = news
        self.returncode: int | None = None
        self.pid = self._read()

    def poll(self) -> int | None:
        """Return the exit code, or ``None`` while it runs; the number of a signal is negative."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it is still running.
        """
        if self.returncode is None:
            if timeout is not None and not select([self._news], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            self.returncode = self._read()
            os.close(self._news)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(SIGTERM)

    def kill(self) -> None:
        self.send_signal(SIGKILL)

    def _read(self) -> int:
        news = os.read(self._news, _NUMBER.size)
        if not news:
            raise RuntimeError("the process that forks has ended; its last words are on standard error")
        number: int = _NUMBER.unpack(news)[0]
        return number


Process = subprocess.Popen[str] | ForkedProcess


def start(
    program: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    output: int,
    errors: int,
    stdin: int | None = None,
    root: Path = _ROOT,
    has_own_group: bool = False,
    anew: bool = False,
) -> Process:
    """Start ``python -m program``.

    Args:
        program: its name. One whose imports are not known here starts anew.
        arguments: of its command line.
        environment: the whole of it.
        output: the descriptor of its standard output.
        errors: the descriptor of its standard error.
        stdin: the descriptor of its standard input; otherwise that has nothing in it.
        root: the folder that it is started in; another one than ours has a program of its own.
        has_own_group: whether it leads a process group.
        anew: whether Python starts anew, as for users. It does too if it is to read something at its start: a
            terminal, variables of its own, another folder.
    """
    with Path(os.devnull).open() as nothing:
        files = (nothing.fileno() if stdin is None else stdin, output, errors)
        if not (anew or program not in _IMPORTED or root != _ROOT or _reads_at_its_start(environment, files)):
            return _forge_of(program).start(arguments, environment, files, has_own_group=has_own_group)
        return subprocess.Popen(
            [sys.executable, "-m", program, *arguments],
            cwd=root, env=environment, process_group=0 if has_own_group else None, text=True,
            stdin=files[0], stdout=output, stderr=errors,
        )  # fmt: skip


def _reads_at_its_start(environment: Mapping[str, str], files: Sequence[int]) -> bool:
    """Return whether Python's own start depends on these."""
    own, others = (
        {name: value for name, value in variables.items() if name.startswith("PYTHON")}
        for variables in (os.environ, environment)
    )
    return own != others or any(map(os.isatty, files))


@cache
def _forge_of(program: str) -> _Forge:
    forge = _Forge(program)
    atexit.register(forge.close)
    return forge


class _Forge:
    """The process that has everything imported."""

    def __init__(self, program: str) -> None:
        self._requests, theirs = socketpair(AF_UNIX, SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.programs.forge", program],
                cwd=_ROOT, stdin=theirs.fileno(), stdout=subprocess.DEVNULL,
            )  # fmt: skip

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        files: tuple[int, int, int],
        *,
        has_own_group: bool,
    ) -> ForkedProcess:
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "has_own_group": has_own_group,
        }
        news, theirs = os.pipe()
        send_fds(self._requests, [json.dumps(request).encode()], [*files, theirs])
        os.close(theirs)
        return ForkedProcess(news)

    def close(self) -> None:
        self._requests.close()
        self._process.wait()


def main(program: str) -> None:
    """Import what the program imports, then start it for each request that comes by standard input."""
    requests = socket(fileno=0)
    requests.setblocking(True)
    for module in _IMPORTED[program]:
        importlib.import_module(module)
    while True:
        message, files, _, _ = recv_fds(requests, _MOST_BYTES, 4)
        _forget_those_that_have_ended()
        if not message:
            return
        if fork() == 0 and _start_and_wait(files[-1], files[:-1]):
            requests.detach()
            _become(program, json.loads(message), files[:-1])
            return
        for file in files:
            os.close(file)


def _forget_those_that_have_ended() -> None:
    with suppress(ChildProcessError):
        while waitpid(-1, WNOHANG)[0]:
            pass


def _start_and_wait(news: int, files: Sequence[int]) -> bool:
    """Return true in a child, which is to be the program. This process ends when the child has ended."""
    child = fork()
    if child == 0:
        os.close(news)
        return True
    for file in files:
        os.close(file)
    os.write(news, _NUMBER.pack(child))
    _, status = waitpid(child, 0)
    # After a test that failed, nobody may be there to hear of it.
    with suppress(BrokenPipeError):
        os.write(news, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
    _exit(0)


def _become(program: str, request: Mapping[str, Any], files: Sequence[int]) -> None:
    """Be the program that was asked for."""
    if request["has_own_group"]:
        os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.argv = [program, *request["arguments"]]
    runpy.run_module(program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
