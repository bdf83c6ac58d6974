"""Slips in a profile: each gets its place, its value and the name that was probably meant."""

from __future__ import annotations

import pytest

from config.errors import MOST_MISTAKES, ConfigError
from config.profile import ProfileText, parse_profile

RAMPING = """
[scenarios.a]
executor = "ramping-arrival-rate"
user = "identify"
start_rate = 10
time_unit = "1s"
pre_allocated_vus = 5
max_vus = 10
stages = [{ target = 10, duration = "1m" }]
graceful_stop = "30s"
start_time = "0s"
timeout = "5s"
pause = "100ms"

[thresholds]
errors = [{ threshold = "rate<0.01", abort_on_fail = true, delay_abort_eval = "10s" }]
"""
CONSTANT = """
[scenarios.a]
executor = "constant-arrival-rate"
user = "identify"
rate = 10
duration = "30s"
pre_allocated_vus = 5
"""


def mistakes(toml: str) -> list[str]:
    """Return the lines of a profile that is refused."""
    with pytest.raises(ConfigError) as caught:
        parse_profile(ProfileText("my.toml", toml))
    return caught.value.lines


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        # camelCase and other spellings
        ("start_rate", "startRate", "a.startRate: unknown option, got 10; did you mean start_rate?"),
        ("time_unit", "timeUnit", "a.timeUnit: unknown option, got '1s'; did you mean time_unit?"),
        ("pre_allocated_vus", "preAllocatedVUs", "unknown option, got 5; did you mean pre_"),
        ("max_vus", "maxVUs", "a.maxVUs: unknown option, got 10; did you mean max_vus?"),
        ("start_time", "startTime", "a.startTime: unknown option, got '0s'; did you mean start_time?"),
        ("graceful_stop", "gracefulStop", "unknown option, got '30s'; did you mean graceful_stop?"),
        ("abort_on_fail", "abortOnFail", "unknown option, got True; did you mean abort_on_fail?"),
        ("delay_abort_eval", "delayAbortEval", "unknown option, got '10s'; did you mean d"),
        ("start_rate", "start-rate", "a.start-rate: unknown option, got 10; did you mean start_rate?"),
        ("start_rate", "startrate", "a.startrate: unknown option, got 10; did you mean start_rate?"),
        ("pre_allocated_vus", "preallocated_vus", "did you mean pre_allocated_vus?"),
        ("stages =", "stage =", "a.stage: unknown option; did you mean stages?"),
        ("target =", "traget =", "a.stages.0.traget: unknown option, got 10; did you mean target?"),
        ("duration", "durations", "a.stages.0.durations: unknown option, got '1m'; did you mean duration?"),
        ("[thresholds]", "[threshold]", "threshold: unknown option; did you mean thresholds?"),
        ("[scenarios.a]", "[scenario.a]", "scenario: unknown option; did you mean scenarios?"),
        # Names of other tools
        ("user =", "exec =", "a.exec: unknown option, got 'identify'; did you mean user?"),
        ("pre_allocated_vus", "vus", "a.vus: unknown option, got 5; did you mean pre_allocated_vus?"),
        ("pre_allocated_vus", "users", "a.users: unknown option, got 5; did you mean pre_allocated_vus?"),
        ("pause", "sleep", "a.sleep: unknown option, got '100ms'; did you mean pause?"),
        ("start_rate = 10", "rate = 10", "option, got 10; it belongs to executor constant-arrival-rate"),
        # Executors
        ("ramping-arrival-rate", "ramping-vus", "got 'ramping-vus'; rates, not VUs, set the load here"),
        ("ramping-arrival-rate", "constant-vus", "got 'constant-vus'; rates, not VUs, set the load here"),
        ("ramping-arrival-rate", "shared-iterations", "rates, not VUs, set the load here"),
        ("ramping-arrival-rate", "ramping-rate", "got 'ramping-rate'; did you mean ramping-arrival-rate?"),
        ("ramping-arrival-rate", "rampingArrivalRate", "; did you mean ramping-arrival-rate?"),
        # Units and types
        ('"1m"', "60", "expected a duration such as '1m30s', '10s' or '100ms', got 60; did you mean '60s'?"),
        ('"1m"', '"1 minute"', "got '1 minute'; did you mean '1m'?"),
        ('"1m"', '"5 min"', "got '5 min'; did you mean '5m'?"),
        ('"1m"', '"2hours"', "got '2hours'; did you mean '2h'?"),
        ('"100ms"', '"100 milliseconds"', "got '100 milliseconds'; did you mean '100ms'?"),
        ('"5s"', '"5 sec"', "a duration such as '1m30s', '10s' or '100ms', got '5 sec'; did you mean '5s'?"),
        ("start_rate = 10", 'start_rate = "10/s"', "a.start_rate: expected a number, got '10/s'"),
        ("target = 10", 'target = "10"', "a.stages.0.target: expected a number, got '10'"),
        ("rate<0.01", "rate<1%", "got 'rate<1%'; bounds have no unit: a Trend is in ms, a rate from 0 to 1"),
        ("rate<0.01", "p(95)<500ms", "bounds have no unit: a Trend is in ms, a rate from 0 to 1"),
        ("errors = [{", 'errors = "rate<1"\nchecks = [{', "expected a list in [ ], got 'rate<1'"),
        ("target = 10,", "target = 10, rate = 10,", "expected target (a ramp) or rate (a step), not both"),
    ],
)  # fmt: skip
def test_a_slip_is_one_line_with_what_was_meant(right: str, wrong: str, line: str) -> None:
    assert parse_profile(ProfileText("my.toml", RAMPING)).scenarios
    assert right in RAMPING
    (told,) = mistakes(RAMPING.replace(right, wrong))
    assert told.startswith("my.toml: ")
    assert line in told


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [
        ("rate = 10", 'rate = "10"', "scenarios.a.rate: expected a number, got '10'"),
        ('duration = "30s"', "duration = 30", "got 30; did you mean '30s'?"),
        ('duration = "30s"', 'duration = "0s"', "scenarios.a.duration: expected a duration above zero"),
        ('duration = "30s"', "", "scenarios.a.duration: required option is missing"),
        ("rate = 10", "rate = 10\nstart_rate = 5", "it belongs to executor ramping-arrival-rate"),
        (
            "constant-arrival-rate",
            "constant-rate",
            "got 'constant-rate'; did you mean constant-arrival-rate?",
        ),
    ],
)
def test_a_slip_in_a_constant_rate_is_one_line_too(right: str, wrong: str, line: str) -> None:
    assert parse_profile(ProfileText("my.toml", CONSTANT)).scenarios
    (told,) = mistakes(CONSTANT.replace(right, wrong))
    assert line in told


def test_several_mistakes_have_a_line_each_below_the_file() -> None:
    lines = mistakes(RAMPING.replace("start_rate", "startRate").replace('"1m"', "60"))
    assert lines == [
        "my.toml: 2 mistakes",
        "  scenarios.a.stages.0.duration: expected a duration such as '1m30s', '10s' or '100ms', got 60; "
        "did you mean '60s'?",
        "  scenarios.a.startRate: unknown option, got 10; did you mean start_rate?",
    ]


def test_no_mistake_repeats_what_may_be_a_secret_and_no_list_is_endless() -> None:
    assert "hush" not in "".join(mistakes(f'output = ["influxdb=http://me:hush@h"]\n{RAMPING}'))
    assert "hush" not in "".join(mistakes(f'out = "influxdb=http://me:hush@h"\n{RAMPING}'))
    lines = mistakes("".join(f"a{n} = 1\n" for n in range(1000)) + RAMPING)
    assert lines[0] == "my.toml: 1000 mistakes"
    assert lines[-1] == f"  and {1000 - MOST_MISTAKES} more"
    assert len(lines) == MOST_MISTAKES + 2
