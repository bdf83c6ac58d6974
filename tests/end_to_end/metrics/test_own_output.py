"""An output of somebody's own: the example of docs/results.md runs, and what fails in one ends it alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.programs.load_test import ROOT, Finished, processes, run_load_test, two_scenarios
from tests.servers.standin_server import StandinServer

PROFILE = two_scenarios([(10, "2s")], start_rate=10)
GOOD = (
    "class Output:\n"
    "    name, takes_whole_seconds = 'mine', True\n"
    "    def samples(self, timestamp, second, cells): pass\n"
    "    def stop(self): pass\n"
    "def make(folder, worker): return Output()\n"
)


def run_with(tmp_path: Path, module: str, *arguments: str, make: str = "mine:make") -> Finished:
    (tmp_path / "mine.py").write_text(module)
    with StandinServer() as standin:
        env = {"CUSTOMERIO_BASE_URL": standin.url, "PYTHONPATH": str(tmp_path)}
        options = ("--out", f"python={make}", *arguments)
        finished = run_load_test(tmp_path, *options, profile=PROFILE, env=env)
        if finished.exit_code == 2:
            assert standin.stats()["requests_total"] == 0
    assert "Traceback" not in finished.stderr
    return finished


@pytest.mark.parametrize("workers", [0, 2])
def test_the_example_of_the_page_runs(tmp_path: Path, workers: int) -> None:
    page = (ROOT / "docs/results.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    finished = run_with(tmp_path, example, *(processes(workers) if workers else ()), make="mine:lines")
    assert finished.exit_code == 0, finished.stderr
    files = sorted(finished.folder.glob("workers/*/lines.txt" if workers else "lines.txt"))
    assert len(files) == max(1, workers)
    lines = [line.split() for file in files for line in file.read_text().splitlines()]
    assert sum(int(requests) for _, requests in lines) == 40


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        (
            GOOD.replace("cells): pass", "cells): {}['x']"),
            "mine ends at second 0, it could not be written: K",
        ),
        (
            GOOD.replace("def stop(self): pass", "def stop(self): 1 / 0"),
            "mine could not be closed: ZeroDivision",
        ),
    ],
)
def test_an_output_that_fails_ends_and_the_run_goes_on(tmp_path: Path, module: str, problem: str) -> None:
    finished = run_with(tmp_path, module)
    assert finished.exit_code == 1
    assert problem in finished.stderr
    for ledger in json.loads((finished.folder / "summary.json").read_text())["ledger"].values():
        assert ledger["completed"] == 20
    assert (finished.folder / "report.html").exists()


@pytest.mark.parametrize(
    ("module", "make", "problem"),
    [
        (GOOD, "mine", "--out python=mine: expected MODULE:FUNCTION"),
        (GOOD, "mine:other", "--out python=mine:other: expected MODULE:FUNCTION: "),
        (GOOD.replace("folder, worker", "folder"), "mine:make", "python=mine:make: TypeError: make() takes"),
        (GOOD.replace("def stop(self): pass", ""), "mine:make", "expected an output with stop"),
        (GOOD.replace("class Output", "class Other"), "mine:make", "NameError: name 'Output' is not defined"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path: Path, module: str, make: str, problem: str) -> None:
    finished = run_with(tmp_path, module, make=make)
    assert finished.exit_code == 2
    assert problem in finished.stderr.splitlines()[-1]
