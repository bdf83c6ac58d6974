"""The load test inside one Locust process: one run after another, driven by Locust's events."""

from __future__ import annotations

import gc
import os
import signal
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from rich.console import Console

from config.settings import Settings
from metrics.progress import ProgressView, new_progress
from metrics.request_recorder import RequestRecorder
from run.arguments import read_arguments
from run.folder import make_run_folder, new_run_id
from run.load_run import LoadRun
from run.local_standin import LocalStandin
from run.preparation import Preparation, prepare
from run.publish import BROKEN_EXIT_CODE, publish
from run.target import is_live
from shapes.ramping_arrival_rate import PoolDispatcher
from users.arrival_user import ArrivalUser


class Session:
    """Opens, watches and closes the runs of a Locust process; the workload of the shape.

    Args:
        environment: Locust's, with its runner made.
        options: Locust's, which its web UI changes from run to run.
        settings: where Customer.io is.

    Raises:
        ConfigError: the arguments, the profile or the target are not as expected.
    """

    def __init__(self, environment: Environment, options: Namespace, settings: Settings) -> None:
        self._environment = environment
        self._options = options
        self._settings = settings
        self._known = _user_kinds(environment.available_user_classes or {})
        self._chosen = _user_kinds({one.__name__: one for one in environment.user_classes})
        self._out = Console()
        self._err = Console(stderr=True)
        self._standin: LocalStandin | None = None
        self._run: LoadRun | None = None
        self._recorder: RequestRecorder | None = None
        self._progress: ProgressView | None = None
        self._seconds: gevent.Greenlet[..., None] | None = None
        # Set whenever no run is open: a runner may be stopped without ever having run.
        self._reported = Event()
        self._reported.set()
        self._interrupts = 0
        self._main = gevent.getcurrent()
        self._reach_target(self.prepare())
        environment.dispatcher_class = PoolDispatcher
        self._listen()

    def prepare(self, form: Mapping[str, str] | None = None) -> Preparation:
        """What the next run would do, by the options as they are now and as the web UI's form changes them.

        Nothing is changed or sent.

        Raises:
            ConfigError: something is not as expected.
        """
        form = form or {}
        arguments = read_arguments(self._options, form)
        host = form.get("host", self._environment.host)
        if self._standin is not None and host == self._standin.url:
            host = None
        return prepare(arguments, self._settings, host, self._known, self._chosen)

    # The workload that the shape drives.

    @property
    def is_open(self) -> bool:
        """Whether a run is prepared or going."""
        return self._run is not None

    def open(self) -> None:
        """Prepare a run: its folder, its scenarios, and the user classes that Locust is to spawn."""
        preparation = self.prepare()
        self._reach_target(preparation)
        base_url = str(self._environment.host)
        self._say_plan(preparation, base_url)
        run_id = new_run_id()
        record = preparation.record(run_id, base_url)
        folder = make_run_folder(preparation.arguments.results_dir, run_id, record)
        run = LoadRun(run_id, folder, preparation, record)
        self._environment.user_classes[:] = [
            self._known[one.options.user].for_scenario(one) for one in run.scenarios
        ]
        # Locust's own graceful stop, for runs that end before their time.
        graceful_stop = max(one.options.graceful_stop for one in run.scenarios)
        self._environment.stop_timeout = self._options.stop_timeout or graceful_stop
        self._recorder = RequestRecorder(run.store)
        self._progress = new_progress()
        self._reported.clear()
        self._interrupts = 0
        self._run = run

    def vus(self) -> int:
        """The VUs wanted now over all scenarios, each user class's share in its ``fixed_count``."""
        run = self._open_run()
        for user_class in self._environment.user_classes:
            user_class.fixed_count = run.vus_wanted(user_class.__name__)
        return sum(user_class.fixed_count for user_class in self._environment.user_classes)

    def is_over(self) -> bool:
        """Whether the run can be stopped: all is done, or it was told to end."""
        run = self._open_run()
        for scenario in run.overdue_scenarios():
            self._interrupt_in_flight(scenario.name)
        return run.is_stopping or run.is_done

    # Locust's events.

    def _listen(self) -> None:
        events = self._environment.events
        events.spawning_complete.add_listener(self._on_spawning_complete)
        events.request.add_listener(self._on_request)
        events.test_stopping.add_listener(self._on_test_stopping)
        events.test_stop.add_listener(self._on_test_stop)
        events.quitting.add_listener(self._on_quitting)
        # gevent runs these in greenlets of their own: a signal never breaks into a VU's code.
        gevent.signal_handler(signal.SIGINT, self._on_sigint)
        if self._options.headless:
            # Locust's own handler comes up only when a headless run with a shape is over.
            gevent.signal_handler(signal.SIGTERM, self._on_sigterm)

    def _on_spawning_complete(self, **_: Any) -> None:
        run = self._run
        if run is None or run.is_started or run.is_stopping:
            return
        # A full garbage collection over all that is loaded takes tens of milliseconds and would
        # come in the middle of the run: collect now, and leave what stays out of later ones.
        gc.collect()
        gc.freeze()
        run.start_clocks()
        self._seconds = gevent.spawn(self._every_second, run)

    def _every_second(self, run: LoadRun) -> None:
        for second in run.seconds():
            if self._progress is not None:
                self._progress.update(second, run.progress())
            if self._standin is not None and not self._standin.is_running:
                run.break_off("the stand-in has died")
            run.abort_on_failed_threshold()

    def _on_request(self, **request: Any) -> None:
        if self._recorder is not None:
            self._recorder(**request)

    def _on_test_stopping(self, **_: Any) -> None:
        if self._run is not None:
            self._run.stop_clocks("stopped")

    def _on_test_stop(self, **_: Any) -> None:
        run, self._run = self._run, None
        if run is None:
            # Ctrl-C and the shape may both stop the runner; the second waits for the first's report.
            self._reported.wait()
            return
        if self._seconds is not None:
            self._seconds.kill()
            self._seconds = None
        if self._progress is not None:
            self._progress.close()
            self._progress = None
        report = run.finish()
        self._recorder = None
        self._environment.process_exit_code = publish(report, self._out)
        self._reported.set()

    def _on_quitting(self, **_: Any) -> None:
        if self._run is not None and self._environment.runner is not None:
            self._environment.runner.quit()
        if self._standin is not None:
            self._standin.stop()
            self._standin = None

    def _on_sigint(self) -> None:
        """First: stop gracefully. Second: cut off what is in flight. Third: leave at once."""
        self._interrupts += 1
        if self._interrupts == 1:
            if self._run is not None:
                self._run.stop_clocks("interrupted by Ctrl-C")
                self._say("Stopping: iterations in flight may finish. Ctrl-C again cuts them off.")
            gevent.kill(self._main, KeyboardInterrupt())
        elif self._interrupts == 2:
            self._interrupt_in_flight(None)
        else:
            os._exit(BROKEN_EXIT_CODE)

    def _on_sigterm(self) -> None:
        if self._run is not None:
            self._run.stop_clocks("stopped by SIGTERM")
        gevent.kill(self._main, KeyboardInterrupt())

    # Helpers.

    def _reach_target(self, preparation: Preparation) -> None:
        """Set Locust's host to the run's target, starting the stand-in if that is it; say so."""
        base_url = preparation.target.base_url
        if base_url is None:
            if self._standin is None:
                self._standin = LocalStandin()
                self._say(f"No credentials: the load goes to a local stand-in at {self._standin.url}")
            base_url = self._standin.url
        self._environment.host = base_url

    def _say_plan(self, preparation: Preparation, base_url: str) -> None:
        self._say(f"Plan for {base_url}: {preparation.plan.describe()}")
        if is_live(base_url):
            for line in preparation.plan.against_limits():
                self._say(f"  {line}")

    def _open_run(self) -> LoadRun:
        if self._run is None:
            raise RuntimeError("no run is open")
        return self._run

    def _interrupt_in_flight(self, scenario: str | None) -> None:
        """Cut off the iterations of one scenario, or of all."""
        runner = self._environment.runner
        greenlets = list(runner.user_greenlets) if runner is not None else []
        for greenlet in greenlets:
            user = greenlet.args[0] if greenlet.args else None
            if scenario is None or (user is not None and type(user).__name__ == scenario):
                greenlet.kill(block=False)

    def _say(self, line: str) -> None:
        self._err.print(line, highlight=False, markup=False, soft_wrap=True)


def _user_kinds(user_classes: Mapping[str, Any]) -> dict[str, type[ArrivalUser]]:
    return {one.kind: one for one in user_classes.values() if issubclass(one, ArrivalUser)}
