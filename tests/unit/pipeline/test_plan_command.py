"""The planner as a command: its two views, its files, and what it says of nonsense."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from config.profile import load_profile
from pipeline.plan import calibration
from pipeline.plan.arithmetic import make_plan
from pipeline.plan.command import main
from pipeline.plan.demand import Demand, WorkerRate
from pipeline.plan.existing import peak_of_profile
from pipeline.plan.load_profile import load_profile_text

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Return a file with this machine's calibration, so that nothing has to be measured."""
    path = tmp_path / "kept.json"
    rate = WorkerRate(10_000, 900, "2026-01-01T00:00+00:00", calibration.this_machine())
    path.write_text(json.dumps({"calibrations": [asdict(rate)]}))
    return path


@pytest.fixture
def run(kept: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command and returns its exit code, output and errors."""

    def plan(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(["--calibration", str(kept), *arguments])
        except SystemExit as error:
            code = int(error.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return plan


def planned(run: Run, *arguments: str) -> dict[str, Any]:
    code, output, errors = run(*arguments, "--format", "json")
    assert (code, errors) == (0, "")
    plan: dict[str, Any] = json.loads(output)
    return plan


def test_the_text_names_every_figure(run: Run) -> None:
    code, output, errors = run("--events-per-day", "8M")
    assert (code, errors) == (0, "")
    for line in (
        "tier                  queue-based",
        "peak                  463 events/s",
        "requests at the peak  4.63 requests/s",
        "workers               3, at most 20",
        "partitions            24",
        "queue                 833334 messages, 750 MB",
        "drain after an outage 1m59s",
        "- workers: the peak needs 1",
        "2026-01-01T00:00+00:00",
    ):
        assert line in output
    assert max(map(len, output.splitlines())) <= 110


def test_the_json_has_every_figure(run: Run) -> None:
    plan = planned(run, "--events-per-day", "8M", "--limit", "1000/s", "--people", "2M")
    assert plan["tier"] == "queue-based"
    assert plan["peak_events_per_second"] == pytest.approx(462.963, abs=0.001)
    assert plan["requests_per_second"] == pytest.approx(4.63, abs=0.01)
    assert (plan["workers"], plan["partitions"]) == (3, 24)
    assert plan["drain_seconds"] > 0
    assert plan["reasons"][-1] == "cost: 240 M events in 30 days for 2 M people, 120 each."


def test_a_single_service_needs_no_calibration(run: Run, kept: Path) -> None:
    kept.write_text("not read")
    plan = planned(run, "--events-per-day", "0.5M")
    assert (plan["tier"], plan["workers"], plan["partitions"]) == ("single-service", 0, 0)
    assert plan["drain_seconds"] == 0


def test_a_plan_that_cannot_work_says_what_would(run: Run, tmp_path: Path) -> None:
    code, output, errors = run("--events-per-day", "500M", "--write", str(tmp_path / "plan"))
    assert code == 99
    assert "This plan cannot work:" in output
    for remedy in ("a higher limit", "a flatter peak", "several workspaces"):
        assert f"- {remedy}" in output
    assert errors == "nothing was written: the plan cannot work\n"
    assert not (tmp_path / "plan").exists()


def test_the_peak_of_a_profile(run: Run) -> None:
    """The default profile holds 100/s of identify and 100/s of track."""
    assert peak_of_profile("ramping-rate") == 200
    plan = planned(run, "--existing", "ramping-rate")
    assert plan["peak_events_per_second"] == 200
    assert plan["events_per_day"] == 200 / 5 * 86_400
    assert planned(run, "--existing", "ramping-rate", "--events-per-day", "2M")["events_per_day"] == 2e6


def test_the_peak_of_scenarios_that_do_not_meet(tmp_path: Path) -> None:
    """A jump to 50/s that ends as another scenario begins at 40/s: their peaks do not add up."""
    path = tmp_path / "profile.toml"
    scenario = 'executor = "ramping-arrival-rate"\nuser = "track"\npre_allocated_vus = 1\n'
    path.write_text(
        f"[scenarios.first]\n{scenario}start_rate = 10\n"
        'stages = [{ target = 10, duration = "10s" }, { target = 50, duration = "0s" },'
        '{ target = 50, duration = "10s" }]\n'
        f'[scenarios.second]\n{scenario}start_time = "20s"\nstart_rate = 40\n'
        'stages = [{ target = 0, duration = "10s" }]\n'
    )
    assert peak_of_profile(str(path)) == 50


def test_it_writes_a_profile_of_exactly_this_plan(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "plan"
    code, _, errors = run("--events-per-day", "8M", "--write", str(folder))
    assert code == 0
    assert [line.removeprefix("wrote ") for line in errors.splitlines()] == [
        str(folder / "load-profile.toml"),
        str(folder / "kustomization.yaml"),
    ]
    profile = load_profile(str(folder / "load-profile.toml"))
    (scenario,) = profile.scenarios.values()
    assert scenario.user == "queued"
    assert scenario.start_rate == pytest.approx(8e6 / 86_400, rel=1e-5)
    assert peak_of_profile(str(folder / "load-profile.toml")) == pytest.approx(5 * 8e6 / 86_400, rel=1e-5)
    assert {"produce_duration", "delivery_duration", "errors"} <= profile.thresholds.keys()


def test_without_a_queue_the_profile_calls_the_api(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(load_profile_text(make_plan(Demand(0.5e6, 28.0), None)))
    users = {scenario.user for scenario in load_profile(str(path)).scenarios.values()}
    assert users == {"identify", "track"}
    assert peak_of_profile(str(path)) == pytest.approx(28.0)


def test_a_calibration_holds_for_its_machine_and_about_its_size(kept: Path) -> None:
    assert calibration.read(kept, 900) is not None
    assert calibration.read(kept, 1100) is not None
    assert calibration.read(kept, 9000) is None
    other = WorkerRate(5000, 9000, "2026-01-02T00:00+00:00", calibration.this_machine())
    calibration.keep(kept, other)
    assert calibration.read(kept, 9000) == other
    elsewhere = WorkerRate(1, 900, "2026-01-02T00:00+00:00", "another machine")
    calibration.keep(kept, elsewhere)
    rate = calibration.read(kept, 900)
    assert rate is not None
    assert rate.events_per_cpu_second == 10_000


NONSENSE = {
    "nothing": [],
    "no_number": ["--events-per-day", "many"],
    "no_events": ["--events-per-day", "0"],
    "negative": ["--events-per-day=-8M"],
    "small_m": ["--events-per-day", "8m"],
    "two_units": ["--events-per-day", "8MM"],
    "exponent": ["--events-per-day", "1e400"],
    "nan": ["--events-per-day", "nan"],
    "too_many": ["--events-per-day", "9999999G"],
    "comma": ["--events-per-day", "8,5M"],
    "space": ["--events-per-day", "8 M"],
    "long": ["--events-per-day", "8" * 5000],
    "escape": ["--events-per-day", "8\x1b[31m"],
    "factor_below_one": ["--events-per-day", "8M", "--peak-factor", "0.5"],
    "factor_no_number": ["--events-per-day", "8M", "--peak-factor", "inf"],
    "factor_huge": ["--events-per-day", "8M", "--peak-factor", "100000"],
    "payload_empty": ["--events-per-day", "8M", "--payload", ""],
    "payload_zero": ["--events-per-day", "8M", "--payload", "0B"],
    "payload_above_the_limit": ["--events-per-day", "8M", "--payload", "1MB"],
    "payload_bits": ["--events-per-day", "8M", "--payload", "900b"],
    "limit_zero": ["--events-per-day", "8M", "--limit", "0/s"],
    "limit_per_minute": ["--events-per-day", "8M", "--limit", "100/m"],
    "limit_half": ["--events-per-day", "8M", "--limit", "99.5/s"],
    "limit_huge": ["--events-per-day", "8M", "--limit", "10000000/s"],
    "outage_bare": ["--events-per-day", "8M", "--outage", "30"],
    "outage_negative": ["--events-per-day", "8M", "--outage=-5m"],
    "outage_a_year": ["--events-per-day", "8M", "--outage", "365d"],
    "request_takes_no_time": ["--events-per-day", "8M", "--request-duration", "0s"],
    "people_none": ["--events-per-day", "8M", "--people", "0"],
    "format": ["--events-per-day", "8M", "--format", "yaml"],
    "profile_missing": ["--existing", "no-such-profile"],
    "profile_a_folder": ["--existing", "/"],
    "profile_below_the_mean": ["--events-per-day", "1G", "--existing", "smoke"],
    "two_peaks": ["--events-per-day", "8M", "--existing", "smoke", "--peak-factor", "3"],
    "write_into_a_file": ["--events-per-day", "8M", "--write", "/dev/null/plan"],
    "calibration_a_folder": ["--events-per-day", "8M", "--calibration", "/"],
    "shortened": ["--events", "8M"],
    "unknown": ["--events-per-day", "8M", "--workers", "3"],
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_one_line(name: str, run: Run) -> None:
    code, output, errors = run(*NONSENSE[name])
    assert (code, output) == (2, "")
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    assert line.isprintable()
    assert len(line) < 300


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"calibrations": [{}]}', '{"calibrations": 5}', "\x00"], ids=range(6)
)
def test_a_file_that_is_no_calibration_is_one_line(text: str, run: Run, kept: Path) -> None:
    kept.write_text(text)
    code, output, errors = run("--events-per-day", "8M")
    assert (code, output) == (2, "")
    assert errors.startswith(f"error: --calibration: {kept}: ")
