"""The load test in a Locust worker: takes part in the master's runs, and accounts for its share."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gevent
from locust import argument_parser
from locust.env import Environment
from locust.rpc import Message
from locust.runners import WorkerRunner

from config.command_line import BROKEN, USAGE_ERROR
from config.errors import ConfigError
from config.profile import DEFAULT_PROFILE, ProfileText, read_profile
from config.settings import Settings
from engine.base_session import BaseSession, calm_garbage_collector
from engine.cluster import wire
from engine.cluster.fingerprint import code_fingerprint
from engine.cluster.membership import LEASE_SECONDS
from metrics.request_recorder import RequestRecorder
from metrics.store import Cell
from report.publish import write_summary
from run.arguments import Arguments, read_arguments
from run.base_run import BREATH_SECONDS
from run.folder import make_run_folder
from run.load_run import LoadRun
from run.outputs import open_outputs
from run.preparation import prepare
from shapes.share import Epoch

MASTER_SILENCE_SECONDS = 10.0
"""A worker that hears nothing from the master for this long during a run ends by itself."""

_HELLO_SECONDS = 0.5
_REFUSED_SECONDS = 5.0

# A leaving worker goes on with its share until an epoch without it begins, which is soon.
_LEAVING_SECONDS = 4 * LEASE_SECONDS


class WorkerSession(BaseSession):
    """A worker's part in the runs of its master.

    Args:
        environment: Locust's, with its runner made.
        runner: that runner.
        options: Locust's.
        settings: where Customer.io is; credentials never come from the master.
        variables: those of the environment and ``.env``, for outputs that need secrets.

    Raises:
        ConfigError: the arguments or the profile are not as expected.
    """

    def __init__(
        self,
        environment: Environment,
        runner: WorkerRunner,
        options: Namespace,
        settings: Settings,
        variables: Mapping[str, str],
    ) -> None:
        super().__init__(environment, options, settings, variables)
        self._runner = runner
        _remember_default_arguments()
        self._run: LoadRun | None = None
        self._graceful_stop_seconds = 0.0
        self._epochs: list[Epoch] = []
        self._version = 0
        self._reports_sent = 0
        self._last_beat = 0.0
        self._is_leaving = False
        self._is_welcome = False
        self._seconds: gevent.Greenlet[..., None] | None = None
        gevent.signal_handler(signal.SIGTERM, self._on_sigterm)
        # Registered after the runner's own listener and run before it: Locust says goodbye last.
        environment.events.quitting.add_listener(self._on_quitting)
        runner.register_message(wire.REFUSE, self._on_refuse)
        runner.register_message(wire.OPEN, self._on_open)
        runner.register_message(wire.BEAT, self._on_beat)
        runner.register_message(wire.START, self._on_start)
        runner.register_message(wire.STOP, self._on_stop, concurrent=True)
        runner.register_message(wire.WELCOME, self._on_welcome)
        gevent.spawn(self._say_hello)
        gevent.spawn(self._watch_master)

    def _say_hello(self) -> None:
        """Until the master has heard it: it may still be starting."""
        hello = self._hello()
        while not self._is_welcome:
            self._send(wire.HELLO, hello)
            gevent.sleep(_HELLO_SECONDS)

    # Messages from the master.

    def _on_welcome(self, msg: Message, **_: Any) -> None:
        self._is_welcome = True

    def _on_refuse(self, msg: Message, **_: Any) -> None:
        self._refuse(f"refused by the master: {msg.data['reason']}")

    def _on_open(self, msg: Message, **_: Any) -> None:
        if self._run is not None and self._run.run_id == msg.data["run_id"]:
            return
        try:
            self._open(msg.data)
        except (ConfigError, OSError) as error:
            self._refuse(str(error))

    def _open(self, invitation: dict[str, Any]) -> None:
        place, toml = invitation["profile"]
        arguments = replace(
            Arguments.from_dict(invitation["arguments"]),
            # Where this machine's files go, and whether it may load a live host, is for it to say too.
            results_dir=read_arguments(self._options).results_dir,
        )
        preparation = prepare(
            arguments,
            self._settings,
            invitation["base_url"],
            self._known,
            invitation["kinds"],
            ProfileText(place, toml),
        )
        run_id, index = invitation["run_id"], invitation["index"]
        record = preparation.record(run_id, invitation["base_url"])
        folder = make_run_folder(arguments.results_dir / run_id / "workers", f"worker-{index}", record)
        outputs = open_outputs(preparation, folder, self._variables, f"worker-{index}")
        run = LoadRun(run_id, folder, preparation, record, outputs, worker=index)
        run.on_cells = self._send_cells
        self._environment.user_classes[:] = [
            self._known[one.options.user].for_scenario(one) for one in run.scenarios
        ]
        self._graceful_stop_seconds = preparation.graceful_stop_seconds
        self._recorder = RequestRecorder(run.store)
        self._epochs, self._version, self._reports_sent = [], 0, 0
        self._last_beat = time.monotonic()
        self._interrupts = 0
        self._run = run

    def _on_start(self, msg: Message, **_: Any) -> None:
        run = self._run_of(msg)
        if run is None or run.is_started or run.is_stopping:
            return
        calm_garbage_collector()
        run.start_clocks(msg.data["at"])
        self._seconds = gevent.spawn(self._every_second, run)

    def _on_beat(self, msg: Message, **_: Any) -> None:
        """Take in what is granted, and answer with what has been done."""
        run = self._run_of(msg)
        if run is None:
            return
        self._last_beat = time.monotonic()
        beat = msg.data
        if "epochs" in beat:
            self._epochs, self._version = wire.decode_epochs(beat["epochs"]), beat["version"]
        # A grant is good only together with the epochs that it was given under.
        if "until" in beat and beat["version"] == self._version and self._epochs:
            run.grant(self._epochs, beat["until"])
        self._report(run, sent=beat["sent"])

    def _on_stop(self, msg: Message, **_: Any) -> None:
        run = self._run_of(msg)
        if run is not None:
            self._close(run, "stopped by the master")

    # The run.

    def _every_second(self, run: LoadRun) -> None:
        for _ in run.seconds():
            for scenario in run.overdue_scenarios():
                self._interrupt_in_flight(scenario.name)

    def _send_cells(self, second: int, cells: Sequence[Cell]) -> None:
        if self._run is None:
            return
        encoded = []
        for cell in cells:
            encoded.append(wire.encode_cell(cell))
            gevent.sleep(BREATH_SECONDS)
        number, self._reports_sent = self._reports_sent, self._reports_sent + 1
        self._send(
            wire.METRICS,
            {
                "run_id": self._run.run_id,
                "number": number,
                "second": second,
                "cpu": self._run.cpu_percent,
                "cells": encoded,
            },
        )

    def _report(self, run: LoadRun, sent: float, *, is_final: bool = False) -> None:
        up = self._runner.user_classes_count
        self._send(
            wire.COUNTS,
            {
                "run_id": run.run_id,
                "sent": sent,
                "now": time.monotonic(),
                "version": self._version,
                "is_started": run.is_started,
                "is_ready": run.is_started and all(up.get(one.name) for one in run.scenarios),
                "is_done": run.is_done,
                "length": run.length,
                "is_final": is_final,
                "counts": {name: one.as_dict() for name, one in run.counts(is_final=is_final).items()}
                if run.is_started
                else {},
                "vus_busy": {one.name: one.clock.in_flight for one in run.scenarios},
                "reports_sent": self._reports_sent,
            },
        )

    def _close(self, run: LoadRun, reason: str) -> None:
        """Stop this worker's part of a run, gracefully, and send and write the last of it."""
        if run.is_stopping:
            return
        run.stop_clocks(reason)
        self._environment.stop_timeout = self._graceful_stop_seconds
        self._runner.stop_users(self._runner.user_classes_count)
        run.end_seconds()
        if self._seconds is not None:
            self._seconds.join()
            self._seconds = None
        report = run.finish()
        self._report(run, sent=time.monotonic(), is_final=True)
        write_summary(report)
        self._recorder = None
        # All VUs have ended: Locust has no one left to wait for when it stops them in its turn.
        self._environment.stop_timeout = 0.0
        self._run = None

    # Ends before the run's end.

    @property
    def _has_run(self) -> bool:
        return self._run is not None

    def _stop_gracefully(self, reason: str) -> None:
        """Nothing yet: Locust is about to quit, and then the worker leaves."""

    def _on_sigterm(self) -> None:
        """The first is Locust's, which quits; a second cuts off what is in flight."""
        self._interrupts += 1
        if self._interrupts == 2:
            self._interrupt_in_flight(None)

    def _on_quitting(self, **_: Any) -> None:
        """Leave a run that is going: go on until the others have taken over, then account for everything."""
        run = self._run
        if run is None or self._is_leaving:
            return
        self._is_leaving = True
        self._send(wire.LEAVING, {"run_id": run.run_id})
        deadline = time.monotonic() + _LEAVING_SECONDS
        while self._run is run and not self._is_relieved(run) and time.monotonic() < deadline:
            gevent.sleep(0.05)
        if self._run is run:
            self._close(run, "left")
        # Another greenlet may be closing it.
        while self._run is run:
            gevent.sleep(0.05)

    def _is_relieved(self, run: LoadRun) -> bool:
        """Whether an epoch without this worker has begun."""
        if not run.is_started:
            return True
        last = self._epochs[-1] if self._epochs else None
        return last is not None and run.worker not in last.members and run.elapsed > last.start

    def _watch_master(self) -> None:
        """End by ourselves when the master is gone."""
        while True:
            gevent.sleep(1.0)
            run = self._run
            if run is None or run.is_stopping:
                continue
            if time.monotonic() - self._last_beat > MASTER_SILENCE_SECONDS:
                fault = f"no word from the master for {MASTER_SILENCE_SECONDS:g} s"
                self._say(f"worker-{run.worker}: {fault}; stopping, own results in {run.folder}")
                run.fault(fault)
                self._close(run, f"broken off: {fault}")
                self._environment.process_exit_code = BROKEN
                self._end_process()

    def _refuse(self, reason: str) -> None:
        self._say(f"error: {reason}")
        self._environment.process_exit_code = USAGE_ERROR
        # There is nothing to save, so no way of Locust's to end may keep this process.
        gevent.spawn_later(_REFUSED_SECONDS, os._exit, USAGE_ERROR)
        self._end_process()

    # Helpers.

    def _hello(self) -> dict[str, Any]:
        arguments = read_arguments(self._options)
        is_own = arguments.profile != DEFAULT_PROFILE
        return {
            "code": code_fingerprint(),
            "host": socket.gethostname(),
            "python": sys.version.split()[0],
            "profile": read_profile(arguments.profile).toml if is_own else None,
        }

    def _run_of(self, msg: Message) -> LoadRun | None:
        run = self._run
        return run if run is not None and msg.data["run_id"] == run.run_id else None

    def _send(self, kind: str, data: dict[str, Any]) -> None:
        self._runner.send_message(kind, data)


def _remember_default_arguments() -> None:
    """Let Locust make its default arguments once.

    On every spawn message it makes them anew for each option, a whole parser each time: a quarter of a
    second in which no VU moves.
    """
    remembered = argument_parser.default_args_dict()
    argument_parser.default_args_dict = lambda: remembered
