"""The load test in a Locust master: opens runs, and tells workers when, what and until when."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner

from config.errors import ConfigError
from config.settings import Settings
from engine.cluster import wire
from engine.cluster.fingerprint import code_fingerprint
from engine.cluster.membership import BEAT_SECONDS
from engine.master_run import MasterRun, RemoteWorker
from engine.session import OpeningSession
from metrics.csv_output import CsvOutput
from run.preparation import Preparation
from shapes.ramping_arrival_rate import admission

# Between the last worker that is ready and second 0 of the run: longer than any message takes.
_HEAD_START_SECONDS = 0.5

# Exchanges with a worker before its clock is known well enough.
_SYNC_SAMPLES = 4

# How long to wait for workers that ought to answer at once.
_PATIENCE_SECONDS = 10.0

# After the graceful stop, for the workers' last reports.
_LAST_REPORT_SECONDS = 5.0

# Locust's master waits in the greenlet that receives messages for the workers' reports after a
# spawn, for this many seconds, in vain; by its default of one second every worker would look silent.
_SPAWN_REPORT_WAIT = ("LOCUST_WAIT_FOR_WORKERS_REPORT_AFTER_RAMP_UP", "0.05")


class MasterSession(OpeningSession[MasterRun]):
    """A load test whose VUs are on workers.

    Args:
        environment: Locust's, with its runner made.
        runner: that runner.
        options: Locust's, which its web UI changes from run to run.
        settings: where Customer.io is.
        variables: those of the environment and ``.env``.

    Raises:
        ConfigError: the arguments, the profile or the target are not as expected.
    """

    def __init__(
        self,
        environment: Environment,
        runner: MasterRunner,
        options: Namespace,
        settings: Settings,
        variables: Mapping[str, str],
    ) -> None:
        self._runner = runner
        self._greeted: set[str] = set()
        admission.admits = self._greeted.__contains__
        os.environ.setdefault(*_SPAWN_REPORT_WAIT)
        # A dead worker's VUs are to come up on the others.
        options.enable_rebalancing = True
        # Workers may be there already, and what follows takes a while.
        runner.register_message(wire.HELLO, self._on_hello)
        runner.register_message(wire.COUNTS, self._on_counts)
        runner.register_message(wire.METRICS, self._on_metrics)
        runner.register_message(wire.LEAVING, self._on_leaving)
        super().__init__(environment, options, settings, variables)

    def _open(self) -> None:
        """Prepare a run and tell the workers of it, before Locust tells them to spawn."""
        if self._runner.worker_count == 0:
            raise ConfigError("no worker is connected; expected at least one before the start")
        self._wait_until(lambda: all(one in self._greeted for one in self._runner.clients))
        super()._open()
        run = self._open_run()
        for client_id in list(self._runner.clients):
            self._invite(run, client_id)
        gevent.spawn(self._beat, run)

    def _new_run(
        self, run_id: str, folder: Path, preparation: Preparation, record: dict[str, Any]
    ) -> MasterRun:
        # Single samples are with the workers, who write them.
        run = MasterRun(run_id, folder, preparation, record, [CsvOutput(folder / "metrics.csv")])
        self._preparation = preparation
        # A master spawns nobody: its user classes are there to be counted and dealt out.
        self._environment.user_classes[:] = [
            type(name, (self._known[one.user],), {"abstract": False})
            for name, one in preparation.profile.scenarios.items()
        ]
        # Workers stop their VUs themselves, gracefully, before Locust does.
        self._environment.stop_timeout = preparation.graceful_stop_seconds
        return run

    def _start(self, run: MasterRun) -> None:
        gevent.spawn(self._start_when_ready, run)

    def _start_when_ready(self, run: MasterRun) -> None:
        """Start all clocks at one instant, once every VU is up and every worker's clock is known."""
        wanted = sum(one.fixed_count for one in self._environment.user_classes)
        is_ready = self._wait_until(
            lambda: (
                self._runner.user_count >= wanted
                and all(one.offset.samples >= _SYNC_SAMPLES for one in run.live_workers())
            )
        )
        if run.is_stopping or run.is_started:
            return
        if not run.live_workers():
            run.break_off("no worker is left to start with")
            return
        if not is_ready:
            self._say(f"Starting with {self._runner.user_count} of {wanted} VUs: the others did not come up")
        run.start_clocks(time.monotonic() + _HEAD_START_SECONDS)
        self._watch(run)
        self._send_starts(run)

    # Messages from workers.

    def _on_hello(self, msg: Message, **_: Any) -> None:
        if msg.node_id in self._greeted or not self._is_set_up:
            # A worker says hello until it is welcome.
            return
        problem = self._problem_with(msg.data)
        if problem is not None:
            self._say(f"worker {msg.node_id} refused: {problem}")
            self._send(wire.REFUSE, {"reason": problem}, msg.node_id)
            # Locust's master ends itself when its last worker quits, which this one, if it came first,
            # would be.
            self._runner.clients.pop(msg.node_id, None)
            return
        self._greeted.add(msg.node_id)
        self._send(wire.WELCOME, {}, msg.node_id)
        if self._run is not None and not self._run.is_stopping:
            self._invite(self._run, msg.node_id)
            self._give_users(msg.node_id)

    def _on_counts(self, msg: Message, **_: Any) -> None:
        worker = self._worker_of(msg)
        if worker is not None and self._run is not None:
            self._run.hear(worker, msg.data)

    def _on_metrics(self, msg: Message, **_: Any) -> None:
        worker = self._worker_of(msg)
        if worker is not None and self._run is not None:
            self._run.take_metrics(worker, msg.data)

    def _on_leaving(self, msg: Message, **_: Any) -> None:
        worker = self._worker_of(msg)
        if worker is not None and self._run is not None:
            self._say(f"{worker.name} leaves")
            self._run.membership.leave(worker.index)

    # Messages to workers.

    def _invite(self, run: MasterRun, client_id: str) -> None:
        """Make a worker part of a run that is open."""
        if client_id not in self._greeted:
            return
        index = self._runner.get_worker_index(client_id)
        if index not in run.workers:
            run.workers[index] = RemoteWorker(index, f"worker-{index}")
        invitation = {
            "run_id": run.run_id,
            "index": index,
            "profile": [self._preparation.profile_text.place, self._preparation.profile_text.toml],
            "kinds": list(self._chosen),
            "arguments": self._preparation.arguments.as_dict(),
            "base_url": self._environment.host,
        }
        self._send(wire.OPEN, invitation, client_id)

    def _give_users(self, client_id: str) -> None:
        """Let Locust deal its users out again, over a worker that came during a run too."""
        dispatcher, node = self._runner._users_dispatcher, self._runner.clients.get(client_id)
        if dispatcher is not None and node is not None:
            dispatcher.add_worker(node)
            gevent.spawn(self._runner.start, self._runner.target_user_count, self._runner.spawn_rate)

    def _beat(self, run: MasterRun) -> None:
        """Every quarter of a second: renew what is granted, and ask every worker what it has done."""
        while self._run is run:
            if run.is_started and not run.is_stopping and run.membership.advance(run.elapsed):
                self._say_members(run)
            for client_id in list(self._runner.clients):
                worker = run.workers.get(self._runner.get_worker_index(client_id))
                if worker is not None:
                    self._send(wire.BEAT, self._beat_for(run, worker), client_id)
            if run.is_started and not run.is_stopping:
                self._send_starts(run)
            gevent.sleep(BEAT_SECONDS)

    def _beat_for(self, run: MasterRun, worker: RemoteWorker) -> dict[str, Any]:
        beat: dict[str, Any] = {"run_id": run.run_id, "sent": time.monotonic()}
        if run.is_started and not run.is_stopping:
            beat["until"] = run.membership.granted_until
            beat["version"] = run.membership.version
            if worker.version != run.membership.version:
                beat["epochs"] = wire.encode_epochs(run.membership.epochs)
        return beat

    def _send_starts(self, run: MasterRun) -> None:
        """Tell each worker that has not started, by its own clock, when second 0 is or was."""
        for client_id in list(self._runner.clients):
            worker = run.workers.get(self._runner.get_worker_index(client_id))
            if worker and not worker.is_started and worker.offset.samples >= _SYNC_SAMPLES:
                at = run.second_zero + worker.offset.offset_seconds
                self._send(wire.START, {"run_id": run.run_id, "at": at}, client_id)

    def _on_test_stopping(self, **_: Any) -> None:
        """Stop the workers' VUs and wait for their last reports."""
        run = self._run
        if run is None:
            return
        if self._runner.worker_count == 0 and not run.is_stopping and not run.is_done:
            run.break_off("every worker has gone")
        run.stop_clocks("stopped")
        for client_id in list(self._runner.clients):
            self._send(wire.STOP, {"run_id": run.run_id}, client_id)
        seconds = self._preparation.graceful_stop_seconds + _LAST_REPORT_SECONDS
        self._wait_until(lambda: not run.live_workers(), seconds)

    # Helpers.

    def _problem_with(self, hello: dict[str, Any]) -> str | None:
        """Why a worker can have no part in this master's runs."""
        if hello["code"] != code_fingerprint():
            return f"its code is version {hello['code']}, this master's is {code_fingerprint()}"
        own = self.prepare().profile_text.toml
        if hello["profile"] is not None and hello["profile"] != own:
            return f"its --profile is not this master's ({self._options.profile})"
        return None

    def _worker_of(self, msg: Message) -> RemoteWorker | None:
        """The worker that sent a message of the run that is open."""
        if self._run is None or msg.data.get("run_id") != self._run.run_id:
            return None
        return self._run.workers.get(self._runner.get_worker_index(msg.node_id))

    def _send(self, kind: str, data: dict[str, Any], client_id: str) -> None:
        self._runner.send_message(kind, data, client_id)

    def _say_members(self, run: MasterRun) -> None:
        epoch = run.membership.epochs[-1]
        names = ", ".join(f"worker-{index}" for index in epoch.members) or "no worker"
        self._say(f"From {epoch.start:.1f} s on the schedule is shared by {names}")

    def _wait_until(self, condition: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> bool:
        """Let other greenlets run until a condition holds; whether it came to hold in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            gevent.sleep(0.02)
        return True
