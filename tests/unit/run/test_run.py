"""A run whose outputs fail stops each and tells its first fault; its progress agrees with its thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from config.settings import load_settings
from engine.cluster.remote_workers import RemoteWorkers
from metrics.catalog import tags
from metrics.output import Output
from metrics.store import Cell, MergedCell
from run.arguments import Arguments
from run.cpu_meter import CpuMeter
from run.preparation import prepare
from run.run import Run, RunIdentity
from run.run_clock import RunClock
from shapes.ledger import Ledger
from users.identify import IdentifyUser
from users.kinds import Kinds
from users.track import TrackUser


class Failing:
    """An output that fails at some of its calls, and counts how often it was stopped."""

    takes_whole_seconds = True

    def __init__(self, name: str, *fails_at: str) -> None:
        self.name = name
        self.stopped = 0
        self._fails_at = fails_at

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        self._fail("samples")

    def take_ledgers(self, ledgers: Mapping[str, Ledger]) -> None:
        self._fail("ledgers")

    def stop(self) -> str | None:
        self.stopped += 1
        self._fail("stop")
        return f"{self.name} has stopped"

    def _fail(self, where: str) -> None:
        if where in self._fails_at:
            raise ValueError(where)


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[[Sequence[Output]], Run]:
    arguments = Arguments("smoke", 1.0, tmp_path, allow_live=False, people_seed=0)
    kinds = Kinds([IdentifyUser, TrackUser], [IdentifyUser])
    preparation = prepare(arguments, load_settings({}), None, kinds)

    def new_run(outputs: Sequence[Output]) -> Run:
        clock, store = RunClock(), preparation.new_store()
        source = RemoteWorkers(preparation, store, clock)
        identity = RunIdentity("r1", tmp_path, {})
        return Run(identity, preparation, source, store, clock, outputs, CpuMeter())

    return new_run


def test_each_output_is_stopped_and_its_first_fault_is_told(
    new_run: Callable[[Sequence[Output]], Run],
) -> None:
    outputs = [
        Failing("a", "samples", "ledgers", "stop"),
        Failing("b", "ledgers", "stop"),
        Failing("c", "stop"),
        Failing("d"),
    ]
    run = new_run(outputs)
    run.start(0.0)
    report = run.finish()
    assert [output.stopped for output in outputs] == [1, 1, 1, 1]
    assert [" ".join(fault.split("at second")[0].split()) for fault in report.faults] == [
        "a ends",
        "b could not take the ledgers: ValueError: ledgers",
        "c could not be closed: ValueError: stop",
    ]
    assert report.notes == ["d has stopped"]
    assert report.is_broken


def test_the_progress_has_the_share_of_errors_that_the_thresholds_have(
    new_run: Callable[[Sequence[Output]], Run],
) -> None:
    run = new_run([])
    for is_error in (1.0, 0.0, 0.0):
        run.store.add("errors", is_error, tags(scenario="identify_load"))
    assert len(list(run.store.fold())) == 1
    progress = run.whole_progress()
    assert progress.error_share == pytest.approx(1 / 3)
    assert [result.value for result in progress.thresholds if result.selector == "errors"] == [
        progress.error_share
    ]
