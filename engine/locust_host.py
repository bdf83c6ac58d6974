"""The Locust process of a session: its users, its requests, its exit."""

from __future__ import annotations

import gc
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import gevent
from gevent.select import select
from locust.env import Environment
from rich.console import Console

from config.command_line import ABORTED
from config.environment_confirmation import is_terminal
from config.shown import visible
from engine.locust_internals.users import begin_waiting, cut_off_users, end_waiting
from engine.locust_internals.web_ui import add_page_log
from engine.locust_statistics import LocustStatistics
from metrics.iteration_log import Answers
from metrics.request_recorder import RequestRecorder
from metrics.store import MetricStore

_FOREVER_SECONDS = 10 * 365 * 86_400.0


class LocustHost:
    """What a session may do with its process.

    Args:
        environment: Locust's, with its runner made.
        options: Locust's, which its web UI changes from run to run.
    """

    def __init__(self, environment: Environment, options: Namespace) -> None:
        self.environment = environment
        self.options = options
        # Locust's --json has standard output for itself.
        self.out = Console(stderr=bool(options.json))
        # One for all lines and for the progress: rich writes lines above the bars of the same console only.
        self.err = Console(stderr=True)
        self._record: Callable[..., None] | None = None
        self._main = gevent.getcurrent()
        self._is_leaving = False
        self._has_frozen = False
        self.is_ending = False
        """Whether the process ends, by ``end`` or by itself."""
        environment.events.request.add_listener(self._on_request)
        self._statistics = LocustStatistics(environment, self._on_request)

    def say(self, line: str) -> None:
        """Print a line for the user on standard error."""
        self.err.print(visible(line), highlight=False, markup=False, soft_wrap=not self.err.is_terminal)
        add_page_log(line)

    def ask(self, question: str) -> str | None:
        """Return what the user types after a question: ``""`` after Ctrl-C, ``None`` without a terminal."""
        if not is_terminal():
            return None
        self.err.print(question, end="", highlight=False, markup=False)
        try:
            # Other greenlets go on: a master's workers would take it for dead.
            select([sys.stdin], [], [])
            return sys.stdin.readline()
        except KeyboardInterrupt:
            return ""

    # Users.

    def set_user_classes(self, user_classes: Sequence[type[Any]]) -> None:
        """Make these the classes that Locust spawns."""
        self.environment.user_classes[:] = user_classes

    def set_vus(self, wanted: Callable[[str], int]) -> int:
        """Set how many users of each class Locust should have; return their sum."""
        for user_class in self.environment.user_classes:
            user_class.fixed_count = wanted(user_class.__name__)
        return sum(user_class.fixed_count for user_class in self.environment.user_classes)

    def set_graceful_stop(self, seconds: float) -> None:
        """Set for how many seconds Locust lets iterations in flight continue when it stops users."""
        self.environment.stop_timeout = seconds

    def cut_off(self, scenario: str | None = None) -> None:
        """Interrupt the iterations in flight of one scenario, or of all."""
        if self.environment.runner is not None:
            cut_off_users(self.environment.runner, scenario)

    # Requests.

    def record_requests(self, store: MetricStore | None) -> None:
        """Record every request whose event is fired in this store from now on; with ``None``, record none."""
        self._record = RequestRecorder(store) if store is not None else None

    def book_answers(self, answers: Sequence[Answers]) -> None:
        """Book requests whose event was not fired in Locust's statistics."""
        self._statistics.add(answers)

    @property
    def is_event_wanted(self) -> bool:
        """Whether anybody but Locust and us listens to the ``request`` event, so that VUs must fire it."""
        return self._statistics.is_event_wanted

    # As they are: a method around each took 0.1 us per iteration.
    begin_waiting = staticmethod(begin_waiting)
    end_waiting = staticmethod(end_waiting)

    def _on_request(self, **request: Any) -> None:
        if self._record is not None:
            self._record(**request)

    # Memory.

    def freeze_objects(self) -> None:
        """Exclude the objects that exist now from later garbage collections, but for what is garbage by now.

        A full collection over everything that is loaded takes tens of milliseconds, in which no VU runs. The
        first run does without one before its start (65 ms): nothing but loading has been done.
        """
        if self._has_frozen:
            gc.unfreeze()
            gc.collect()
        self._has_frozen = True
        gc.freeze()

    # The end.

    @property
    def exit_code(self) -> int | None:
        """The exit code that was set; with ``None`` Locust chooses one."""
        return self.environment.process_exit_code

    @exit_code.setter
    def exit_code(self, code: int) -> None:
        self.environment.process_exit_code = code

    def on_leaving(self, leave: Callable[[], None]) -> None:
        """Call ``leave`` before the process exits, which waits for its return."""

        def quitting(**_: Any) -> None:
            if self._is_leaving:
                # Locust's main program and its handler of SIGTERM may both shut down, and would cut each
                # other short. Only the first goes on.
                gevent.sleep(_FOREVER_SECONDS)
            self.is_ending = self._is_leaving = True
            leave()

        self.environment.events.quitting.add_listener(quitting)

    def end(self) -> None:
        """End the process as Locust does on Ctrl-C: it stops the runner, then exits.

        Do nothing if it is ending: an interrupt in the middle of that would break it off with a traceback.
        """
        if not self.is_ending:
            self.is_ending = True
            gevent.kill(self._main, KeyboardInterrupt())

    def end_unstarted(self) -> None:
        """End a process that was stopped before its first run. By itself Locust would leave its workers."""
        if not self.is_ending:
            self.environment.events.quitting.fire(environment=self.environment)
            gevent.kill(self._main, SystemExit(ABORTED))

    @staticmethod
    def leave_at_once(exit_code: int | None = None) -> NoReturn:
        """Exit immediately, without any cleanup; with ``ABORTED`` unless an exit code is given."""
        os._exit(ABORTED if exit_code is None else exit_code)
