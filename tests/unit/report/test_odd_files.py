"""Files of a run with anything in them: both readers end in a page, or in one line and exit code 2."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from report.__main__ import main as report
from report.compare.__main__ import compare_folders
from report.compare.__main__ import main as compare
from report.compare.judgement import Limits
from report.html.facts import facts_of, read_run_files
from tests.unit.report.run_folder import second_of, summary, write_folder

ODD_VALUES: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**14,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "text",
    "\ud800",
    [],
    [1],
    {},
    {"a": {}},
]

WORKER = {
    "name": "worker-0",
    "generator": {"start_lag_p99_ms": 1.5, "cpu_p95_percent": 12.0},
    "started": 30,
    "dropped": 0,
    "lost": 10,
    "reports": 3,
    "reports_missing": 0,
    "state": "ended in order",
}
WHOLE = summary(
    workers=[WORKER],
    lost=[{"worker": 0, "scenario": "a", "since": 1.5, "until": 3.25, "lost": 10, "maybe_sent": 4}],
    generator={
        "start_lag_p99_ms": 0.9,
        "cpu_p95_percent": 20.0,
        "starts": 40,
        "starts_late": 1,
        "cpu_seconds": 4,
        "cpu_seconds_busy": 0,
    },
    queue={"failed": 0},
)
WHOLE["metrics"]["errors"] = {"passes": 1, "fails": 39, "value": 0.025, "thresholds": {"rate<0.1": False}}
WHOLE["metrics"]["http_reqs"] = {"count": 40, "rate": 10.0}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every entry."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places(part, (*path, key))


def with_entry(whole: Any, path: tuple[Any, ...], entry: Any) -> Any:
    changed = copy.deepcopy(whole)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = entry
    return changed


def assert_read_or_one_line(read: Callable[[Path], object], folder: Path) -> None:
    """Either there are figures, or one line says why not; any other exception fails the test."""
    assert len(problem_of(read, folder).splitlines()) <= 1


def problem_of(read: Callable[[Path], object], folder: Path) -> str:
    try:
        read(folder)
    except ConfigError as error:
        return str(error)
    return ""


def read_for_report(folder: Path) -> object:
    return facts_of(read_run_files(folder))


def read_for_comparison(folder: Path) -> object:
    return compare_folders(folder, folder, Limits(10, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [*(row for second in range(4) for row in second_of(second, 10))]
    rows.append({"second": 1, "metric": "errors", "type": "rate", "count": 10, "value": 0.1})
    return write_folder(tmp_path / "r", rows, WHOLE)


def test_the_whole_folder_is_read_by_both(folder: Path) -> None:
    assert report([str(folder)]) == 0
    assert compare([str(folder), str(folder)]) == 0


@pytest.mark.parametrize("path", list(places(WHOLE)), ids=lambda path: ".".join(map(str, path)))
def test_an_odd_entry_of_the_summary(folder: Path, path: tuple[Any, ...]) -> None:
    for entry in ODD_VALUES:
        (folder / "summary.json").write_text(json.dumps(with_entry(WHOLE, path, entry)))
        assert_read_or_one_line(read_for_report, folder)
        assert_read_or_one_line(read_for_comparison, folder)


def test_an_odd_entry_of_the_settings(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    settings |= {"arguments": {"profile": "smoke", "time_scale": 1.0}, "plan": "one scenario"}
    for path in places(settings):
        for entry in ODD_VALUES:
            (folder / "settings.json").write_text(json.dumps(with_entry(settings, path, entry)))
            assert_read_or_one_line(read_for_report, folder)


@pytest.mark.parametrize("name", ["summary.json", "settings.json"])
@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "7",
        "null",
        '"text"',
        "",
        "NaN",
        "[" * 3000 + "]" * 3000,
        '{"metrics":' * 3000 + "{}" + "}" * 3000,
        '{"metrics": {"x": ' + "[" * 200 + "]" * 200 + "}}",
        '{"metrics": {}, "run": ' + "9" * 5000 + "}",
        '{"metrics": {"a": {"count": 1e999}}}',
    ],
    ids=lambda text: text[:12],
)
def test_an_odd_file(folder: Path, capsys: pytest.CaptureFixture[str], name: str, text: str) -> None:
    (folder / name).write_text(text)
    assert report([str(folder)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {folder / name}: ")
    assert told.count("\n") == 1
    if name == "summary.json":
        assert compare([str(folder), str(folder)]) == 2
        # One reader: the same words.
        assert capsys.readouterr().err == told


@pytest.mark.parametrize("column", ["second", "metric", "type", "count", "value", "min", "p95", "max"])
def test_an_odd_cell_of_the_rows(folder: Path, column: str) -> None:
    lines = (folder / "metrics.csv").read_text().splitlines()
    place = lines[0].split(",").index(column)
    for number in range(1, len(lines)):
        for odd in ("", "-1", "nan", "inf", "1e400", "9" * 5000, "9" * 18, "x", '"', '"a"b', "\x00"):
            cells = lines[number].split(",")
            cells[place] = odd
            changed = [*lines[:number], ",".join(cells), *lines[number + 1 :]]
            (folder / "metrics.csv").write_text("\n".join(changed) + "\n")
            assert_read_or_one_line(read_for_comparison, folder)
            assert_read_or_one_line(read_for_report, folder)


def test_a_rate_that_counts_nothing_in_any_second_is_no_division_by_zero(folder: Path) -> None:
    rows = [
        {"second": second, "metric": "errors", "type": "rate", "count": 0, "value": 0} for second in range(20)
    ]
    write_folder(folder, rows, WHOLE)
    assert compare([str(folder), str(folder)]) == 0


def test_both_say_the_same_of_a_damaged_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "metrics.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:5], "what is this", *lines[5:]]))
    assert report([str(folder)]) == 2
    told = capsys.readouterr().err
    assert told == f"error: {path}: line 6 is damaged, or not a row of metrics.csv\n"
    assert compare([str(folder), str(folder)]) == 2
    assert capsys.readouterr().err == told
