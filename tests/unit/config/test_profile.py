"""Profiles: what is read, and that every mistake is told by place and expectation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.profile import ProfileText, load_profile, parse_profile, read_profile
from config.profile_names import profile_names

SCENARIO = """
[scenarios.one]
executor = "ramping-arrival-rate"
user = "identify"
pre_allocated_vus = 5
stages = [{ target = 10, duration = "1m30s" }]
"""


def load(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    load_profile(str(path))


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_loads(name: str) -> None:
    assert load_profile(name).scenarios


def test_the_shipped_profiles_are_those_that_the_readme_names() -> None:
    readme = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
    table = readme.partition("## What to run")[2].partition("\n\n| argument")[0]
    assert profile_names() == sorted(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE))
    assert set(profile_names()) >= {"breakpoint", "ramping-rate", "smoke", "soak", "spike"}


def test_ramping_rate_has_the_stages_and_thresholds_of_the_k6_script() -> None:
    profile = load_profile("ramping-rate")
    assert list(profile.scenarios) == ["identify_load", "track_load"]
    for scenario in profile.scenarios.values():
        assert [(stage.target, stage.duration) for stage in scenario.stages] == [
            (50, 60), (100, 120), (100, 300), (0, 60),
        ]  # fmt: skip
        assert (scenario.start_rate, scenario.pre_allocated_vus, scenario.max_vus) == (10, 50, 50)
        assert (scenario.pause, scenario.graceful_stop) == (0.1, 30)
    sources = {
        metric: [threshold.threshold.source for threshold in thresholds]
        for metric, thresholds in profile.thresholds.items()
    }
    assert sources == {
        "errors": ["rate<0.01"],
        "identify_duration": ["p(95)<500"],
        "track_duration": ["p(95)<500"],
    }


def test_a_profile_may_be_a_path_and_defaults_are_k6s(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SCENARIO)
    scenario = load_profile(str(path)).scenarios["one"]
    assert (scenario.start_rate, scenario.time_unit, scenario.max_vus, scenario.start_time) == (0, 1, 5, 0)
    assert (scenario.pause, scenario.graceful_stop, scenario.timeout) == (0, 30, 60)


def test_the_long_form_of_a_threshold(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        SCENARIO
        + "[thresholds]\n"
        + 'errors = [{ threshold = "rate<0.1", abort_on_fail = true, delay_abort_eval = "10s" }]\n'
    )
    threshold = load_profile(str(path)).thresholds["errors"][0]
    assert (threshold.abort_on_fail, threshold.delay_abort_eval) == (True, 10)


def test_the_abort_switch_has_a_table_and_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(SCENARIO + '[abort]\nerrors = 0.5\nlatency = "2s"\n')
    bounds = load_profile(str(path)).abort
    assert bounds is not None
    assert (bounds.errors, bounds.throttled, bounds.latency, bounds.window) == (0.5, 0.05, 2, 10)
    path.write_text(SCENARIO)
    assert load_profile(str(path)).abort is None


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("errors = 10", "abort.errors: "),
        ('throttled = "5%"', "abort.throttled: expected a number, got '5%'"),
        ("latency = 5", "abort.latency: expected a duration"),
        ("least = 0", "abort.least: "),
        ("erors = 0.1", "abort.erors: unknown option, got 0.1; did you mean errors?"),
    ],
)
def test_a_mistake_in_the_abort_switch_is_told(tmp_path: Path, table: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"{SCENARIO}[abort]\n{table}\n")
    assert problem in str(caught.value)


def test_scaling_time_keeps_rates_pauses_and_timeouts() -> None:
    whole, tenth = load_profile("ramping-rate"), load_profile("ramping-rate").scaled(0.1)
    one, other = whole.scenarios["identify_load"], tenth.scenarios["identify_load"]
    assert [stage.duration for stage in other.stages] == pytest.approx([6, 12, 30, 6])
    assert [stage.target for stage in other.stages] == [stage.target for stage in one.stages]
    assert (other.pause, other.timeout, other.graceful_stop) == (one.pause, one.timeout, one.graceful_stop)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ("pre_allocated_vus = 5", ""),
            "scenarios.one.pre_allocated_vus: required option is missing",
        ),
        (("pre_allocated_vus = 5", "pre_allocated_vus = 5\nvuz = 1"), "scenarios.one.vuz: unknown option"),
        (
            ("pre_allocated_vus = 5", 'pre_allocated_vus = "5"'),
            "scenarios.one.pre_allocated_vus: expected a number",
        ),
        (
            ("pre_allocated_vus = 5", "pre_allocated_vus = 0"),
            "scenarios.one.pre_allocated_vus: input should be greater",
        ),
        (
            ("pre_allocated_vus = 5", "pre_allocated_vus = true"),
            "scenarios.one.pre_allocated_vus: expected a number",
        ),
        (
            ("pre_allocated_vus = 5", "pre_allocated_vus = 5\nmax_vus = 4"),
            "scenarios.one: expected max_vus of at least",
        ),
        (
            ("target = 10", "target = -10"),
            "scenarios.one.stages.0.target: input should be greater than or equal to 0",
        ),
        (("target = 10", "target = nan"), "scenarios.one.stages.0.target: "),
        (("1m30s", "1 minute"), "scenarios.one.stages.0.duration: expected a duration such as '1m30s'"),
        (('"1m30s"', "90"), "scenarios.one.stages.0.duration: expected a duration such as '1m30s'"),
        (("1m30s", "0s"), "scenarios.one: expected stages that last longer than 0s in all"),
        (('[{ target = 10, duration = "1m30s" }]', "[]"), "scenarios.one.stages: "),
        (
            ("ramping-arrival-rate", "ramping-vus"),
            "scenarios.one.executor: expected ramping-arrival-rate or constant-arrival-rate, got",
        ),
        (("[scenarios.one]", "[scenario.one]"), "scenario: unknown option; did you mean scenarios?"),
        (("[scenarios.one]", '[scenarios."not a name"]'), "scenarios.not a name: "),
        (("user = ", "user "), "not valid TOML"),
    ],
)
def test_a_mistake_is_told_by_place_and_expectation(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, SCENARIO.replace(*change))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/mine.toml: ")
    assert problem in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("thresholds", "problem"),
    [
        ('errors = ["rate < very little"]', "thresholds.errors.0.threshold: expected a threshold such as"),
        ('errors = ["p(101)<1"]', "thresholds.errors.0.threshold: expected a threshold such as"),
        ("errors = [1]", "thresholds.errors.0"),
        ('"track_duration{status}" = ["p(95)<1"]', "expected tags such as"),
        ('"no metric!" = ["p(95)<1"]', "expected a metric such as"),
        ('errors = [{ threshold = "rate<1", abort = true }]', "thresholds.errors.0.abort: unknown option"),
    ],
)
def test_a_mistake_in_a_threshold_is_told_too(tmp_path: Path, thresholds: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml: ") as caught:
        load(tmp_path, f"{SCENARIO}[thresholds]\n{thresholds}\n")
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_gets_the_known_ones() -> None:
    with pytest.raises(
        ConfigError,
        match=r"no such profile; expected .* broadcast, device, mixed, object, pipelines, queued, ",
    ):
        load_profile("rampingrate")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read: not UTF-8 text"):
        load_profile(str(path))


def test_a_profile_that_no_worker_could_be_sent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_text("#" * 1_000_001)
    with pytest.raises(ConfigError, match=r"large\.toml: expected a profile of at most 1000000 bytes"):
        load_profile(str(path))


def test_a_single_mistake_is_not_counted_twice(tmp_path: Path) -> None:
    stages = 'stages = [{ target = 1, duration = "1s" }]'
    text = f'[scenarios.a]\nuser = "identify"\npre_allocated_vus = 1\n{stages}\n'
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    expected = "expected ramping-arrival-rate or constant-arrival-rate"
    assert str(caught.value).endswith(f"scenarios.a.executor: required option is missing; {expected}")


HEAD = '[scenarios.a]\nexecutor = "ramping-arrival-rate"\nuser = "identify"\npre_allocated_vus = 1\n'
STAGES = 'stages = [{ target = 1, duration = "1s" }]\n'
DEEP = "expected tables and keys of at most 20 levels"


@pytest.mark.parametrize(
    ("toml", "problem"),
    [
        pytest.param("a = " + "[" * 3000 + "]" * 3000, DEEP, id="arrays"),
        pytest.param("a = " + "[1, " * 3000 + "]" * 3000, DEEP, id="arrays behind numbers"),
        pytest.param("a = " + "{b = " * 3000 + "1" + "}" * 3000, DEEP, id="inline tables"),
        pytest.param(".".join(["a"] * 3000) + " = 1", DEEP, id="key"),
        pytest.param(".".join(["a"] * 30_000) + " = 1", DEEP, id="long key"),
        pytest.param(" . ".join(['"a b"'] * 30_000) + " = 1", DEEP, id="quoted key"),
        pytest.param("[" + ".".join(["a"] * 30_000) + "]", DEEP, id="table"),
        pytest.param("[[" + ".".join(["'a'"] * 30_000) + "]]", DEEP, id="array of tables"),
        pytest.param(
            "".join(f"a.b{n}.c = 1\n" for n in range(30_000)), "(and 1 more)", id="keys of one table"
        ),
        pytest.param("".join(f"a{n}.b.c = 1\n" for n in range(30_000)), "(and 30000 more)", id="dotted keys"),
        pytest.param("a = " + "9" * 5000, "expected numbers of fewer digits", id="digits"),
        pytest.param(HEAD + STAGES + "start_rate = " + "9" * 4000, "a.start_rate: ", id="a large rate"),
        pytest.param(HEAD + STAGES + "start_rate = 0x" + "f" * 5000, "a.start_rate: ", id="hexadecimal"),
        pytest.param(HEAD + STAGES + "max_vus = 0x" + "f" * 5000, "a.max_vus: ", id="hexadecimal VUs"),
        pytest.param(HEAD + STAGES + "start_rate = 1e999", "a.start_rate: ", id="infinite"),
        pytest.param(HEAD + STAGES + f'pause = "{"9" * 5000}s"', "a.pause: ", id="a long duration"),
        pytest.param(HEAD + STAGES + f'user = "{"u" * 100_000}"', "not valid TOML", id="twice"),
        pytest.param("a = '\x1b[2J'", "not valid TOML", id="a control character"),
        pytest.param('"\\u001b[2J" = 1', "(and 1 more)", id="an escaped one"),
        pytest.param(f"{'k' * 100_000} = 1", "(and 1 more)", id="a long key's name"),
    ],
)
def test_a_hostile_profile_is_one_line(toml: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_profile(ProfileText("hostile.toml", toml))
    line = str(caught.value)
    assert line.startswith("hostile.toml: ")
    assert problem in line
    assert line.isprintable()
    assert len(line) < 800


@pytest.mark.parametrize(
    "name", ["a" * 100_000, "/" + "a" * 5000 + ".toml", "a\0.toml", "\x1b[2J", "a/\udcff.toml"]
)
def test_a_profile_that_cannot_exist_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match="no such profile") as caught:
        read_profile(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_dots_and_brackets_in_texts_are_no_levels() -> None:
    toml = f"# {'a.' * 15}\n" + HEAD + STAGES + '[thresholds]\nerrors = ["rate<0.01"]\n'
    assert parse_profile(ProfileText("p.toml", toml)).scenarios
