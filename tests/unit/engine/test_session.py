"""A session whose report takes long or fails: the process waits for it, and the next run starts afresh."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent import Greenlet
from gevent.event import AsyncResult, Event
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments
from locust.env import Environment
from locust.runners import STATE_STOPPED

from config.command_line import ABORTED, BROKEN, PASSED
from config.settings import load_settings
from engine.local_process import LocalProcess
from engine.locust_host import LocustHost
from engine.locust_internals.command_line import loaded_user_classes
from engine.options import add_options
from engine.preparer import Preparer
from engine.session import Session
from metrics.store import Cell, MergedCell
from report.publish import missing_files
from shapes.ramping_arrival_rate import RampingArrivalRate
from users.identify import IdentifyUser

PROFILE = """
[scenarios.identify_load]
executor = "ramping-arrival-rate"
user = "identify"
pre_allocated_vus = 1
stages = [{ target = 1, duration = "60s" }]
"""


class SlowOutput:
    """An output that waits at its end until the test lets it go on, and fails then if the test says so."""

    name = "slow"
    takes_whole_seconds = True

    def __init__(self) -> None:
        self.is_stopping = Event()
        self.may_go_on = Event()
        self.error: Exception | None = None

    def samples(self, timestamp: int, second: int, cells: Sequence[Cell | MergedCell]) -> None:
        """Write nothing."""

    def stop(self) -> str | None:
        self.is_stopping.set()
        assert self.may_go_on.wait(timeout=10)
        if self.error is not None:
            raise self.error
        return None


class Process:
    """A session with an open run, and the greenlet that stands for Locust's main program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_interrupted = False
        self._made: AsyncResult[Session] = AsyncResult()
        self.main = Greenlet.spawn(self._main)
        session = self._made.get(timeout=10)
        assert session is not None
        self.session = session
        assert self.session.advance() == 1

    def _main(self) -> str:
        self._made.set(self._new_session())
        try:
            gevent.sleep(20)
        except KeyboardInterrupt:
            self.is_interrupted = True
            # Locust's main program shuts down then: it fires ``quitting``, and ends with the exit code.
            self.environment.events.quitting.fire(environment=self.environment, reverse=True)
            return f"exit code {self.environment.process_exit_code}"
        return "was not ended"

    def _new_session(self) -> Session:
        profile = self.folder / "profile.toml"
        profile.write_text(PROFILE, encoding="utf-8")
        parser = get_empty_argument_parser(default_config_files=[])
        setup_parser_arguments(parser)
        add_options(parser)
        given = [
            f"--profile={profile}",
            f"--results-dir={self.folder}",
            f"--out=python={__name__}:slow_output",
        ]
        options = parser.parse_args(["--headless", "--json", *given])
        kinds: dict[str, Any] = {"IdentifyUser": IdentifyUser}
        self.environment = Environment(
            user_classes=[IdentifyUser],
            available_user_classes=kinds,
            shape_class=RampingArrivalRate(),
            parsed_options=options,
            host="http://127.0.0.1:9",
        )
        self.environment.create_local_runner()
        host = LocustHost(self.environment, options)
        return Session(host, Preparer(host, load_settings({}), {}), LocalProcess(host, {}))

    @property
    def run_folder(self) -> Path:
        """The folder of the only run."""
        (folder,) = (path for path in self.folder.iterdir() if path.is_dir())
        return folder

    def stop_run(self) -> Greenlet[..., None]:
        """End the run as Locust does when its VUs have stopped."""
        return Greenlet.spawn(self.environment.events.test_stop.fire, environment=self.environment)


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> SlowOutput:
    output = SlowOutput()
    monkeypatch.setattr(sys.modules[__name__], "slow_output", lambda folder, worker: output, raising=False)
    return output


@pytest.fixture
def process(tmp_path: Path, output: SlowOutput) -> Iterator[Process]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    process = Process(tmp_path)
    yield process
    process.main.kill()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_ctrl_c_while_the_report_is_made_ends_the_process_after_it(
    process: Process, output: SlowOutput
) -> None:
    stopping = process.stop_run()
    assert output.is_stopping.wait(timeout=10)
    process.session.end("interrupted by Ctrl-C")
    gevent.sleep(0)
    assert not process.main.ready()
    output.may_go_on.set()
    stopping.join(timeout=10)
    assert process.main.get(timeout=10) == f"exit code {PASSED}"
    assert not missing_files(process.run_folder)


def test_who_ends_the_run_may_be_killed_while_the_report_is_made(
    process: Process, output: SlowOutput
) -> None:
    """Locust does so with whatever was stopping its runner when it is told to stop that once more."""
    stopping = process.stop_run()
    assert output.is_stopping.wait(timeout=10)
    stopping.kill()
    output.may_go_on.set()
    process.session.end("interrupted by Ctrl-C")
    assert process.main.get(timeout=10) == f"exit code {PASSED}"
    assert not missing_files(process.run_folder)


def test_a_process_that_ends_reports_a_run_that_nobody_stops_any_more(
    process: Process, output: SlowOutput
) -> None:
    """Locust's runner stops once. What was stopping it may have been killed before it came to the end."""
    assert process.environment.runner is not None
    process.environment.runner.update_state(STATE_STOPPED)
    output.may_go_on.set()
    process.session.end("interrupted by Ctrl-C")
    assert process.main.get(timeout=10) == f"exit code {ABORTED}"
    assert not missing_files(process.run_folder)


def test_a_process_that_is_ending_is_not_interrupted(process: Process, output: SlowOutput) -> None:
    """A headless process ends after its only run; Locust's main program would break off with a traceback."""
    process.environment.events.test_stopping.fire(environment=process.environment)
    stopping = process.stop_run()
    assert output.is_stopping.wait(timeout=10)
    process.session.end("interrupted by Ctrl-C")
    output.may_go_on.set()
    stopping.join(timeout=10)
    assert not process.is_interrupted
    assert process.environment.process_exit_code == PASSED


def test_no_run_can_be_started_from_the_web_ui_while_the_last_one_is_reported(
    process: Process, output: SlowOutput
) -> None:
    stopping = process.stop_run()
    assert output.is_stopping.wait(timeout=10)
    assert "being stopped" in (process.session.problem_with_start({}) or "")
    output.may_go_on.set()
    stopping.join(timeout=10)
    assert process.session.problem_with_start({}) is None


def test_a_report_that_fails_is_a_broken_run_and_leaves_the_next_one_alone(
    process: Process, output: SlowOutput
) -> None:
    output.error = ValueError("an output of somebody else's")
    output.may_go_on.set()
    process.stop_run().join(timeout=10)
    assert process.environment.process_exit_code == BROKEN
    output.error = None
    assert process.session.advance() == 1
    process.stop_run().join(timeout=10)
    assert process.environment.process_exit_code == PASSED


def test_people_do_not_choose_from_the_classes_that_a_run_makes(process: Process) -> None:
    assert [user_class.__name__ for user_class in process.environment.user_classes] == ["identify_load"]
    assert "IdentifyUser" in loaded_user_classes()
    assert "identify_load" not in loaded_user_classes()
