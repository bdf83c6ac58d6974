"""The load test in a Locust process that opens runs: one run after another, driven by Locust's events."""

from __future__ import annotations

import gc
import signal
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import gevent
from gevent.event import Event
from locust.env import Environment
from rich.console import Console

from config.command_line import BROKEN, USAGE_ERROR
from config.errors import ConfigError
from config.settings import Settings
from engine.base_session import BaseSession, calm_garbage_collector
from metrics.progress import ProgressView, ScenarioProgress, new_progress
from metrics.request_recorder import RequestRecorder
from metrics.thresholds import ThresholdResult
from report.publish import publish
from report.run_report import RunReport
from run.arguments import read_arguments
from run.base_run import BaseRun
from run.folder import make_run_folder, new_run_id
from run.load_run import LoadRun
from run.outputs import check_outputs, open_outputs
from run.preparation import Preparation, prepare
from run.queue_watch import QueueWatch, check_queue_metrics
from run.target import is_live
from shapes.ramping_arrival_rate import PoolDispatcher
from standin.own_process import LocalStandin
from users.scenario import Scenario

AnyRun = TypeVar("AnyRun", bound=BaseRun)


class OpeningSession(BaseSession, Generic[AnyRun]):
    """Opens, watches and closes runs; the workload of the shape.

    Args:
        environment: Locust's, with its runner made.
        options: Locust's, which its web UI changes from run to run.
        settings: where Customer.io is.
        variables: those of the environment and ``.env``, for outputs that need secrets.

    Raises:
        ConfigError: the arguments, the profile or the target are not as expected.
    """

    def __init__(
        self,
        environment: Environment,
        options: Namespace,
        settings: Settings,
        variables: Mapping[str, str],
    ) -> None:
        super().__init__(environment, options, settings, variables)
        # Locust's --json has standard output for itself.
        self._out = Console(stderr=bool(options.json))
        self._standin: LocalStandin | None = None
        self._run: AnyRun | None = None
        self._progress: ProgressView | None = None
        self._seconds: gevent.Greenlet[..., None] | None = None
        self._is_over_unopened = False
        # The web UI goes on showing a run when it is over.
        self._shown_run: AnyRun | None = None
        self._shown_progress: Sequence[ScenarioProgress] = []
        self._shown_report: RunReport | None = None
        # Set whenever no run is open: a runner may be stopped without ever having run.
        self._reported = Event()
        self._reported.set()
        # Locust's web UI takes any option that a form names; these are for the command line alone.
        self._first_arguments = read_arguments(options)
        self._reach_target(self.prepare())
        environment.dispatcher_class = PoolDispatcher
        self._listen()
        self._is_set_up = True

    def prepare(self, form: Mapping[str, str] | None = None) -> Preparation:
        """What the next run would do, by the options as they are now and as the web UI's form changes them.

        Nothing is changed or sent.

        Raises:
            ConfigError: something is not as expected.
        """
        form = form or {}
        arguments = read_arguments(self._options, form, self._first_arguments)
        host = form.get("host", self._environment.host)
        if self._standin is not None and host == self._standin.url:
            host = None
        preparation = prepare(arguments, self._settings, host, self._known, self._chosen)
        check_outputs(preparation, self._variables)
        check_queue_metrics(arguments.queue_metrics)
        return preparation

    # The workload that the shape drives.

    @property
    def is_open(self) -> bool:
        """Whether a run is prepared or going."""
        return self._run is not None

    def open(self) -> None:
        """Prepare a run: its folder, its scenarios, and the user classes that Locust is to spawn.

        If that cannot be done the reason is said, and the run is over before it has begun.
        """
        try:
            self._open()
        except ConfigError as error:
            self._could_not_open(str(error), USAGE_ERROR)
        except (OSError, RuntimeError) as error:
            self._could_not_open(str(error), BROKEN)

    def _could_not_open(self, why: str, exit_code: int) -> None:
        self._say(f"error: {why}")
        self._environment.process_exit_code = exit_code
        self._is_over_unopened = True

    def _open(self) -> None:
        preparation = self.prepare()
        pages = preparation.arguments.queue_metrics
        queue = QueueWatch(pages) if pages else None
        self._reach_target(preparation)
        base_url = str(self._environment.host)
        self._say_plan(preparation, base_url)
        run_id = new_run_id()
        record = preparation.record(run_id, base_url)
        folder = make_run_folder(preparation.arguments.results_dir, run_id, record)
        run = self._new_run(run_id, folder, preparation, record)
        run.queue = queue
        self._recorder = RequestRecorder(run.store)
        self._progress = new_progress()
        self._reported.clear()
        self._interrupts = 0
        self._shown_progress = run.progress()
        self._shown_report = None
        self._shown_run = run
        self._run = run

    def vus(self) -> int:
        """The VUs wanted now over all scenarios, each user class's share in its ``fixed_count``."""
        run = self._open_run()
        for user_class in self._environment.user_classes:
            user_class.fixed_count = run.vus_wanted(user_class.__name__)
        return sum(user_class.fixed_count for user_class in self._environment.user_classes)

    def is_over(self) -> bool:
        """Whether the run can be stopped: all is done, or it was told to end, or it never began."""
        if self._is_over_unopened:
            self._is_over_unopened = False
            return True
        run = self._open_run()
        return run.is_stopping or run.is_done

    def _new_run(self, run_id: str, folder: Path, preparation: Preparation, record: dict[str, Any]) -> AnyRun:
        raise NotImplementedError

    # What the web UI shows, of the run that is open or of the last one.

    @property
    def is_reported(self) -> bool:
        """Whether no run is open, and the figures of the last one are its final ones."""
        return self._reported.is_set()

    def live_progress(self) -> Sequence[ScenarioProgress]:
        """Each scenario over the last second, or as it ended."""
        return self._shown_progress

    def live_thresholds(self) -> Sequence[ThresholdResult]:
        """The thresholds as of now, or as the summary has them."""
        if self._shown_report is not None:
            return self._shown_report.thresholds
        return self._shown_run.thresholds() if self._shown_run is not None else []

    def live_start_lag_ms(self) -> float:
        """The p99 of all start lags so far."""
        return self._shown_run.store.trend("start_lag").percentile(99) if self._shown_run is not None else 0.0

    # Locust's events.

    def _listen(self) -> None:
        events = self._environment.events
        events.spawning_complete.add_listener(self._on_spawning_complete)
        events.test_stopping.add_listener(self._on_test_stopping)
        events.test_stop.add_listener(self._on_test_stop)
        events.quitting.add_listener(self._on_quitting)
        if self._options.headless:
            # Locust's own handler comes up only when a headless run with a shape is over.
            gevent.signal_handler(signal.SIGTERM, self._on_signal, "stopped by SIGTERM")

    def _on_spawning_complete(self, **_: Any) -> None:
        run = self._run
        if run is not None and not run.is_started and not run.is_stopping:
            calm_garbage_collector()
            self._start(run)

    def _start(self, run: AnyRun) -> None:
        """Start the clocks, now that Locust has spawned the VUs."""
        raise NotImplementedError

    def _watch(self, run: AnyRun) -> None:
        """Close second after second."""
        if run.queue is not None:
            run.queue.start()
        self._seconds = gevent.spawn(self._every_second, run)
        self._seconds.link_exception(lambda greenlet: run.break_off(f"{greenlet.exception!r}"))

    def _every_second(self, run: AnyRun) -> None:
        for second in run.seconds():
            self._shown_progress = run.progress()
            if self._progress is not None:
                self._progress.update(second, self._shown_progress)
            if self._standin is not None and not self._standin.is_running:
                run.break_off("the stand-in has died")
            run.abort_on_failed_threshold()

    def _on_test_stopping(self, **_: Any) -> None:
        if self._run is not None:
            self._run.stop_clocks("stopped")

    def _on_test_stop(self, **_: Any) -> None:
        run, self._run = self._run, None
        if run is None:
            # Ctrl-C and the shape may both stop the runner; the second waits for the first's report.
            self._reported.wait()
            return
        run.end_seconds()
        if self._seconds is not None:
            self._seconds.join()
            self._seconds = None
        if self._progress is not None:
            self._progress.close()
            self._progress = None
        report = run.finish()
        self._shown_progress = run.final_progress(report)
        self._shown_report = report
        self._recorder = None
        gc.unfreeze()
        self._environment.process_exit_code = publish(report, self._out)
        self._reported.set()

    def _on_quitting(self, **_: Any) -> None:
        if self._run is not None and self._environment.runner is not None:
            self._environment.runner.quit()
        if self._standin is not None:
            self._standin.stop()
            self._standin = None

    @property
    def _has_run(self) -> bool:
        return self.is_open

    def _stop_gracefully(self, reason: str) -> None:
        if self._run is not None:
            self._run.stop_clocks(reason)
            self._say("Stopping: iterations in flight may finish. Ctrl-C again cuts them off.")

    def _end_process(self) -> None:
        has_begun = self.is_open or self._environment.process_exit_code is not None
        if has_begun or not self._options.headless:
            super()._end_process()
            return
        # Still waiting, for workers say. Locust would end with a traceback here, and leave them behind.
        self._say("Stopped before the start")
        self._environment.events.quitting.fire(environment=self._environment)
        gevent.kill(self._main, SystemExit(BROKEN))

    # Helpers.

    def _reach_target(self, preparation: Preparation) -> None:
        """Set Locust's host to the run's target, starting the stand-in if that is it."""
        base_url = preparation.target.base_url
        if base_url is None:
            if self._standin is None or not self._standin.is_running:
                self._standin = LocalStandin()
                self._say(f"No credentials: the load goes to a local stand-in at {self._standin.url}")
            base_url = self._standin.url
        self._environment.host = base_url

    def _say_plan(self, preparation: Preparation, base_url: str) -> None:
        self._say(f"Plan for {base_url}: {preparation.plan.describe()}")
        if is_live(base_url):
            for line in preparation.plan.against_limits():
                self._say(f"  {line}")

    def _open_run(self) -> AnyRun:
        if self._run is None:
            raise RuntimeError("no run is open")
        return self._run

    def _set_user_classes(self, scenarios: list[Scenario]) -> None:
        self._environment.user_classes[:] = [
            self._known[one.options.user].for_scenario(one) for one in scenarios
        ]


class LocalSession(OpeningSession[LoadRun]):
    """A load test whose VUs are all in this process."""

    def is_over(self) -> bool:
        for scenario in self._run.overdue_scenarios() if self._run is not None else []:
            self._interrupt_in_flight(scenario.name)
        return super().is_over()

    def _new_run(
        self, run_id: str, folder: Path, preparation: Preparation, record: dict[str, Any]
    ) -> LoadRun:
        run = LoadRun(run_id, folder, preparation, record, open_outputs(preparation, folder, self._variables))
        self._set_user_classes(run.scenarios)
        # Locust's own graceful stop, for runs that end before their time.
        self._environment.stop_timeout = self._options.stop_timeout or preparation.graceful_stop_seconds
        return run

    def _start(self, run: LoadRun) -> None:
        run.start_clocks()
        self._watch(run)
