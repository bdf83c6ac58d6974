"""Runs the load test as its users do, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TextIO

from config.profile import load_profile
from shapes.schedule import Schedule, Stage
from tests.programs.forge import start
from tests.servers.free_port import free_port

ROOT = Path(__file__).resolve().parents[2]
_MOST_SECONDS = 120.0
# Between two looks, so that waiting takes no processor from the runs, of which there may be several.
_LOOK_SECONDS = 0.02

SCENARIO = """
[scenarios.{user}_load]
executor = "ramping-arrival-rate"
user = "{user}"
start_rate = {start_rate}
pre_allocated_vus = {vus}
stages = {stages}
{more}
"""
THRESHOLDS = """
[thresholds]
errors = ["rate<0.01"]
identify_duration = ["p(95)<500"]
track_duration = ["p(95)<500"]
"""


def two_scenarios(
    stages: Sequence[tuple[float, str]], start_rate: float = 10, vus: int = 50, more: str = 'pause = "100ms"'
) -> str:
    """Return a profile like the default one, with other stages: (target, duration) each."""
    listed = "[" + ", ".join(f'{{ target = {target}, duration = "{time}" }}' for target, time in stages) + "]"
    return "".join(
        SCENARIO.format(user=user, start_rate=start_rate, vus=vus, stages=listed, more=more)
        for user in ("identify", "track")
    )


def schedule_of(profile: Path, scenario: str = "identify_load") -> Schedule:
    """Return the schedule that a scenario of a profile describes, worked out apart from the load test."""
    options = load_profile(str(profile)).scenarios[scenario]
    stages = [Stage(stage.target, stage.duration) for stage in options.stages]
    return Schedule(options.start_rate, stages, options.time_unit)


def _profile_arguments(tmp_path: Path, profile: str | None) -> list[str]:
    """Write a profile's text to a file, and return the arguments that name it."""
    if profile is None:
        return []
    path = tmp_path / "profile.toml"
    path.write_text(profile)
    return ["--profile", str(path)]


def _environment_of(tmp_path: Path, env: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment of a load test, with next to nothing of the developer's own settings."""
    own = ("CUSTOMERIO_", "LOAD_TEST_", "LOCUST_", "OTEL_")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name == "LOAD_TEST_HTTP_CLIENT" or not name.startswith(own)
    }
    (tmp_path / "empty.env").touch()
    environment |= {"LOAD_TEST_ENV_FILE": str(tmp_path / "empty.env"), "COLUMNS": "200"}
    return environment | {"LOAD_TEST_RESULTS_DIR": str(tmp_path / "results"), **(env or {})}


@dataclass(frozen=True)
class Finished:
    """A load test that has ended, and what it left in its results folder."""

    exit_code: int
    stdout: str
    stderr: str
    results_dir: Path

    @property
    def folder(self) -> Path:
        """The folder of the only run."""
        (folder,) = self.folders
        return folder

    @property
    def folders(self) -> list[Path]:
        """Every run's folder, oldest first."""
        return sorted(path for path in self.results_dir.iterdir() if path.is_dir())

    @property
    def summary(self) -> dict[str, Any]:
        """The one run's summary.json."""
        summary: dict[str, Any] = json.loads((self.folder / "summary.json").read_text())
        return summary

    @property
    def rows(self) -> list[dict[str, str]]:
        """The one run's metrics.csv."""
        return read_rows(self.folder)


def read_rows(folder: Path) -> list[dict[str, str]]:
    """Return the rows of a run's metrics.csv; each has every column."""
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(None not in row and None not in row.values() for row in rows), "a torn row"
    return rows


class LoadTest:
    """``locust`` on this project's locustfile, with next to nothing of the developer's own environment.

    ``LOAD_TEST_HTTP_CLIENT`` is passed on, so that the tests can be run with the other client too.

    Args:
        tmp_path: where its results and its profile go.
        arguments: of Locust and ours; ``--headless`` is added unless ``headless`` is false.
        profile: the text of a profile; none uses what the arguments say.
        env: settings, such as ``CUSTOMERIO_BASE_URL``.
        locustfile: another one, or several, as ``--locustfile`` takes them.
        headless: whether it runs without the web UI.
        root: another copy of the project to run.
        has_own_group: whether it leads a process group, so that a signal can reach its workers too.
        module: ``engine`` is what ``scripts/run-load-test.sh`` starts.
        terminal: the descriptor of one, for its standard input and standard error.
        anew: whether Python starts anew, as for users; see ``tests/programs/forge.py``.
    """

    unfinished: ClassVar[list[LoadTest]] = []
    """Load tests whose end nobody has waited for; a fixture kills them after a test that failed."""

    def __init__(
        self,
        tmp_path: Path,
        *arguments: str,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        locustfile: str = "locustfile.py",
        headless: bool = True,
        root: Path | None = None,
        has_own_group: bool = False,
        module: str = "locust",
        terminal: int | None = None,
        anew: bool = False,
    ) -> None:
        self.results_dir = tmp_path / "results"
        command = ["-f", locustfile, "--loglevel", "WARNING"]
        command += ["--headless"] if headless else []
        command += [*_profile_arguments(tmp_path, profile), *arguments]
        # Files, not pipes: nobody reads them while the test looks elsewhere.
        self._stdout = (tmp_path / "stdout.txt").open("w+")
        self._stderr = (tmp_path / "stderr.txt").open("w+")
        self.process = start(
            module,
            command,
            _environment_of(tmp_path, env),
            stdin=terminal,
            output=self._stdout.fileno(),
            errors=self._stderr.fileno() if terminal is None else terminal,
            root=root or ROOT,
            has_own_group=has_own_group,
            anew=anew,
        )
        self.unfinished.append(self)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the load test."""
        self.process.send_signal(number)

    def wait_until(self, happened: Callable[[], object]) -> None:
        """Wait until something has happened, while the load test runs."""
        while not happened():
            assert self.process.poll() is None, "the load test ended early"
            time.sleep(_LOOK_SECONDS)

    def finish(self) -> Finished:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it did not end in two minutes; it is killed after the test.
        """
        exit_code = self.process.wait(_MOST_SECONDS)
        self.unfinished.remove(self)
        stdout, stderr = (_read_and_close(file) for file in (self._stdout, self._stderr))
        return Finished(exit_code, stdout, stderr, self.results_dir)

    def _end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @classmethod
    def end_unfinished(cls) -> None:
        """Kill what a failed test left behind."""
        for test in cls.unfinished:
            test._end()
            test._stdout.close()
            test._stderr.close()
        cls.unfinished.clear()


def _read_and_close(file: TextIO) -> str:
    with file:
        file.seek(0)
        return file.read()


def processes(count: int) -> list[str]:
    """Return the arguments for so many workers that meet their master on a port of their own."""
    port = str(free_port())
    return ["--processes", str(count), "--master-bind-port", port, "--master-port", port]


def run_load_test(tmp_path: Path, *arguments: str, **options: Any) -> Finished:
    """Run a load test to its end; see ``LoadTest`` for the arguments."""
    return LoadTest(tmp_path, *arguments, **options).finish()
