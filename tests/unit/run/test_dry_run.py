"""What --dry-run shows: all of the plan, in lines that fit, and nothing that is sent or written."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.markup import render

from config.profile import ProfileText
from config.profile_names import profile_names
from config.settings import Settings
from run.arguments import Arguments
from run.dry_run import plan_lines
from run.preparation import prepare
from run.schedule_chart import chart_lines
from users.kinds import Kinds, shipped_kinds

PROFILE = """
[scenarios.identify_load]
executor = "ramping-arrival-rate"
user = "identify"
pre_allocated_vus = 10
stages = [{ rate = 20, duration = "4s" }, { rate = 100, duration = "6s" }, { target = 0, duration = "10s" }]
pause = "200ms"
[scenarios.track_load]
executor = "constant-arrival-rate"
user = "track"
rate = 50
duration = "20s"
pre_allocated_vus = 50
[thresholds]
errors = [{ threshold = "rate<0.01", abort_on_fail = true }]
"""


def plan(tmp_path: Path, width: int, profile: str = "smoke", toml: str | None = None) -> list[str]:
    arguments = Arguments(profile, 1.0, tmp_path / "results", False, 7)
    classes = shipped_kinds().values()
    settings = Settings(None, "us", None, None)
    text = ProfileText(profile, toml) if toml else None
    preparation = prepare(arguments, settings, None, Kinds(classes, classes), text, is_dry=True)
    assert not (tmp_path / "results").exists()
    return [render(line).plain for line in plan_lines(preparation, width)]


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("profile", profile_names())
def test_the_plan_of_every_profile_fits_the_terminal(tmp_path: Path, profile: str, width: int) -> None:
    lines = plan(tmp_path, width, profile)
    assert max(len(line) for line in lines if "/results/" not in line) <= width


def test_the_plan_has_target_limits_people_rates_vus_and_thresholds(tmp_path: Path) -> None:
    text = "\n".join(plan(tmp_path, 100, "my.toml", PROFILE))
    for part in (
        "Dry run: nothing is sent",
        "Profile   my.toml",
        "Target    a stand-in that the run starts on this machine",
        "Length    20s, and up to 30s for what is in flight",
        "Requests  2180, peak 150/s",
        "People    up to 1180, of seed 7",
        "peak 150/s is 15% of 1000",
        "identify_load: user identify, ramping-arrival-rate, 1180 requests",
        "20/s for 4s, 100/s for 6s, to 0/s in 10s",
        "10 VUs: too few for 100/s with a pause of 200ms",
        "track_load: user track, constant-arrival-rate, 1000 requests",
        "50 VUs: enough for 50/s while responses take up to 1s",
        "errors  rate<0.01, ends the run if it fails",
    ):
        assert part in text


def test_a_chart_shows_a_step_a_ramp_and_a_spike_that_is_narrower_than_a_column() -> None:
    def rate_at(t: float) -> float:
        return 80.0 if 50 <= t < 50.2 else 40.0 if t < 30 else 0.0

    lines = chart_lines(rate_at, 100, 59)
    rows = [line[8:].ljust(50) for line in lines[:8]]
    assert lines[0].startswith("    80 │")
    assert lines[4].startswith("    40 │")
    # From the bottom: half of the height to 30 s, all of it at the spike, nothing elsewhere.
    assert [row[0] for row in reversed(rows)] == ["█"] * 4 + [" "] * 4
    assert [row[25] for row in reversed(rows)] == ["█"] * 8
    assert {row[40] for row in rows} == {" "}
    assert lines[-1].split() == ["0s", "50s", "1m40s"]
    assert all(len(line) <= 59 for line in lines)


def test_a_rate_that_is_not_zero_is_seen_beside_a_high_one_and_plain_terminals_get_plain_letters() -> None:
    lines = chart_lines(lambda t: 1000.0 if t < 50 else 0.1, 100, 59)
    assert lines[7].rstrip().endswith("▁")
    assert "\n".join(chart_lines(lambda t: t, 10, 59, is_plain=True)).isascii()


@pytest.mark.parametrize(
    ("profile", "is_standin", "is_receiver"),
    [("smoke", True, False), ("webhook", False, True), ("mixed", True, True)],
)
def test_it_says_what_the_run_would_start(
    tmp_path: Path, profile: str, is_standin: bool, is_receiver: bool
) -> None:
    targets = [line for line in plan(tmp_path, 200, profile) if line.startswith("  Target")]
    assert any("a stand-in that the run starts" in line for line in targets) == is_standin
    assert any("a receiver of webhooks that the run starts" in line for line in targets) == is_receiver
    assert len(targets) == is_standin + is_receiver
