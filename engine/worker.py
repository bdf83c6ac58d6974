"""The load test in a Locust worker: it sends its share of the master's runs and reports on it."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import replace

import gevent
from locust.runners import WorkerRunner

from config.command_line import BROKEN, USAGE_ERROR
from config.errors import ConfigError
from config.profile import ProfileText, read_profile
from config.profile_names import DEFAULT_PROFILE
from config.settings import Settings
from config.shown import shown
from engine.cluster.fingerprint import code_fingerprint
from engine.cluster.membership import LEASE_SECONDS
from engine.cluster.messages import (
    Beat,
    Hello,
    Invitation,
    Leaving,
    Refuse,
    Start,
    Stop,
    Welcome,
)
from engine.cluster.seal import KEY_VARIABLE, Seal
from engine.ignored_messages import IgnoredMessages
from engine.locust_host import LocustHost
from engine.locust_internals.command_line import remember_default_arguments
from engine.message_port import MessagePort
from engine.stop_signals import StopSignals
from engine.worker_run import WorkerRun
from report.publish import write_summary
from report.run_report import INTERRUPTED, TERMINATED
from run.arguments import read_arguments
from run.preparation import Preparation, prepare
from run.region import live_account
from users.http.factory import HttpClient
from users.kinds import Kinds

MASTER_SILENCE_SECONDS = 10.0
"""A worker that hears nothing from the master for this long during a run ends by itself."""

_HELLO_INTERVAL_SECONDS = 0.5

# How long a worker waits for its master's welcome before it says so.
_WELCOME_PATIENCE_SECONDS = 5.0

# How long a worker that gives up waits for Locust to end the process.
_EXIT_PATIENCE_SECONDS = 5.0

# A worker that leaves continues with its share until an epoch without it begins, at most for this long.
_LEAVING_SECONDS = 4 * LEASE_SECONDS


class WorkerSession:
    """A worker's part in the runs of its master.

    Args:
        host: the process.
        runner: Locust's.
        settings: where Customer.io is; credentials never come from the master.
        variables: those of the environment and ``.env``, for outputs that need secrets.
        ignored_messages: the counter of ignored messages.
        seal: signs and checks the messages if there is a key.

    Raises:
        ConfigError: the arguments or the profile are wrong.
    """

    def __init__(
        self,
        host: LocustHost,
        runner: WorkerRunner,
        settings: Settings,
        variables: Mapping[str, str],
        ignored_messages: IgnoredMessages,
        seal: Seal,
    ) -> None:
        environment = host.environment
        self._host = host
        self._runner = runner
        self._settings = settings
        self._variables = variables
        self._ignored_messages = ignored_messages
        self._kinds = Kinds((environment.available_user_classes or {}).values(), environment.user_classes)
        # Read now: on a spawn message Locust overwrites the options with the master's.
        self._own_arguments = read_arguments(host.options)
        self._run: WorkerRun | None = None
        self._last_beat = 0.0
        self._is_welcome = False
        remember_default_arguments()
        self._signals = StopSignals(self._end, self._host.cut_off, self._leave_at_once)
        self._signals.watch(signal.SIGINT, INTERRUPTED)
        self._signals.watch(signal.SIGTERM, TERMINATED)
        # Locust calls these listeners in reverse: this one before the runner's own, which disconnects.
        self._host.on_leaving(self._leave)
        self._port = MessagePort(runner, ignored_messages, seal)
        self._port.receive(Welcome, self._on_welcome)
        self._port.receive(Refuse, self._on_refuse)
        self._port.receive(Invitation, self._on_invitation)
        self._port.receive(Start, self._on_start)
        self._port.receive(Beat, self._on_beat)
        self._port.receive(Stop, self._on_stop, in_background=True)
        gevent.spawn(self._say_hello, self._hello())
        gevent.spawn(self._watch_master)

    def _hello(self) -> Hello:
        profile = self._own_arguments.profile
        return Hello(
            code=code_fingerprint(),
            host=socket.gethostname(),
            python=sys.version.split()[0],
            profile=read_profile(profile).toml if profile != DEFAULT_PROFILE else None,
        )

    def _say_hello(self, hello: Hello) -> None:
        """Send hello until the master welcomes this worker: the master may still be starting."""
        started = time.monotonic()
        has_warned = False
        while not self._is_welcome:
            self._port.send(hello)
            gevent.sleep(_HELLO_INTERVAL_SECONDS)
            if not has_warned and time.monotonic() - started > _WELCOME_PATIENCE_SECONDS:
                has_warned = True
                self._host.say(
                    f"No welcome from the master after {_WELCOME_PATIENCE_SECONDS:g} s, still trying; "
                    f"expected this project on both sides, and the same {KEY_VARIABLE} or none"
                )

    # Messages from the master.

    def _on_welcome(self, _: str, __: Welcome) -> None:
        self._is_welcome = True

    def _on_refuse(self, _: str, refuse: Refuse) -> None:
        self._give_up(f"refused by the master: {refuse.reason}")

    def _on_invitation(self, _: str, invitation: Invitation) -> None:
        if self._run is not None and self._run.run_id == invitation.run_id:
            return
        try:
            self._open(invitation)
        except (ConfigError, OSError) as error:
            self._give_up(str(error))

    def _open(self, invitation: Invitation) -> None:
        preparation = self._prepare(invitation)
        self._check_environment(invitation, preparation)
        run = WorkerRun(invitation, preparation, self._variables, self._port, self._host)
        self._host.set_user_classes(run.user_classes())
        self._host.record_requests(run.store)
        self._last_beat = time.monotonic()
        self._signals.reset()
        self._run = run

    def _prepare(self, invitation: Invitation) -> Preparation:
        arguments = replace(
            self._own_arguments,
            # Where files go, and whether a live host may be loaded, is decided on this machine.
            profile=invitation.profile_place,
            time_scale=invitation.time_scale,
            people_seed=invitation.people_seed,
            http_client=_http_client(invitation.http_client),
            resend_post=invitation.resend_post,
            traceparent=invitation.traceparent,
            outputs=invitation.outputs,
            outputs_optional=invitation.outputs_optional,
            people_budget=invitation.people_budget,
            event_age_seconds=invitation.event_age,
        )
        preparation = prepare(
            arguments,
            self._settings,
            invitation.base_url,
            self._kinds,
            ProfileText(invitation.profile_place, invitation.profile_toml),
            invitation.scenarios,
            receiver_url=invitation.receiver_url,
        )
        for spec in preparation.outputs:
            if spec.startswith("python=") and spec not in self._own_arguments.outputs:
                raise ConfigError(
                    f"--out {spec}: runs code and comes from the master; expected the same option on this "
                    "worker's own command line"
                )
        return preparation

    def _check_environment(self, invitation: Invitation, preparation: Preparation) -> None:
        """Check that this worker's credentials are of the live environment that the master's user confirmed.

        Raises:
            ConfigError: they are of another one, or nobody has confirmed any.
        """
        if not preparation.target.is_live:
            return
        if invitation.environment_id is None:
            raise ConfigError(f"{invitation.base_url}: a live workspace that the master has not confirmed")
        own = live_account(preparation.target, self._settings).environment_id
        if own != invitation.environment_id:
            raise ConfigError(
                f"this worker's credentials are of environment {shown(own)}; expected those of "
                f"{shown(invitation.environment_id)}, which the master has confirmed"
            )

    def _on_start(self, _: str, start: Start) -> None:
        run = self._run_of(start.run_id)
        if run is None or run.is_started or run.is_stopping:
            return
        self._host.freeze_objects()
        run.start(start.at, self._host.cut_off)

    def _on_beat(self, _: str, beat: Beat) -> None:
        """Accept the grant, and answer with a report."""
        run = self._run_of(beat.run_id)
        if run is None:
            return
        self._last_beat = time.monotonic()
        run.accept_beat(beat)
        run.send_report(self._runner.user_classes_count)

    def _on_stop(self, _: str, stop: Stop) -> None:
        run = self._run_of(stop.run_id)
        if run is not None:
            self._close(run, "stopped by the master")

    def _run_of(self, run_id: str) -> WorkerRun | None:
        return self._run if self._run is not None and self._run.run_id == run_id else None

    # The end of a run.

    def _close(self, run: WorkerRun, reason: str) -> None:
        """Stop this worker's part of a run gracefully, send its last report and write its summary."""
        if run.is_stopping:
            return
        run.stop_clocks(reason)
        self._host.set_graceful_stop(run.graceful_stop_seconds)
        try:
            self._runner.stop_users(self._runner.user_classes_count)
            report = run.finish()
            run.send_report(self._runner.user_classes_count, is_final=True)
            write_summary(report)
        finally:
            # A master that did not wait may have opened the next run in the meantime.
            if self._run is run:
                self._host.record_requests(None)
                # All VUs have stopped: Locust need not wait for any when it stops them itself.
                self._host.set_graceful_stop(0.0)
                self._run = None
        self._ignored_messages.log_count()

    # Ending before the run does.

    def _end(self, reason: str) -> None:
        """End the process. Locust quits, and the worker then leaves the run."""
        if reason != TERMINATED:
            # Locust's own handler of SIGTERM ends the process.
            self._host.end()

    def _leave_at_once(self) -> None:
        if self._run is not None:
            self._host.say(f"worker-{self._run.index}: left at once, without a summary in {self._run.folder}")
        self._host.leave_at_once()

    def _leave(self) -> None:
        """Leave the open run: continue until an epoch without this worker begins, then close the run here."""
        run = self._run
        if run is None:
            return
        self._port.send(Leaving(run.run_id))
        deadline = time.monotonic() + _LEAVING_SECONDS
        while self._run is run and not run.may_leave and time.monotonic() < deadline:
            gevent.sleep(0.05)
        if self._run is run:
            self._close(run, "left")
        # Another greenlet may be closing it.
        while self._run is run:
            gevent.sleep(0.05)

    def _watch_master(self) -> None:
        """End the process when the master is silent for too long during a run."""
        while True:
            gevent.sleep(1.0)
            run = self._run
            if run is None or run.is_stopping:
                continue
            if time.monotonic() - self._last_beat > MASTER_SILENCE_SECONDS:
                fault = f"no word from the master for {MASTER_SILENCE_SECONDS:g} s"
                self._host.say(f"worker-{run.index}: {fault}; stopping, own results in {run.folder}")
                run.fault(fault)
                self._close(run, f"broken off: {fault}")
                self._host.exit_code = BROKEN
                self._host.end()

    def _give_up(self, reason: str) -> None:
        self._host.say(f"error: {reason}")
        self._host.exit_code = USAGE_ERROR
        # There is nothing to save: exit even if Locust's own way to end hangs.
        gevent.spawn_later(_EXIT_PATIENCE_SECONDS, self._host.leave_at_once, USAGE_ERROR)
        self._host.end()


def _http_client(name: str) -> HttpClient:
    try:
        return HttpClient(name)
    except ValueError as error:
        raise ConfigError(f"--http-client: expected {' or '.join(HttpClient)}, got {shown(name)}") from error
