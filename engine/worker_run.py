"""A worker's part in one run: it sends its share of the arrivals and reports to the master."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import gevent

from engine.cluster.messages import Beat, Invitation, Report, ScenarioCounts, SecondMeasured, encode_cell
from engine.locust_host import LocustHost
from engine.message_port import MessagePort
from metrics.store import Cell, MergedCell, MetricStore
from report.run_report import RunReport
from run.cpu_meter import CpuMeter
from run.folder import make_run_folder
from run.local_vus import LocalVus
from run.outputs import open_outputs
from run.preparation import Preparation
from run.run import Run, RunIdentity, yield_to_arrivals
from run.run_clock import RunClock
from shapes.share import Epoch
from users.arrival_user import ArrivalUser


class WorkerRun:
    """A worker's part in a run.

    Args:
        invitation: from the master.
        preparation: the run, prepared on this machine.
        variables: those of the environment and ``.env``, for outputs that need secrets.
        port: sends messages to the master.
        host: the process that the VUs run in.

    Raises:
        ConfigError: an output or a file cannot be opened.
    """

    def __init__(
        self,
        invitation: Invitation,
        preparation: Preparation,
        variables: Mapping[str, str],
        port: MessagePort,
        host: LocustHost,
    ) -> None:
        self.run_id = invitation.run_id
        self.index = invitation.index
        self.graceful_stop_seconds = preparation.graceful_stop_seconds
        self._preparation = preparation
        self._port = port
        self._clock = RunClock()
        self._epochs: list[Epoch] = []
        self._last_beat_sent = 0.0
        self._seconds: gevent.Greenlet[..., None] | None = None
        name = f"worker-{self.index}"
        record = preparation.record(self.run_id, invitation.base_url)
        workers_folder = preparation.arguments.results_dir / self.run_id / "workers"
        self.folder: Path = make_run_folder(workers_folder, name, record)
        self.store: MetricStore = preparation.new_store(host.book_answers)
        self._vus = LocalVus(self.run_id, preparation, self.store, self._clock, host, worker=self.index)
        cpu = CpuMeter()
        self._to_master = SecondsToMaster(self.run_id, port, cpu)
        outputs = [self._to_master, *open_outputs(preparation, self.folder, variables, name)]
        identity = RunIdentity(self.run_id, self.folder, record)
        self._run = Run(identity, preparation, self._vus, self.store, self._clock, outputs, cpu)

    def user_classes(self) -> list[type[ArrivalUser]]:
        """Return a user class for each scenario, for Locust to spawn."""
        kinds = self._preparation.user_classes
        return [kinds[scenario.name].for_scenario(scenario) for scenario in self._vus.scenarios]

    @property
    def is_started(self) -> bool:
        """Whether the clocks are going."""
        return self._run.is_started

    @property
    def is_stopping(self) -> bool:
        """Whether the clocks were stopped."""
        return self._run.is_stopping

    def start(self, at: float, cut_off: Callable[[str], None]) -> None:
        """Start the clocks at a monotonic instant, and close second after second from then on.

        Args:
            at: second 0 of the run.
            cut_off: interrupts a scenario's iterations in flight. Called when its graceful stop has run out.
        """
        self._run.start(at)
        self._seconds = gevent.spawn(self._every_second, cut_off)
        self._seconds.link_exception(lambda greenlet: self._run.fault(f"{greenlet.exception!r}"))

    def _every_second(self, cut_off: Callable[[str], None]) -> None:
        for _ in self._run.seconds():
            for scenario in self._vus.overdue_scenarios():
                cut_off(scenario.name)

    def accept_beat(self, beat: Beat) -> None:
        """Accept the grant of a beat."""
        self._last_beat_sent = beat.sent
        if beat.epochs is not None:
            self._epochs = beat.decoded_epochs()
        # A grant is valid only together with the epochs that it was made for.
        if beat.until is not None and self._epochs and beat.epochs_known == len(self._epochs):
            self._vus.grant(self._epochs, beat.until)

    def send_report(self, vus_up: Mapping[str, int], *, is_final: bool = False) -> None:
        """Send the master what has been done so far.

        Args:
            vus_up: how many users of each scenario Locust has up.
            is_final: whether the VUs have stopped, so that nothing more will be counted.
        """
        counts = self._vus.counts(is_final=is_final) if self.is_started else {}
        scenarios = [scenario.name for scenario in self._vus.scenarios]
        self._port.send(
            Report(
                run_id=self.run_id,
                # By the master's clock. This machine's own may be hours ahead of that or behind.
                sent=self._last_beat_sent,
                now=time.monotonic(),
                epochs_known=len(self._epochs),
                is_started=self.is_started,
                is_ready=self.is_started and all(vus_up.get(name) for name in scenarios),
                is_done=self._run.is_done,
                is_final=is_final,
                length=self._vus.length_seconds,
                counts={name: ScenarioCounts.of(done) for name, done in counts.items()},
                vus_busy=self._vus.vus_busy(),
                seconds_sent=self._to_master.seconds_sent,
            )
        )

    @property
    def may_leave(self) -> bool:
        """Whether this worker owes nothing more: it has not started, or an epoch without it has begun."""
        if not self.is_started:
            return True
        last = self._epochs[-1] if self._epochs else None
        return last is not None and self.index not in last.members and self._clock.elapsed > last.start

    def stop_clocks(self, ended_by: str) -> None:
        """Start no more iterations."""
        self._run.stop_clocks(ended_by)

    def fault(self, what: str) -> None:
        """Record a fault: it makes this a broken run."""
        self._run.fault(what)

    def finish(self) -> RunReport:
        """Finish the run and return this worker's report. Call after the last VU has stopped."""
        self._run.end_seconds()
        if self._seconds is not None:
            self._seconds.join()
        report = self._run.finish()
        self._vus.log_failures()
        return report


class SecondsToMaster:
    """An output that sends each second to the master, aggregated.

    Args:
        run_id: the id of the run.
        port: sends messages to the master.
        cpu: this process's CPU. Its last reading is sent with each second.
    """

    name = "the master"
    takes_whole_seconds = True

    def __init__(self, run_id: str, port: MessagePort, cpu: CpuMeter) -> None:
        self.seconds_sent = 0
        self._run_id = run_id
        self._port = port
        self._cpu = cpu

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        """Send one second."""
        encoded = []
        for cell in cells:
            if isinstance(cell, Cell):
                encoded.append(encode_cell(cell))
            # Let arrivals that are due now start first.
            yield_to_arrivals()
        number, self.seconds_sent = self.seconds_sent, self.seconds_sent + 1
        self._port.send(SecondMeasured(self._run_id, number, second, self._cpu.last, encoded))

    def stop(self) -> str | None:
        """Return nothing: every second has been sent."""
        return None
