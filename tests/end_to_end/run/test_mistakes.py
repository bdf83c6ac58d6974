"""A user's mistakes: one clear line without any secret of the settings, exit code 2, and nothing sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs import canaries
from tests.programs.load_test import Finished, LoadTest, run_load_test, two_scenarios
from tests.servers.standin_server import StandinServer

GOOD = two_scenarios([(10, "1s")], start_rate=10)
LIVE = {"CUSTOMERIO_SITE_ID": "site-0123456789", "CUSTOMERIO_API_KEY": "hush-hush-secret"}


@pytest.fixture(scope="module")
def standin() -> Iterator[StandinServer]:
    """One that must never be reached by any of the runs here."""
    with StandinServer() as standin:
        yield standin
        assert standin.stats()["requests_total"] == 0


def write_down_connections(folder: Path) -> Path:
    """Let a load test with ``folder`` on its path write down every look-up and connection; return where."""
    seen = folder / "network.txt"
    (folder / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto'):\n"
        f"        with open({str(seen)!r}, 'a') as file: file.write(f'{{event}} {{args}}\\n')\n"
        "sys.addaudithook(hook)\n"
        f"open({str(seen)!r}, 'w').close()\n"
    )
    return seen


def assert_refused(finished: Finished, problem: str) -> None:
    """One line, exit code 2, no results."""
    (line,) = finished.stderr.strip().splitlines()
    assert problem in line
    assert finished.exit_code == 2
    assert finished.stdout == ""
    assert canaries.hits(finished.stderr) == []
    assert canaries.hits_below(finished.results_dir.parent) == []
    assert not finished.results_dir.is_dir() or not list(finished.results_dir.iterdir())


@pytest.mark.parametrize(
    ("profile", "problem"),
    [
        (
            GOOD.replace("pre_allocated_vus = 50\n", "", 1),
            "scenarios.identify_load.pre_allocated_vus: required option is",
        ),
        (
            GOOD.replace("start_rate = 10", "start_rate = -10", 1),
            "scenarios.identify_load.start_rate: input should be",
        ),
        (
            GOOD.replace("start_rate = 10", 'start_rate = "10"', 1),
            "scenarios.identify_load.start_rate: expected a number",
        ),
        (GOOD.replace('[{ target = 10, duration = "1s" }]', "[]", 1), "scenarios.identify_load.stages: "),
        (GOOD.replace('"1s"', '"soon"', 1), "scenarios.identify_load.stages.0.duration: expected a duration"),
        (
            GOOD.replace('user = "identify"', 'user = "group"'),
            "no such user 'group'; expected one of anonymous, batch, broadcast, device, identify, object, ",
        ),
        (GOOD + '[thresholds]\nerrors = ["rate<"]\n', "thresholds.errors.0.threshold: expected a threshold"),
        (
            GOOD + '[thresholds]\nerror = ["rate<1"]\n',
            "thresholds.error: no such metric; did you mean errors?",
        ),
        (GOOD + '[thresholds]\nerrors = ["p(95)<1"]\n', "a rate has rate, not p(95)"),
        (GOOD + "[theresholds]\n", "theresholds: unknown option"),
        ("[scenarios", "not valid TOML"),
        ("", "scenarios: required option is missing"),
    ],
)
def test_a_broken_profile(tmp_path: Path, standin: StandinServer, profile: str, problem: str) -> None:
    finished = run_load_test(
        tmp_path, profile=profile, env={**canaries.ALL, "CUSTOMERIO_BASE_URL": standin.url}
    )
    assert_refused(finished, problem)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--profile", "no-such-profile"], "no such profile; expected the path of a .toml file or one of"),
        (["--profile", "/no/such.toml"], "profile '/no/such.toml': no such profile"),
        (["--time-scale", "0"], "argument --time-scale: time scale: expected a number above zero, got '0'"),
        (
            ["--time-scale", "fast"],
            "argument --time-scale: time scale: expected a number above zero, got 'fast'",
        ),
        (["--people-seed", "9" * 30], "people seed: expected a whole number of at most 64 bits"),
        (["--people-seed", "x"], "argument --people-seed: people seed: expected a whole number, got 'x'"),
        (["--no-such-argument"], "unrecognized arguments: --no-such-argument"),
        (["--host", "localhost:1"], "--host: expected http(s)://host[:port], got 'localhost:1'"),
        (["--out", "xml"], "--out xml: expected csv, json, json=PATH, influxdb=URL"),
        (["--out", "python=no_such:thing"], "--out python=no_such:thing: expected MODULE:FUNCTION"),
        (["--tags", "x"], "--tags: not supported; names of user classes, or a --profile, choose"),
        (["--time-scale", "1e308"], "at time scale 1e+308: "),
        (["--host", "https://site:hush@h:99999"], "--host: expected no user or password in the URL"),
        (["--host", "https://track.%63ustomer.io"], "--host: expected http(s)://host[:port]"),
        (["--class-picker"], "--class-picker: not supported; a scenario has one kind of user, named"),
    ],
)
def test_broken_arguments(tmp_path: Path, standin: StandinServer, arguments: list[str], problem: str) -> None:
    finished = run_load_test(tmp_path, *arguments, env={**canaries.ALL, "CUSTOMERIO_BASE_URL": standin.url})
    assert_refused(finished, problem)


def test_all_mistakes_of_a_profile_are_shown_at_once(tmp_path: Path, standin: StandinServer) -> None:
    """In the profile, in its users and in its thresholds; and a name with a slip is one mistake."""
    profile = GOOD.replace("start_rate", "startRate", 1).replace("pre_allocated_vus", "preAllocatedVUs", 1)
    profile = profile.replace('user = "track"', 'user = "trak"')
    profile += '[thresholds]\nerors = ["rate<0.01"]\nerrors = ["p(95)<1"]\n'
    finished = run_load_test(tmp_path, profile=profile, env={"CUSTOMERIO_BASE_URL": standin.url})
    head, *mistakes = finished.stderr.splitlines()
    assert head == f"locust: error: {tmp_path}/profile.toml: 5 mistakes"
    expected = [
        "startRate: unknown option, got 10; did you mean start_rate?",
        "preAllocatedVUs: unknown option, got 50; did you mean pre_allocated_vus?",
        "no such user 'trak'; expected one of anonymous, ",
        "thresholds.erors: no such metric; did you mean errors?",
        "thresholds.errors.0: 'p(95)<1': a rate has rate, not p(95)",
    ]
    for mistake, words in zip(mistakes, expected, strict=True):
        assert words in mistake
    assert mistakes[2].endswith("; did you mean track?")
    assert finished.exit_code == 2
    assert finished.stdout == ""
    assert not finished.results_dir.exists()


def test_a_dry_run_connects_to_nobody_and_writes_nothing(tmp_path: Path) -> None:
    """Even for a live workspace with everything that a run needs, and with workers."""
    seen = write_down_connections(tmp_path)
    more = ["--allow-live", "--processes", "2", "--time-scale", "0.5", "--profile", "spike"]
    finished = run_load_test(tmp_path, "--dry-run", *more, env={**LIVE, "PYTHONPATH": str(tmp_path)})
    assert finished.exit_code == 0
    assert finished.stderr == ""
    assert "Target    https://track.customer.io, a live workspace" in finished.stdout
    assert "Requests  14010, peak 400/s" in finished.stdout
    assert seen.read_text() == ""
    assert not finished.results_dir.exists()


def test_an_abbreviated_argument(tmp_path: Path, standin: StandinServer) -> None:
    finished = run_load_test(tmp_path, "--allow-l", env={"CUSTOMERIO_BASE_URL": standin.url})
    assert_refused(finished, "error: unrecognized arguments: --allow-l; did you mean --allow-live?")


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        ({"CUSTOMERIO_SITE_ID": "site"}, "CUSTOMERIO_API_KEY: not set"),
        ({"CUSTOMERIO_AUTH": "hush-hush-secret"}, "CUSTOMERIO_AUTH: expected base64 of 'site_id:api_key'"),
        ({"CUSTOMERIO_REGION": "asia"}, "CUSTOMERIO_REGION: expected 'us' or 'eu', got 'asia'"),
        ({"CUSTOMERIO_BASE_URL": "track.customer.io"}, "CUSTOMERIO_BASE_URL: expected http(s)://host[:port]"),
        ({"CUSTOMERIO_BASE_URL": "http://example.com"}, "http://example.com: no credentials"),
        ({"LOAD_TEST_TIME_SCALE": "-1"}, "argument --time-scale: "),
        ({"LOAD_TEST_RESULTS_DIR": "/proc/results"}, "--results-dir /proc/results: expected a folder"),
        ({"LOAD_TEST_ENV_FILE": "/no/such.env"}, "LOAD_TEST_ENV_FILE: no such file: /no/such.env"),
        ({"LOAD_TEST_ENV_FILE": "/proc"}, "/proc: cannot be read: Is a directory"),
    ],
)
def test_broken_settings(tmp_path: Path, standin: StandinServer, env: dict[str, str], problem: str) -> None:
    finished = run_load_test(tmp_path, env={**canaries.OTHERS, "CUSTOMERIO_BASE_URL": standin.url, **env})
    assert_refused(finished, problem)
    assert "hush" not in finished.stderr


def test_a_busy_port_of_the_web_ui(tmp_path: Path, standin: StandinServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        finished = LoadTest(
            tmp_path,
            "--web-host", "127.0.0.1", "--web-port", port,
            headless=False,
            env={"CUSTOMERIO_BASE_URL": standin.url},
        ).finish()  # fmt: skip
    assert_refused(
        finished, f"--web-host 127.0.0.1, --web-port {port}: expected a free port: Address already in use"
    )


@pytest.mark.parametrize(
    "env",
    [
        LIVE,
        {**LIVE, "CUSTOMERIO_REGION": "eu"},
        {**LIVE, "CUSTOMERIO_BASE_URL": "https://track.customer.io/api/v1"},
        {**LIVE, "LOCUST_HOST": "https://track-eu.customer.io"},
    ],
)
def test_a_live_workspace_is_refused_before_any_connection(tmp_path: Path, env: dict[str, str]) -> None:
    """An audit hook in the load test's own interpreter writes down every look-up and connection it makes."""
    seen = write_down_connections(tmp_path)
    finished = run_load_test(tmp_path, env={**env, "PYTHONPATH": str(tmp_path)})
    assert_refused(finished, "refused, it is a live workspace; expected --allow-live")
    assert seen.read_text() == ""
    assert "hush" not in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--host", "https://TRACK.customer.io."], "refused, it is a live workspace"),
        (["--host", "https://track。customer。io"], "--host: expected http(s)://host[:port]"),
        (["--allow-live", "--host", "http://track.customer.io"], "expected https for a live workspace"),
        (
            ["--out", "influxdb=https://track.customer.io/k6"],
            "--out influxdb: https://track.customer.io: refused",
        ),
        (["--allow-live", "--out", "influxdb=http://track.customer.io/k6"], "--out influxdb: http://track"),
        (["--out", "influxdb"], "--out influxdb: https://track-eu.customer.io: refused"),
        (
            ["--queue-metrics", "https://track.customer.io/metrics"],
            "--queue-metrics: https://track.customer.io",
        ),
        (
            ["--worker", "--master-host", "track.customer.io"],
            "--master-host: tcp://track.customer.io: refused",
        ),
        (["--web-host", "Track.customer.io"], "--web-host: tcp://track.customer.io: refused"),
        (["--master", "--master-bind-host", "customer.io"], "--master-bind-host: tcp://customer.io: refused"),
    ],
)
def test_no_argument_leads_to_a_live_host(
    tmp_path: Path, standin: StandinServer, arguments: list[str], problem: str
) -> None:
    seen = write_down_connections(tmp_path)
    env = {
        **LIVE,
        "CUSTOMERIO_BASE_URL": standin.url,
        "K6_INFLUXDB_ADDR": "https://track-eu.customer.io/k6",
        "PYTHONPATH": str(tmp_path),
    }
    finished = run_load_test(tmp_path, *arguments, env=env, headless="--worker" not in arguments)
    assert_refused(finished, problem)
    assert "customer" not in seen.read_text()
    assert "hush" not in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--host", "http://h?key=hush"], "--host: expected http(s)://host[:port], got 'http://h...'"),
        (["--host", "http://h/hush/api"], "--host: expected no path"),
        (["--out", "influxdb=http://me:hush@h/db"], "--out influxdb: expected no user in the URL"),
        (["--out", "influxdb=http://h/db?token=hush"], "got 'http://h...'"),
        (["--out", "influx=http://h/db?token=hush"], "--out influx=...: expected csv, json"),
        (["--out", "http://me:hush@h/db"], "--out http://...: expected csv, json"),
        (["--queue-metrics", "http://h/metrics?token=hush"], "got 'http://h...'"),
        (["--queue-metrics", "http://me:hush@h/metrics"], "expected no user or password in the URL"),
        (["--time-scale", "1e300"], "at time scale 1e+300: expected a run of at most 366 days"),
        (["--people-seed", "9" * 5000], "people seed: expected a whole number"),
        (
            ["--config-users", '{"user_class_name": "IdentifyUser", "host": "http://127.0.0.1:1"}'],
            "--config-users:",
        ),
        (["--host", "http://h\x1b[2J"], "--host: expected http(s)://host[:port], got 'http://h\\x1b[2J'"),
    ],
)
def test_a_mistake_repeats_no_secret_and_nothing_endless(
    tmp_path: Path, standin: StandinServer, arguments: list[str], problem: str
) -> None:
    finished = run_load_test(tmp_path, *arguments, env={**canaries.ALL, "CUSTOMERIO_BASE_URL": standin.url})
    assert_refused(finished, problem)
    assert "hush" not in finished.stderr
    assert len(finished.stderr) < 1000


def test_a_short_cluster_key_is_a_mistake(tmp_path: Path, standin: StandinServer) -> None:
    env = {"CUSTOMERIO_BASE_URL": standin.url, "LOAD_TEST_CLUSTER_KEY": "hush"}
    finished = run_load_test(tmp_path, env=env)
    assert_refused(finished, "LOAD_TEST_CLUSTER_KEY: expected at least 16 characters")
    assert "hush" not in finished.stderr
