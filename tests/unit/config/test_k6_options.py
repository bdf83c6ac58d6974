"""The options of a k6 script become a profile with the same arrivals and thresholds; the rest is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigError
from config.profile import Profile, load_profile, parse_profile, read_profile
from shapes.schedule import Schedule, Stage

EXAMPLE = Path(__file__).resolve().parents[3] / "examples/script-options.json"

# What "k6 inspect" prints: every option, null where the script sets none.
INSPECTED: dict[str, Any] = {
    "paused": None,
    "vus": None,
    "stages": None,
    "scenarios": {
        "identify_load": {
            "executor": "ramping-arrival-rate",
            "startTime": None,
            "gracefulStop": None,
            "env": None,
            "exec": "identify",
            "tags": None,
            "startRate": 10,
            "timeUnit": "1m0s",
            "stages": [{"duration": "1m0s", "target": 50}, {"duration": "0s", "target": 600}],
            "preAllocatedVUs": 5,
            "maxVUs": 20,
        },
        "Events": {
            "executor": "constant-arrival-rate",
            "startTime": "10s",
            "gracefulStop": "5s",
            "env": None,
            "exec": "sendTrack",
            "tags": None,
            "rate": 7,
            "timeUnit": None,
            "duration": "30s",
            "preAllocatedVUs": 5,
            "maxVUs": None,
        },
    },
    "dns": {"ttl": None, "select": None, "policy": None},
    "thresholds": {
        "http_req_duration{scenario:Events}": [
            "p(95)<500",
            {"threshold": "p(99)<1000", "abortOnFail": True, "delayAbortEval": "10s"},
        ],
    },
    "summaryTrendStats": None,
}


def written(tmp_path: Path, options: object) -> str:
    path = tmp_path / "script-options.json"
    path.write_text(options if isinstance(options, str) else json.dumps(options))
    return str(path)


def arrivals(profile: Profile, scenario: str) -> list[float]:
    options = profile.scenarios[scenario]
    stages = [Stage(stage.target, stage.duration) for stage in options.stages]
    schedule = Schedule(options.start_rate, stages, options.time_unit)
    return [options.start_time + schedule.arrival_time(number) for number in range(1, schedule.total + 1)]


@pytest.mark.parametrize("scenario", ["identify_load", "track_load"])
def test_the_older_scripts_options_have_the_arrivals_of_the_default_profile(scenario: str) -> None:
    of_k6, ours = load_profile(str(EXAMPLE)), load_profile("ramping-rate")
    instants = arrivals(of_k6, scenario)
    assert len(instants) == 43_800
    assert instants == arrivals(ours, scenario)
    assert of_k6.scenarios[scenario].user == ours.scenarios[scenario].user
    bounds = {
        metric: [(options.threshold.aggregation, options.threshold.operator, options.threshold.bound)
                 for options in thresholds]
        for metric, thresholds in of_k6.thresholds.items()
    }  # fmt: skip
    assert bounds == {
        "errors": [("rate", "<", 0.01)],
        "identify_duration": [("p(95)", "<", 500)],
        "track_duration": [("p(95)", "<", 500)],
    }
    assert read_profile(str(EXAMPLE)).left_out == ()


def test_what_k6_inspect_prints(tmp_path: Path) -> None:
    text = read_profile(written(tmp_path, INSPECTED))
    assert text.left_out == ()
    profile = parse_profile(text)
    ramp, constant = profile.scenarios["identify_load"], profile.scenarios["Events"]
    assert (ramp.user, ramp.start_rate, ramp.time_unit, ramp.pre_allocated_vus, ramp.max_vus) == (
        "identify", 10, 60, 5, 20,
    )  # fmt: skip
    assert [(stage.target, stage.duration) for stage in ramp.stages] == [(50, 60), (600, 0)]
    assert (constant.user, constant.start_time, constant.graceful_stop, constant.max_vus) == (
        "track",
        10,
        5,
        5,
    )
    assert [(stage.target, stage.duration) for stage in constant.stages] == [(7, 30)]
    first, second = profile.thresholds["http_req_duration{scenario:Events}"]
    assert (first.threshold.source, first.abort_on_fail) == ("p(95)<500", False)
    assert (second.threshold.source, second.abort_on_fail, second.delay_abort_eval) == (
        "p(99)<1000",
        True,
        10,
    )


def test_a_duration_that_is_a_number_is_milliseconds_and_one_threshold_needs_no_list(tmp_path: Path) -> None:
    options = scenario(startTime=1500, stages=[{"target": 5, "duration": 20_000}])
    options["thresholds"] = {"errors": "rate<0.1"}
    profile = load_profile(written(tmp_path, options))
    assert profile.scenarios["track"].start_time == 1.5
    assert [stage.duration for stage in profile.scenarios["track"].stages] == [20]
    assert [threshold.threshold.source for threshold in profile.thresholds["errors"]] == ["rate<0.1"]


def scenario(**options: Any) -> dict[str, Any]:
    given = {
        "executor": "ramping-arrival-rate", "preAllocatedVUs": 1, "stages": [{"target": 5, "duration": "1s"}],
    }  # fmt: skip
    return {"scenarios": {"track": {**given, **options}}}


def test_what_cannot_be_carried_over_is_named_in_a_line_each(tmp_path: Path) -> None:
    options = scenario(env={"A": "secret"}, tags={"kind": "x"})
    options["scenarios"]["browse"] = {"executor": "ramping-vus", "stages": [{"target": 5, "duration": "1s"}]}
    options |= {"rps": 5, "tags": {"run": "1"}, "insecureSkipTLSVerify": True}
    options["thresholds"] = {"http_req_waiting": ["avg<5"], "errors": ["rate<1"]}
    path = written(tmp_path, options)
    text = read_profile(path)
    starts = [line.removeprefix(f"{path}: ").partition(", ")[0] for line in text.left_out]
    assert starts == [
        "rps: not carried over",
        "tags: not carried over",
        "insecureSkipTLSVerify: not carried over",
        "scenarios.track.env: not carried over",
        "scenarios.track.tags: not carried over",
        "scenarios.browse: not carried over",
        "thresholds.http_req_waiting: not carried over",
    ]
    assert "executor ramping-vus sets VUs or iterations, not rates" in text.left_out[5]
    assert "secret" not in "".join(text.left_out)
    profile = parse_profile(text)
    assert list(profile.scenarios) == ["track"]
    assert list(profile.thresholds) == ["errors"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (scenario(startRate="10"), "scenarios.track.startRate: expected a number, got '10'"),
        (scenario(preAllocatedVUs=None), "scenarios.track.preAllocatedVUs: required option is missing"),
        (scenario(start_rat=1), "scenarios.track.start_rat: unknown option, got 1; did you mean startRate?"),
        (scenario(maxVUs=0), "scenarios.track.maxVUs: "),
        (scenario(executor="ramping"), "scenarios.track.executor: expected ramping-arrival-rate or const"),
        (scenario(stages=[{"duration": "1s"}]), "scenarios.track.stages.0.target: required option is miss"),
        (scenario(stages=[{"target": 1, "duration": "?"}]), "scenarios.track.stages.0.duration: expected "),
        ({**scenario(), "thresholds": {"errors": ["fast"]}},
         "thresholds.errors.0.threshold: expected a threshold such as 'p(95)<500'"),
        ({**scenario(), "thresholds": {"errors": [{"threshold": "rate<1", "abortOnFail": "?"}]}},
         "thresholds.errors.0.abortOnFail: "),
        ({**scenario(), "treshholds": {"errors": []}, "tresholds": {"errors": ["rate<1"]}},
         "tresholds: not an option of k6; did you mean thresholds?"),
        ({"scenarios": {"x": {"executor": "constant-vus", "vus": 1}}},
         "scenarios: expected at least one with the executor ramping-arrival-rate or constant-arrival-rate; "
         "left out: "),
        ({"vus": 10, "duration": "30s"}, "scenarios: expected at least one with the executor"),
        ([], "expected an object with scenarios, as k6 inspect prints it"),
        ("{\n'scenarios': 1}", "not valid JSON: Expecting property name enclosed in double quotes (line 2)"),
        ('{"scenarios": ' + "[" * 100_000, "expected objects and lists of fewer levels"),
        ('{"scenarios": {"\\ud800": {}}}', "expected text of whole characters"),
        ('{"rps": ' + "9" * 5000 + "}", "expected numbers of fewer digits"),
    ],
    ids=["a number", "missing", "a slip", "VUs", "executor", "target", "duration", "threshold", "abort",
         "top level", "only VUs", "shortcut", "a list", "no JSON", "deep", "half a character", "digits"],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place_in_the_json(
    tmp_path: Path, options: object, expected: str
) -> None:
    path = written(tmp_path, options)
    with pytest.raises(ConfigError) as caught:
        load_profile(path)
    (line,) = caught.value.lines
    assert line.startswith(f"{path}: {expected}")


def test_a_script_itself_is_answered_with_the_command_that_prints_its_options() -> None:
    with pytest.raises(ConfigError, match=r"^profile 'load/script.js': .* k6 inspect SCRIPT > options.json"):
        load_profile("load/script.js")


def test_the_kind_of_user_is_named_by_the_function_or_the_scenario_or_else_it_is_the_function() -> None:
    text = EXAMPLE.read_text().replace("identifyUser", "main")
    assert 'exec": "main' in text
    profile = parse_profile(_read(text))
    assert profile.scenarios["identify_load"].user == "identify"
    profile = parse_profile(_read(text.replace("identify_load", "people_load")))
    assert profile.scenarios["people_load"].user == "main"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _read(text: str) -> Any:
    Path("options.json").write_text(text)
    return read_profile("options.json")
