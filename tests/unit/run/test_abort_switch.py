"""The abort switch: the last seconds decide, not the run as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from config.abort_bounds import AbortBounds
from config.errors import ConfigError
from metrics.catalog import CATALOG, tags
from metrics.store import Cell, MergedCell
from run.abort_switch import AbortSwitch
from run.stop_file import StopFile, check_no_stop_file

BOUNDS = AbortBounds.model_validate({"window": "3s", "latency": "1s"})


def cell(name: str, values: Sequence[float], **labels: str) -> Cell:
    return Cell(CATALOG[name], tags(**labels), list(values), [0] * len(values))


def second(failed: int = 0, throttled: int = 0, latency_ms: float = 5.0, count: int = 100) -> list[Cell]:
    return [
        cell("errors", [1.0] * failed + [0.0] * (count - failed), scenario="a"),
        cell("http_reqs", [1.0] * throttled, status="429"),
        cell("http_reqs", [1.0] * (count - throttled), status="200"),
        cell("http_req_duration", [latency_ms] * count, status="200"),
        cell("start_lag", [9999.0] * count),
    ]


def merged(cells: Sequence[Cell]) -> list[MergedCell]:
    """Return what a master gets of the same second."""
    return [MergedCell(part.metric, part.tags, part.aggregate()) for part in cells]


@pytest.mark.parametrize("is_master", [False, True], ids=["one-process", "master"])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (second(failed=31), "errors 10.3%, above 0.1 over the last 3s"),
        (second(failed=16, throttled=16), "429 responses 5.3%, above 0.05 over the last 3s"),
        (second(latency_ms=1500), "p(95) 1.50s, above 1s over the last 3s"),
    ],
    ids=["errors", "throttled", "latency"],
)
def test_a_bad_second_switches_off_and_is_forgotten_with_its_window(
    bad: list[Cell], reason: str, is_master: bool
) -> None:
    switch = AbortSwitch(BOUNDS)
    for number in range(1000):
        switch.samples(0, number, merged(second()) if is_master else second())
        assert number > 3 or switch.exceeded is None
    switch.samples(0, 1000, merged(bad) if is_master else bad)
    assert switch.exceeded == reason
    for number in range(3):
        assert switch.exceeded is not None
        switch.samples(0, 1001 + number, second())
    assert switch.exceeded is None


def test_what_is_at_its_bound_goes_on() -> None:
    switch = AbortSwitch(BOUNDS)
    switch.samples(0, 0, second(failed=10, throttled=5, latency_ms=999))
    assert switch.exceeded is None


def test_a_handful_of_failures_decides_nothing() -> None:
    switch = AbortSwitch(BOUNDS)
    switch.samples(0, 0, second(failed=19, count=19))
    assert switch.exceeded is None
    switch.samples(0, 1, second(failed=1, count=1))
    assert switch.exceeded == "errors 100.0%, above 0.1 over the last 3s"


def test_a_stop_file_counts_in_the_current_folder_and_in_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    stop_file = StopFile(folder)
    check_no_stop_file()
    assert not stop_file.exists
    for place in (tmp_path / "STOP", folder / "STOP"):
        place.touch()
        assert stop_file.exists
        place.unlink()
    (tmp_path / "STOP").touch()
    with pytest.raises(ConfigError, match="STOP: a file of this name ends runs; expected it to be removed"):
        check_no_stop_file()
