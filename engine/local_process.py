"""A load test whose VUs are all in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from engine.generator import Opening
from engine.locust_host import LocustHost
from run.cpu_meter import CpuMeter
from run.local_vus import LocalVus
from run.outputs import open_outputs
from run.run import Run
from run.run_clock import RunClock

# From the moment when all VUs are up to second 0: time for each VU to take an arrival and sleep until it,
# which takes 10 us.
_HEAD_START_SECONDS = 0.02
_HEAD_START_SECONDS_PER_VU = 0.0001


class LocalProcess:
    """Sends the arrivals of a run from VUs in this process.

    Args:
        host: the process.
        variables: those of the environment and ``.env``, for outputs that need secrets.
    """

    def __init__(self, host: LocustHost, variables: Mapping[str, str]) -> None:
        self._host = host
        self._variables = variables
        self._run: Run | None = None
        self._vus: LocalVus | None = None

    def check_ready(self) -> None:
        """Return at once: there are no workers to wait for."""

    def open(self, opening: Opening) -> Run:
        """Open the run, and give Locust a user class for each scenario.

        Raises:
            ConfigError: an output cannot be reached or written.
        """
        identity, preparation = opening.identity, opening.preparation
        clock, store = RunClock(), preparation.new_store(self._host.book_answers)
        outputs = [*open_outputs(preparation, identity.folder, self._variables), *opening.watchers]
        self._vus = LocalVus(identity.run_id, preparation, store, clock, self._host, queue=opening.deliveries)
        self._run = Run(
            identity,
            preparation,
            self._vus,
            store,
            clock,
            outputs,
            CpuMeter(),
            queue_watch=opening.queue_watch,
            deliveries=opening.deliveries,
        )
        self._host.set_user_classes(
            [
                preparation.user_classes[scenario.name].for_scenario(scenario)
                for scenario in self._vus.scenarios
            ]
        )
        # How long Locust waits for iterations in flight when a run is stopped early.
        self._host.set_graceful_stop(self._host.options.stop_timeout or preparation.graceful_stop_seconds)
        return self._run

    def vus(self, scenario: str) -> int:
        """Return how many VUs a scenario of the open run should have now."""
        return self._vus.vus(scenario) if self._vus is not None else 0

    def cut_off_overdue(self) -> None:
        """Interrupt the iterations whose graceful stop has run out."""
        for scenario in self._vus.overdue_scenarios() if self._vus is not None else []:
            self._host.cut_off(scenario.name)

    def grow_pools(self) -> None:
        """Add VUs to scenarios whose arrivals were dropped for want of one, up to their ``max_vus``."""
        if self._vus is not None:
            self._vus.grow_pools()

    def start(self, when_started: Callable[[], None]) -> None:
        """Start the clocks after a short head start."""
        if self._run is not None and self._vus is not None:
            vus = sum(self._vus.vus(scenario.name) for scenario in self._vus.scenarios)
            self._run.start(time.monotonic() + _HEAD_START_SECONDS + vus * _HEAD_START_SECONDS_PER_VU)
            when_started()

    def stop(self) -> None:
        """Start no more iterations."""
        if self._run is not None:
            self._run.stop_clocks("stopped")

    def close(self) -> None:
        """Release the run, and log how many requests failed, by kind of failure."""
        if self._vus is not None:
            self._vus.log_failures()
        self._run = self._vus = None
