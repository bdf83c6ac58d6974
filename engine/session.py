"""The session of a process that opens runs: the workload of the shape, driven by Locust's events."""

from __future__ import annotations

import gc
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from config.command_line import BROKEN, USAGE_ERROR
from config.customerio.account import Account
from config.errors import ConfigError
from engine.generator import Generator, Opening
from engine.locust_host import LocustHost
from engine.preparer import Preparer
from engine.shown_run import ShownRun, live_seconds
from engine.stop_signals import StopSignals
from metrics.progress import NoProgress, ProgressView, new_progress
from report.publish import missing_files, publish
from report.run_report import INTERRUPTED, STOPPED_BY_FILE, TERMINATED, RunReport
from run.abort_switch import AbortSwitch
from run.folder import make_run_folder, new_run_id, write_people_record
from run.live_confirmation import LiveConfirmation
from run.preparation import Preparation
from run.queue_watch import QueueWatch
from run.queued.delivery_watch import DeliveryWatch
from run.run import Run, RunIdentity
from run.stop_file import STOP_FILE, StopFile, check_no_stop_file

# How often a run looks for the file that ends it.
_LOOK_SECONDS = 0.25


class Session:
    """Opens, watches and closes one run after another.

    Args:
        host: the process.
        preparer: prepares each run.
        generator: sends the arrivals.

    Raises:
        ConfigError: a headless run on a live workspace is not confirmed, or a stop file would end it.
    """

    def __init__(self, host: LocustHost, preparer: Preparer, generator: Generator) -> None:
        self.shown = ShownRun()
        self._host = host
        self._preparer = preparer
        self._generator = generator
        self._run: Run | None = None
        self._deliveries: DeliveryWatch | None = None
        self._progress: ProgressView | None = None
        self._summary_export: Path | None = None
        self._seconds: gevent.Greenlet[..., None] | None = None
        self._stop_watch: gevent.Greenlet[..., None] | None = None
        self._switch: AbortSwitch | None = None
        # Cleared from the opening of a run until its report is written. Set at first: a runner may be
        # stopped without ever having run.
        self._reported = Event()
        self._reported.set()
        self._signals = StopSignals(self.end, self._cut_off, self._leave_at_once)
        self._live = LiveConfirmation(preparer.live_account, host.say, host.ask)
        preparation = self._preparer.prepare()
        # The only run of a headless process. It is asked for now, before it waits for workers.
        self._confirmed: Account | None = None
        if host.options.headless:
            check_no_stop_file()
            self._confirmed = self._live.confirm(preparation)
        self._preparer.set_target(preparation)
        self._listen()

    def _listen(self) -> None:
        events = self._host.environment.events
        events.spawning_complete.add_listener(self._on_spawning_complete)
        events.test_stopping.add_listener(self._on_test_stopping)
        events.test_stop.add_listener(self._on_test_stop)
        self._host.on_leaving(self._leave)
        self._signals.watch(signal.SIGINT, INTERRUPTED)
        self._signals.watch(signal.SIGTERM, TERMINATED)

    def problem_with_start(self, form: Mapping[str, str]) -> str | None:
        """Return why a start with the web UI's form is not possible now, in one line, or ``None``."""
        if not self._reported.is_set():
            return "a run is going or being stopped; expected a start after its end"
        try:
            check_no_stop_file()
            return self._live.problem(self._preparer.prepare(form))
        except ConfigError as error:
            return str(error)

    # Opening, at the shape's first tick.

    def advance(self) -> int | None:
        """Advance the run; open one if none is open.

        Returns:
            The VUs wanted now over all scenarios; ``None`` when the run is over or could not be opened.
        """
        if self._host.is_ending:
            # After a signal the main program stops the runner. The shape must not stop it as well: Locust
            # refuses to stop one user twice, with a traceback.
            return self._host.set_vus(self._generator.vus) if self._run is not None else None
        run = self._run or self._try_to_open()
        if run is not None:
            self._generator.cut_off_overdue()
        if run is None or run.is_stopping or run.is_done:
            self._note_end()
            return None
        self._generator.grow_pools()
        return self._host.set_vus(self._generator.vus)

    def _try_to_open(self) -> Run | None:
        """Open a run and return it. If that fails, print why, set the exit code and return ``None``."""
        try:
            return self._open()
        except (ConfigError, OSError, RuntimeError) as error:
            self._close_queue()
            self._host.say(f"error: {error}")
            self._host.exit_code = USAGE_ERROR if isinstance(error, ConfigError) else BROKEN
            return None

    def _open(self) -> Run:
        self._generator.check_ready()
        check_no_stop_file()
        preparation = self._preparer.with_receiver(self._preparer.prepare())
        account = self._confirmed or self._live.confirm(preparation)
        pages = preparation.arguments.queue_metrics
        queue_watch = QueueWatch(pages) if pages else None
        base_url = self._preparer.set_target(preparation)
        if account is None:
            self._preparer.check_account(preparation)
            self._say_plan(preparation, base_url)
        environment_id = account.environment_id if account is not None else None
        run_id = new_run_id()
        record = preparation.record(run_id, base_url)
        folder = make_run_folder(preparation.arguments.results_dir, run_id, record)
        write_people_record(folder, preparation.people_record(run_id, base_url, environment_id))
        self._deliveries = self._preparer.open_queue(preparation, run_id, folder, base_url, queue_watch)
        live = live_seconds(preparation) if not self._host.options.headless else None
        bounds = preparation.abort_bounds
        self._switch = AbortSwitch(bounds) if bounds is not None else None
        watchers = [watcher for watcher in (live, self._switch) if watcher is not None]
        identity = RunIdentity(run_id, folder, record)
        opening = Opening(
            identity, preparation, base_url, queue_watch, self._deliveries, watchers, environment_id
        )
        run = self._generator.open(opening)
        self._host.record_requests(run.store)
        # Until a report says otherwise: it may fail, or never be made.
        self._host.exit_code = BROKEN
        self._progress = NoProgress() if self._host.options.quiet else new_progress(self._host.err)
        self._summary_export = preparation.arguments.summary_export
        self._reported.clear()
        self._signals.reset()
        self.shown.open(run, live)
        self._run = run
        return run

    def _say_plan(self, preparation: Preparation, base_url: str) -> None:
        for line in preparation.profile_text.left_out:
            self._host.say(f"warning: {line}")
        if not self._host.options.quiet:
            places = ", ".join(preparation.target.urls(base_url))
            self._host.say(f"Plan for {places}: {preparation.plan.describe()}")

    # Starting, when Locust has spawned the VUs, and second after second from then on.

    def _on_spawning_complete(self, **_: Any) -> None:
        run = self._run
        if run is not None and not run.is_started and not run.is_stopping:
            self._host.freeze_objects()
            self._generator.start(self._watch)

    def _watch(self) -> None:
        run = self._run
        if run is None:
            return
        self._seconds = gevent.spawn(self._every_second, run)
        self._seconds.link_exception(lambda greenlet: run.break_off(f"{greenlet.exception!r}"))
        self._stop_watch = gevent.spawn(self._watch_stop_file, run)

    def _watch_stop_file(self, run: Run) -> None:
        stop_file = StopFile(run.folder)
        while not stop_file.exists:
            gevent.sleep(_LOOK_SECONDS)
        self._host.say(f"Stopping: there is a file {STOP_FILE}. Requests in flight may finish.")
        run.stop_clocks(STOPPED_BY_FILE)

    def _every_second(self, run: Run) -> None:
        for second in run.seconds():
            progress = run.whole_progress()
            self.shown.update(progress.scenarios)
            if self._progress is not None:
                self._progress.update(second, progress)
            if self._preparer.has_lost_standin:
                run.break_off("the stand-in has died")
            if self._preparer.has_lost_receiver:
                run.break_off("the receiver of webhooks has died")
            run.abort_on_failed_threshold()
            if self._switch is not None and (exceeded := self._switch.exceeded) is not None:
                run.abort_by_switch(exceeded)

    # Stopping.

    def _on_test_stopping(self, **_: Any) -> None:
        self._note_end()
        if self._run is not None:
            self._generator.stop()

    def _note_end(self) -> None:
        # A headless process ends with its only run, by itself.
        if self._host.options.headless:
            self._host.is_ending = True

    def _on_test_stop(self, **_: Any) -> None:
        self._report()

    def _report(self) -> None:
        """Finish the open run, if there is one, and wait until its report is written.

        Who stops Locust's runner while it is being stopped kills the greenlet that stops it. So the report is
        made in one that Locust does not know.
        """
        run, self._run = self._run, None
        if run is not None:
            gevent.spawn(self._finish_and_publish, run)
        self._reported.wait()

    def _finish_and_publish(self, run: Run) -> None:
        try:
            report = self._finish(run)
            self.shown.close(report, run.final_progress(report))
            self._host.exit_code = publish(report, self._host.out, self._summary_export)
        finally:
            self._reported.set()

    def _finish(self, run: Run) -> RunReport:
        try:
            run.end_seconds()
            if self._seconds is not None:
                self._seconds.join()
            if self._progress is not None:
                self._progress.close()
            return run.finish()
        finally:
            # Even if that fails, the next run must not find anything of this one.
            self._close_queue()
            if self._stop_watch is not None:
                self._stop_watch.kill(block=False)
            self._stop_watch = self._switch = None
            self._seconds = None
            self._progress = None
            self._generator.close()
            self._host.record_requests(None)
            gc.unfreeze()

    def _close_queue(self) -> None:
        deliveries, self._deliveries = self._deliveries, None
        if deliveries is not None:
            deliveries.close()

    # Ending the process.

    def _leave(self) -> None:
        if self._run is not None and self._host.environment.runner is not None:
            self._host.environment.runner.quit()
        # A runner that was being stopped already may not have come to its end.
        self._report()
        self._preparer.close()

    def end(self, reason: str) -> None:
        """Stop the run that is open gracefully, if there is one, and end the process."""
        if self._run is not None:
            self._run.stop_clocks(reason)
            self._host.say("Stopping; requests in flight may finish. Ctrl-C again cuts them off.")
        elif not self._reported.is_set():
            self._host.say("The run has ended, and its report is being written")
        has_begun = not self._reported.is_set() or self._host.exit_code is not None
        if self._host.options.headless and not has_begun:
            # Nothing has begun: the process may be waiting for workers. By itself Locust would end with a
            # traceback here and leave its workers running.
            self._host.say("Stopped before the start")
            self._host.end_unstarted()
        elif self._host.options.headless or reason != TERMINATED:
            # With a page, Locust's own handler of SIGTERM ends the process.
            self._host.end()

    def _cut_off(self) -> None:
        if self._run is not None:
            self._host.say("Cut off what was in flight. Ctrl-C again leaves at once, without a summary.")
            self._host.cut_off()
        elif not self._reported.is_set():
            self._host.say("The report is being written. Ctrl-C again leaves at once, without it.")

    def _leave_at_once(self) -> None:
        if self._progress is not None:
            self._progress.close()
        folder = self.shown.folder
        if folder is not None and (missing := missing_files(folder)):
            self._host.say(
                f"Left at once, without {', '.join(missing)}; "
                f"scripts/report.sh {folder} shows what was measured"
            )
            self._host.leave_at_once()
        self._host.leave_at_once(self._host.exit_code)
