"""What every Locust process of a load test has in common, alone, as master or as worker."""

from __future__ import annotations

import gc
import os
import signal
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

import gevent
from locust.env import Environment
from rich.console import Console

from config.command_line import BROKEN
from config.settings import Settings
from metrics.request_recorder import RequestRecorder
from users.arrival_user import ArrivalUser


class BaseSession(ABC):
    """Signals, requests and VUs of one process.

    Args:
        environment: Locust's, with its runner made.
        options: Locust's, which its web UI changes from run to run.
        settings: where Customer.io is.
        variables: those of the environment and ``.env``, for outputs that need secrets.
    """

    _is_set_up = False

    def __init__(
        self,
        environment: Environment,
        options: Namespace,
        settings: Settings,
        variables: Mapping[str, str],
    ) -> None:
        self._environment = environment
        self._options = options
        self._settings = settings
        self._variables = variables
        self._known = _user_kinds(environment.available_user_classes or {})
        self._chosen = _user_kinds({one.__name__: one for one in environment.user_classes})
        self._err = Console(stderr=True)
        self._recorder: RequestRecorder | None = None
        self._interrupts = 0
        self._main = gevent.getcurrent()
        environment.events.request.add_listener(self._on_request)
        # gevent runs these in greenlets of their own: a signal never breaks into a VU's code.
        gevent.signal_handler(signal.SIGINT, self._on_signal, "interrupted by Ctrl-C")

    @property
    @abstractmethod
    def _has_run(self) -> bool:
        """Whether a run is open that a second signal could cut short."""

    @abstractmethod
    def _stop_gracefully(self, reason: str) -> None:
        """Start no more iterations, for a signal."""

    def _on_request(self, **request: Any) -> None:
        if self._recorder is not None:
            self._recorder(**request)

    def _on_signal(self, reason: str) -> None:
        """First: stop gracefully. Second, of any kind: cut off what is in flight. Third: leave at once."""
        self._interrupts += 1
        if self._interrupts == 1 or not self._has_run:
            self._stop_gracefully(reason)
            self._end_process()
        elif self._interrupts == 2:
            self._interrupt_in_flight(None)
        else:
            os._exit(BROKEN)

    def _end_process(self) -> None:
        """Let Locust's main program go on as after a Ctrl-C, which stops the runner and ends."""
        gevent.kill(self._main, KeyboardInterrupt())

    def _interrupt_in_flight(self, scenario: str | None) -> None:
        """Cut off the iterations of one scenario, or of all."""
        runner = self._environment.runner
        for greenlet in list(runner.user_greenlets) if runner is not None else []:
            user = greenlet.args[0] if greenlet.args else None
            if scenario is None or (user is not None and type(user).__name__ == scenario):
                greenlet.kill(block=False)

    def _say(self, line: str) -> None:
        self._err.print(line, highlight=False, markup=False, soft_wrap=True)


def calm_garbage_collector() -> None:
    """Keep full collections out of the run.

    One over all that is loaded takes tens of milliseconds: collect now, and leave what stays out of
    later ones.
    """
    # What an earlier run left frozen may be garbage by now.
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _user_kinds(user_classes: Mapping[str, Any]) -> dict[str, type[ArrivalUser]]:
    return {one.kind: one for one in user_classes.values() if issubclass(one, ArrivalUser)}
