"""A server of this project in a process of its own, for a program that has nobody else to send to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path(__file__).resolve().parent.parent
_LISTENING = re.compile(r"listening on (http://\S+)")


class ChildServer:
    """``python -m MODULE`` on a free port. It ends with ``stop``, or when the process that started it ends.

    It comes up while its owner does other work: only ``url`` waits for it, and ``with``.

    Args:
        module: which says ``listening on URL`` when it is ready, and knows ``--until-stdin-closes``.
        name: of the server, for people.
        options: further command line options.
        environment: variables in addition to this process's. Those with credentials of ours are left out.
    """

    def __init__(
        self, module: str, name: str, options: tuple[str, ...], environment: Mapping[str, str]
    ) -> None:
        self._name = name
        # It does not need our credentials. It gets a session of its own: a Ctrl-C on the terminal does not
        # reach it, and it still answers the requests in flight.
        inherited = {
            variable: value
            for variable, value in os.environ.items()
            if not variable.startswith(("CUSTOMERIO_", "WEBHOOK_"))
        }
        self._process = subprocess.Popen(  # noqa: S603 - a program of this project
            [sys.executable, "-m", module, "--port", "0", "--until-stdin-closes", *options],
            cwd=_ROOT,
            env={**inherited, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @cached_property
    def url(self) -> str:
        """The server's URL. The first use waits until the server listens.

        Raises:
            RuntimeError: the process did not start.
        """
        line = self._process.stdout.readline() if self._process.stdout else ""
        match = _LISTENING.search(line)
        if match is None:
            self.stop()
            raise RuntimeError(f"{self._name} did not start: {line.strip() or 'it printed nothing'}")
        return match[1]

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process and wait until it has ended."""
        if "url" in vars(self):
            self._process.terminate()
        else:
            # Nobody has used it, and one that is still coming up would warn of what it had begun.
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        self.url  # noqa: B018 - waits, so that threads within find it listening
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
