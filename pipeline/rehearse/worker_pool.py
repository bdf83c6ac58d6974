"""The workers of a rehearsal: real processes, started, observed and ended one by one."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from pipeline.autoscaling.metrics import ReplicaCpu

_ROOT = Path(__file__).resolve().parents[2]
_PAGE_SECONDS = 2.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class WorkerFigures:
    """What a worker's page says: CPU seconds, deliveries, and the sum of their delivery times in seconds."""

    at: float
    cpu_seconds: float
    delivered: float
    delivery_seconds: float


_NOTHING = WorkerFigures(0.0, 0.0, 0.0, 0.0)


@dataclass
class _Worker:
    number: int
    port: int
    process: subprocess.Popen[bytes]
    initialization_seconds: float
    started: float = field(default_factory=time.monotonic)
    before: WorkerFigures | None = None
    now: WorkerFigures | None = None
    is_ready: bool = False
    was_ready: bool = False
    answered: bool = False

    @property
    def cpu(self) -> ReplicaCpu:
        """Its CPU between its last two figures; missing if it has not answered."""
        if not self.answered or self.before is None or self.now is None:
            return ReplicaCpu(None)
        # Later on, a replica that is not ready for a moment still counts, as in the control plane.
        is_young = time.monotonic() - self.started < self.initialization_seconds
        counts = self.is_ready or (self.was_ready and not is_young)
        seconds = self.now.cpu_seconds - self.before.cpu_seconds
        return ReplicaCpu(seconds / (self.now.at - self.before.at), counts)

    @property
    def delivered(self) -> tuple[float, float]:
        """Deliveries since the look before, and the sum of their delivery times in seconds."""
        if not self.answered or self.now is None:
            return 0.0, 0.0
        before = self.before or _NOTHING
        return (
            self.now.delivered - before.delivered,
            self.now.delivery_seconds - before.delivery_seconds,
        )

    def note(self, figures: WorkerFigures | None, *, is_ready: bool) -> None:
        """Record what its page says now; ``None`` if it does not answer."""
        self.is_ready = is_ready
        self.was_ready |= is_ready
        self.answered = figures is not None
        if figures is not None:
            self.before, self.now = self.now, figures


class WorkerPool:
    """Worker processes in a number that can be changed at any time.

    Args:
        variables: the environment of each; it gets a health page on a port of its own.
        folder: for their logs.
        initialization_seconds: how long the CPU of a worker counts only while it is ready.
    """

    def __init__(self, variables: Mapping[str, str], folder: Path, initialization_seconds: float) -> None:
        self._variables = dict(variables)
        self._folder = folder
        self._initialization_seconds = initialization_seconds
        self._workers: list[_Worker] = []
        self._ending: list[_Worker] = []
        self._started = 0

    @property
    def size(self) -> int:
        """The workers that run and are not told to end."""
        return len(self._workers)

    @property
    def ready(self) -> int:
        """Those of them that were ready at the last look."""
        return sum(worker.is_ready for worker in self._workers)

    @property
    def cpus(self) -> list[ReplicaCpu]:
        """The CPU of each, as of the last look."""
        return [worker.cpu for worker in self._workers]

    def delivered(self) -> tuple[float, float]:
        """Return the deliveries of all between the last two looks, and the sum of their delivery times in "
        "s."""
        figures = [worker.delivered for worker in (*self._workers, *self._ending)]
        return sum(count for count, _ in figures), sum(seconds for _, seconds in figures)

    def scale_to(self, replicas: int) -> None:
        """Start workers, or tell the youngest ones to end; who has ended by itself is replaced.

        Raises:
            OSError: a worker cannot be started.
        """
        self._workers = [worker for worker in self._workers if worker.process.poll() is None]
        while len(self._workers) < replicas:
            self._workers.append(self._start())
        while len(self._workers) > replicas:
            worker = self._workers.pop()
            worker.process.send_signal(signal.SIGTERM)
            self._ending.append(worker)

    def kill_one(self) -> None:
        """Kill the oldest worker with SIGKILL."""
        self._workers[0].process.kill()

    async def look(self) -> None:
        """Read the pages of all workers."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_PAGE_SECONDS)) as session:
            await asyncio.gather(*(_look_at(session, worker) for worker in (*self._workers, *self._ending)))
        self._ending = [worker for worker in self._ending if worker.process.poll() is None]

    async def stop(self) -> None:
        """Tell all to end, and wait until they have."""
        for worker in self._workers:
            worker.process.send_signal(signal.SIGTERM)
        for worker in (*self._workers, *self._ending):
            try:
                await asyncio.to_thread(worker.process.wait, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                worker.process.kill()
        self._workers, self._ending = [], []

    def _start(self) -> _Worker:
        self._started += 1
        port = _free_port()
        with (self._folder / f"worker-{self._started}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.worker"],
                cwd=_ROOT,
                env={**self._variables, "HEALTH_PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                # A Ctrl-C on the terminal is for the rehearsal, which ends its workers in order.
                start_new_session=True,
            )
        return _Worker(self._started, port, process, self._initialization_seconds)


async def _look_at(session: aiohttp.ClientSession, worker: _Worker) -> None:
    url = f"http://127.0.0.1:{worker.port}"
    try:
        async with session.get(f"{url}/readyz") as answer:
            is_ready = answer.status == 200
        async with session.get(f"{url}/metrics") as answer:
            page = await answer.text()
    except (aiohttp.ClientError, TimeoutError):
        # It does not listen yet, it has no time for us, or it is gone: its metrics are missing.
        worker.note(None, is_ready=False)
    else:
        worker.note(_figures(page), is_ready=is_ready)


def _figures(page: str) -> WorkerFigures:
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return WorkerFigures(
        at=time.monotonic(),
        cpu_seconds=sums["process_cpu_seconds_total"],
        delivered=sums["customerio_delivered_total"],
        delivery_seconds=sums["customerio_delivery_seconds_sum"],
    )


def worker_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return a worker's environment: this process's, with these settings in place of those of ``.env``."""
    return {**os.environ, **variables, "PIPELINE_ENV_FILE": os.devnull}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
