"""The master's side of a load test whose VUs are on workers: invites, starts, grants and stops."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import gevent
from locust.runners import MasterRunner

from config.errors import ConfigError
from engine.cluster.fingerprint import code_fingerprint
from engine.cluster.membership import BEAT_SECONDS
from engine.cluster.messages import (
    Hello,
    Invitation,
    Leaving,
    Refuse,
    Report,
    SecondMeasured,
    Start,
    Stop,
    Welcome,
)
from engine.cluster.remote_worker import RemoteWorker
from engine.cluster.remote_workers import RemoteWorkers
from engine.cluster.seal import Seal
from engine.generator import Opening
from engine.ignored_messages import IgnoredMessages
from engine.locust_host import LocustHost
from engine.locust_internals.workers import (
    connected_workers,
    deal_users_again,
    forget_worker,
    let_in,
    shorten_spawn_report_wait,
    worker_index,
)
from engine.message_port import MessagePort
from engine.preparer import Preparer
from metrics.csv_output import CsvOutput
from metrics.output import Output
from run.cpu_meter import CpuMeter
from run.outputs import JoinedWorkerFiles
from run.run import Run
from run.run_clock import RunClock

# From the moment when all workers are ready to second 0 of the run: longer than any message takes.
_HEAD_START_SECONDS = 0.5

# Number of exchanges after which a worker's clock is known well enough.
_SYNC_SAMPLES = 4

# How long to wait for workers, which usually answer at once.
_PATIENCE_SECONDS = 10.0

# How long to wait for the workers' last reports after the graceful stop.
_LAST_REPORT_SECONDS = 5.0


class WorkerFleet:
    """Sends the arrivals of a run from the workers of one master.

    Args:
        host: the process.
        runner: Locust's.
        preparer: prepares runs. A worker that names a profile of its own must name the one prepared here.
        ignored_messages: the counter of ignored messages.
        seal: signs and checks the messages if there is a key.
    """

    def __init__(
        self,
        host: LocustHost,
        runner: MasterRunner,
        preparer: Preparer,
        ignored_messages: IgnoredMessages,
        seal: Seal,
    ) -> None:
        self._host = host
        self._runner = runner
        self._preparer = preparer
        self._ignored_messages = ignored_messages
        self._admitted: set[str] = set()
        self._opening: Opening | None = None
        self._run: Run | None = None
        self._workers: RemoteWorkers | None = None
        shorten_spawn_report_wait()
        # Locust then spawns the VUs of a dead worker on the others.
        host.options.enable_rebalancing = True
        self._port = MessagePort(runner, ignored_messages, seal)
        self._port.receive(Hello, self._on_hello)
        self._port.receive(Report, self._on_report)
        self._port.receive(SecondMeasured, self._on_second)
        self._port.receive(Leaving, self._on_leaving)

    def admits(self, client_id: str) -> bool:
        """Return whether Locust may give a worker users: it has said hello and was welcomed."""
        return client_id in self._admitted

    # Opening and starting a run.

    def check_ready(self) -> None:
        """Wait until every connected worker has said hello, but not for long.

        Raises:
            ConfigError: no worker is connected, or none has said hello.
        """
        if self._runner.worker_count == 0:
            raise ConfigError("no worker is connected; expected at least one before the start")
        _wait_until(lambda: all(self.admits(client_id) for client_id in connected_workers(self._runner)))
        if not any(self.admits(client_id) for client_id in connected_workers(self._runner)):
            raise ConfigError(
                "no worker of this load test is connected; expected at least one before the start"
            )

    def open(self, opening: Opening) -> Run:
        """Open the run, and invite the workers before Locust tells them to spawn.

        Raises:
            ConfigError: an output cannot be reached.
            OSError: a file of the run cannot be opened.
        """
        identity, preparation = opening.identity, opening.preparation
        clock, store = RunClock(), preparation.new_store()
        workers = RemoteWorkers(preparation, store, clock)
        # Workers write their single samples themselves.
        outputs: list[Output] = [
            CsvOutput(identity.folder / "metrics.csv"),
            JoinedWorkerFiles(preparation, identity.folder, workers.count),
            *self._preparer.open_outputs_of_totals(preparation, identity.folder),
            *opening.watchers,
        ]
        run = Run(
            identity, preparation, workers, store, clock, outputs, CpuMeter(), queue_watch=opening.queue_watch
        )
        # A master spawns no users. Locust needs only the names and counts of its classes, to distribute them.
        self._host.set_user_classes(
            [
                type(name, (preparation.user_classes[name],), {"abstract": False})
                for name in preparation.profile.scenarios
            ]
        )
        # Each worker stops its VUs gracefully itself, before Locust does.
        self._host.set_graceful_stop(preparation.graceful_stop_seconds)
        self._opening, self._run, self._workers = opening, run, workers
        for client_id in connected_workers(self._runner):
            self._invite(client_id)
        _spawn_for(run, self._beat, run, workers)
        return run

    def _invite(self, client_id: str) -> None:
        """Invite a worker to the open run."""
        if not self.admits(client_id) or self._opening is None or self._workers is None:
            return
        index = worker_index(self._runner, client_id)
        self._workers.join(index)
        preparation = self._opening.preparation
        arguments = preparation.arguments
        invitation = Invitation(
            run_id=self._opening.identity.run_id,
            index=index,
            profile_place=preparation.profile_text.place,
            profile_toml=preparation.profile_text.toml,
            scenarios=tuple(preparation.profile.scenarios),
            time_scale=arguments.time_scale,
            people_seed=arguments.people_seed,
            http_client=arguments.http_client.value,
            resend_post=arguments.resend_post,
            traceparent=arguments.traceparent,
            outputs=arguments.outputs,
            outputs_optional=arguments.outputs_optional,
            base_url=self._opening.base_url,
            people_budget=preparation.people_budget,
            event_age=float(arguments.event_age_seconds),
            environment_id=self._opening.environment_id,
            receiver_url=preparation.target.own_receiver_url,
        )
        self._port.send(invitation, client_id)

    def start(self, when_started: Callable[[], None]) -> None:
        """Start all clocks at one instant, as soon as every VU is up and every worker's clock is known."""
        if self._run is not None and self._workers is not None:
            _spawn_for(self._run, self._start_when_ready, self._run, self._workers, when_started)

    def _start_when_ready(self, run: Run, workers: RemoteWorkers, when_started: Callable[[], None]) -> None:
        wanted = sum(user_class.fixed_count for user_class in self._host.environment.user_classes)
        is_ready = _wait_until(
            lambda: (
                self._runner.user_count >= wanted
                and all(worker.offset.samples >= _SYNC_SAMPLES for worker in workers.live_workers())
            )
        )
        if run.is_stopping or run.is_started:
            return
        if not workers.live_workers():
            run.break_off("no worker is left to start with")
            return
        if not is_ready:
            self._host.say(
                f"Starting with {self._runner.user_count} of {wanted} VUs: the others did not come up"
            )
        run.start(time.monotonic() + _HEAD_START_SECONDS)
        when_started()
        self._send_starts(run, workers)

    def _send_starts(self, run: Run, workers: RemoteWorkers) -> None:
        """Tell each worker that has not started when second 0 is or was, by its own clock."""
        for client_id, worker in self._participants(workers):
            if not worker.is_started and worker.offset.samples >= _SYNC_SAMPLES:
                at = workers.second_zero + worker.offset.offset_seconds
                self._port.send(Start(run.run_id, at), client_id)

    # While the run is going.

    def vus(self, scenario: str) -> int:
        """Return how many VUs a scenario of the open run should have now, over all workers."""
        return self._workers.vus(scenario) if self._workers is not None else 0

    def cut_off_overdue(self) -> None:
        """Do nothing: each worker interrupts its own iterations when their graceful stop has run out."""

    def grow_pools(self) -> None:
        """Add VUs to scenarios whose arrivals were dropped for want of one, up to their ``max_vus``."""
        if self._workers is not None:
            self._workers.grow_pools()

    def _beat(self, run: Run, workers: RemoteWorkers) -> None:
        """Renew the grants and ask every worker for a report, four times a second until the run is closed."""
        while self._run is run:
            is_going = run.is_started and not run.is_stopping
            if is_going and (members := workers.advance()) is not None:
                self._say_members(workers.last_epoch_start, members)
            for client_id, worker in self._participants(workers):
                beat = workers.beat_for(worker, run.run_id, is_granting=is_going)
                self._port.send(beat, client_id)
            if is_going:
                self._send_starts(run, workers)
            gevent.sleep(BEAT_SECONDS)

    def _say_members(self, start: float, members: tuple[int, ...]) -> None:
        names = ", ".join(f"worker-{index}" for index in members) or "no worker"
        self._host.say(f"From {start:.1f} s on the schedule is shared by {names}")

    def _participants(self, workers: RemoteWorkers) -> list[tuple[str, RemoteWorker]]:
        """Return the connected workers that were invited to the run, each with Locust's id of it."""
        connected = [
            (client_id, workers.worker(worker_index(self._runner, client_id)))
            for client_id in connected_workers(self._runner)
        ]
        return [(client_id, worker) for client_id, worker in connected if worker is not None]

    # Messages from workers.

    def _on_hello(self, sender: str, hello: Hello) -> None:
        let_in(self._runner, sender)
        if self.admits(sender):
            # A worker repeats its hello until the welcome arrives.
            return
        problem = self._problem_with(hello)
        if problem is not None:
            self._host.say(f"worker {sender} refused: {problem}")
            self._port.send(Refuse(problem), sender)
            forget_worker(self._runner, sender)
            return
        self._admitted.add(sender)
        self._port.send(Welcome(), sender)
        if self._run is not None and not self._run.is_stopping:
            self._invite(sender)
            deal_users_again(self._runner, sender)

    def _problem_with(self, hello: Hello) -> str | None:
        """Return why a worker cannot take part in this master's runs, or ``None``."""
        if hello.code != code_fingerprint():
            return f"its code is version {hello.code}, this master's is {code_fingerprint()}"
        own = self._preparer.prepare().profile_text.toml
        if hello.profile is not None and hello.profile != own:
            return f"its --profile is not this master's ({self._host.options.profile})"
        return None

    def _on_report(self, sender: str, report: Report) -> None:
        workers = self._workers_with(sender, report.run_id)
        if workers is not None:
            workers.accept_report(worker_index(self._runner, sender), report)

    def _on_second(self, sender: str, measured: SecondMeasured) -> None:
        workers = self._workers_with(sender, measured.run_id)
        if workers is not None:
            workers.accept_second(worker_index(self._runner, sender), measured)

    def _on_leaving(self, sender: str, leaving: Leaving) -> None:
        workers = self._workers_with(sender, leaving.run_id)
        if workers is not None:
            index = worker_index(self._runner, sender)
            self._host.say(f"worker-{index} leaves")
            workers.leave(index)

    def _workers_with(self, sender: str, run_id: str) -> RemoteWorkers | None:
        """Return the workers of the open run if a message is about that run and from one of them."""
        if self._run is None or self._workers is None or self._run.run_id != run_id:
            return None
        is_invited = self._workers.worker(worker_index(self._runner, sender)) is not None
        return self._workers if is_invited else None

    # The end.

    def stop(self) -> None:
        """Stop the workers' VUs and wait for their last reports."""
        run, workers, opening = self._run, self._workers, self._opening
        if run is None or workers is None or opening is None:
            return
        if self._runner.worker_count == 0 and not run.is_stopping and not run.is_done:
            run.break_off("every worker has gone")
        run.stop_clocks("stopped")
        ending = workers.live_workers()
        for client_id in connected_workers(self._runner):
            self._port.send(Stop(run.run_id), client_id)
        seconds = opening.preparation.graceful_stop_seconds + _LAST_REPORT_SECONDS
        # A worker that makes its last report may be silent for longer than one whose arrivals have to be
        # given to others.
        _wait_until(
            lambda: all(worker.is_final or worker.silent_seconds > _LAST_REPORT_SECONDS for worker in ending),
            seconds,
        )

    def close(self) -> None:
        """Release the run, and log how many messages were ignored."""
        self._opening = self._run = self._workers = None
        self._ignored_messages.log_count()


def _spawn_for(run: Run, function: Callable[..., None], *arguments: Any) -> None:
    """Run a function in a greenlet of its own; the run breaks off if it fails, or it would never end."""
    greenlet = gevent.spawn(function, *arguments)
    greenlet.link_exception(lambda failed: run.break_off(f"{failed.exception!r}"))


def _wait_until(condition: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> bool:
    """Let other greenlets run until a condition holds. Return whether it held in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        gevent.sleep(0.02)
    return True
