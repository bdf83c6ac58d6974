"""What a terminal shows while a run goes: all of it fits, and nothing looks like an error that is none."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from config.profile import ProfileText, parse_profile
from metrics.catalog import MetricType
from metrics.progress import BarProgress, PlainProgress, RunProgress, ScenarioProgress, new_progress
from metrics.thresholds import ThresholdResult

PROFILE = """
[scenarios.a]
executor = "constant-arrival-rate"
user = "identify"
rate = 10
duration = "30s"
pre_allocated_vus = 5
[thresholds]
errors = ["rate<0.01"]
identify_duration = ["p(95)<500", "p(99)<2000"]
dropped_iterations = ["count==0"]
"""


def a_progress(*, failed: int = 0, dropped: int = 0) -> RunProgress:
    options = parse_profile(ProfileText("p.toml", PROFILE)).thresholds
    scenarios = [
        ScenarioProgress(name, 20.2, 54.0, 98.6, 100.0, 3, 50, 1500, dropped, failed)
        for name in ("identify_load", "track_load")
    ]
    # Of 1500 iterations each, some have not ended.
    error_share = failed / 1400
    results = [
        ThresholdResult("errors", options["errors"][0], error_share, not failed, MetricType.RATE),
        ThresholdResult("identify_duration", options["identify_duration"][0], 2.126, True, MetricType.TREND),
        ThresholdResult("identify_duration", options["identify_duration"][1], 12.6, True, MetricType.TREND),
        ThresholdResult("dropped_iterations", options["dropped_iterations"][0], 0, True, MetricType.COUNTER),
    ]
    return RunProgress(scenarios, 2.126, error_share, results)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_bars_figures_and_thresholds_fit_the_terminal(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system=None, legacy_windows=False)
    view = BarProgress(console)
    try:
        view.update(20, a_progress(failed=30, dropped=110))
        shown = out.getvalue()
    finally:
        view.close()
    lines = [line for line in shown.replace("\x1b[?25l", "").split("\n") if line.strip()]
    assert max(len(line) for line in lines) <= width
    assert "identify_load ━" in lines[0]
    assert "20s/54s  99 of 100/s  3/50 VUs  110 dropped  30 errors" in lines[0]
    assert "34s left  3000 started  p95 2.13ms  60 errors (2.143%)" in lines[2]
    text = "\n".join(lines[3:])
    for threshold in (
        "✗ errors rate<0.01 (2.143%)",
        "✓ identify_duration p(95)<500 (2.13ms)",
        "✓ identify_duration p(99)<2000 (12.6ms)",
        "✓ dropped_iterations count==0 (0)",
    ):
        assert threshold in text


def test_a_bar_has_no_colour_of_an_error() -> None:
    out = io.StringIO()
    view = BarProgress(Console(file=out, force_terminal=True, width=100, color_system="truecolor"))
    view.update(20, a_progress())
    view.close()
    assert "\x1b[36m━" in out.getvalue()
    assert "249;38;114" not in out.getvalue()


def test_a_log_gets_a_line_every_ten_seconds_and_what_fails() -> None:
    out = io.StringIO()
    view = new_progress(Console(file=out, force_terminal=False, width=80))
    assert isinstance(view, PlainProgress)
    view.update(9, a_progress(failed=30))
    assert out.getvalue() == ""
    view.update(10, a_progress(failed=30))
    assert out.getvalue().splitlines() == [
        "identify_load: 20s/54s  99 of 100/s  3/50 VUs  30 errors",
        "track_load: 20s/54s  99 of 100/s  3/50 VUs  30 errors",
        "34s left  3000 started  p95 2.13ms  60 errors (2.143%)",
        "✗ errors rate<0.01 (2.143%)",
    ]
