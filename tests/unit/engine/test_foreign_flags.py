"""What people type who come from k6, Locust, wrk, hey, ab or vegeta: one line that helps, and exit code 2."""

from __future__ import annotations

import shlex
import sys

import pytest
from locust.argument_parser import get_empty_argument_parser, setup_parser_arguments

from config.command_line import USAGE_ERROR
from engine.command_line import read_command_line
from engine.help import help_text
from engine.plain_errors import plain_errors
from users.kinds import shipped_kinds

RATE = "here the profile sets the rate"
LENGTH = "here the profile's durations set the length"
VUS = "pre_allocated_vus and max_vus"
STAGES = "here the profile has the stages"
PROCESSES = "--processes N"
CONTENT = "docs/scenarios.md"
SIGN_IN = "CUSTOMERIO_SITE_ID"

FLAGS = {
    # k6
    "--vus 10 --duration 30s": VUS,
    "--duration=30s": LENGTH,
    "--iterations 1000": "--dry-run shows it",
    "-i 1000": "--dry-run shows it",
    "--stage 30s:100": STAGES,
    "-s 1m:10": STAGES,
    "--rps 50": RATE,
    "--max-vus 100": VUS,
    "--no-thresholds": "docs/profiles.md",
    "--no-summary": "--quiet",
    "--summary-trend-stats avg,p(99)": "summary.json",
    "--insecure-skip-tls-verify": "CUSTOMERIO_CA_FILE",
    "--tag team=a": "names of user classes, or a --profile",
    "-e SITE=1": ".env",
    "-o json": "--out OUTPUT",
    "-q": RATE,
    "-v": "--loglevel",
    "--env SITE=1": ".env",
    "script.js": "no such user class; expected one of ",
    # Locust
    "-u 100": VUS,
    "-u100": VUS,
    "--users=100": VUS,
    "-r 10": RATE,
    "--spawn-rate 10": RATE,
    "--hatch-rate 10": RATE,
    "-t 5m": LENGTH,
    "--run-time 5m": LENGTH,
    "-u 100 -r 10 -t 5m": VUS,
    "--tags smoke": "names of user classes, or a --profile",
    "--class-picker": "a scenario has one kind of user",
    "--equal-weights": "a scenario has one kind of user",
    "--exit-code-on-error 0": "exit codes",
    "--no-web": "headless unless it has --ui",
    "--autoquit 5": "--autoquit: expected --autostart",
    "--master --worker": "--master: expected neither --worker nor",
    "--processes -5": "--processes: expected a number, or -1",
    # wrk, hey, ab, vegeta
    "-t12 -c400 -d30s": PROCESSES,
    "-R2000": RATE,
    "--latency": "every percentile",
    "-s script.lua": CONTENT,
    "-n 1000 -c 50": "--dry-run shows it",
    "-z 10s": LENGTH,
    "-m POST": CONTENT,
    "-d body": LENGTH,
    "-H 'Content-Type: application/json'": CONTENT,
    "-a site:hush": SIGN_IN,
    "-rate=100": RATE,
    "-duration=30s": LENGTH,
    "-host example.com": "two dashes: --host",
    "-cpus 4": PROCESSES,
    "--threads 4": PROCESSES,
    "--connections 50": VUS,
    # Slips of the pen
    "--timescale 0.1": "did you mean --time-scale?",
    "--timeScale 0.1": "did you mean --time-scale?",
    "--time_scale 0.1": "did you mean --time-scale?",
    "--profil smoke": "did you mean --profile?",
    "--result-dir out": "did you mean --results-dir?",
    "--resultsdir out": "did you mean --results-dir?",
    "--http_client fast": "did you mean --http-client?",
    "--dry": "see --help",
    "--dryrun": "--dry-run",
    "--summary-exports a.json": "did you mean --summary-export?",
    "--scale 2": "--time-scale X",
    "--seed 1": "--people-seed N",
    "--live": "--allow-live",
    "--url http://127.0.0.1:1": "--host URL",
    "--api-key hush": SIGN_IN,
    "CUSTOMERIO_API_KEY=hush": SIGN_IN,
    "-e CUSTOMERIO_API_KEY=hush": SIGN_IN,
    "--env CIO_SITE_ID=hush": SIGN_IN,
    "--site_id hush --api_key hush": SIGN_IN,
    "--region eu": "CUSTOMERIO_REGION",
    "smoke": "did you mean --profile smoke?",
    "my.toml": "did you mean --profile my.toml?",
    "https://track.example.com/hush": "did you mean --host URL?",
    "identify": "did you mean IdentifyUser?",
    "trackuser": "did you mean TrackUser?",
    "--time-scale 10%": "expected a number above zero, got '10%'",
    "--time-scale 5m": "expected a number above zero, got '5m'",
    "--people-seed 1.5": "expected a whole number, got '1.5'",
    "--http-client fst": "invalid choice: 'fst'",
}


def refusal(command_line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the load test prints for a command line that it refuses, before anything else happens."""
    monkeypatch.setattr(sys, "argv", ["run-load-test.sh", *shlex.split(command_line)])
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    with pytest.raises(SystemExit) as ended, plain_errors():
        read_command_line(parser, shipped_kinds())
    assert ended.value.code == USAGE_ERROR
    output = capsys.readouterr()
    assert output.out == ""
    return output.err


@pytest.mark.parametrize("command_line", FLAGS)
def test_a_flag_of_another_tool_gets_one_line_that_helps(
    command_line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(command_line, monkeypatch, capsys)
    assert line.startswith("run-load-test.sh: error: ")
    assert line.count("\n") == 1
    assert FLAGS[command_line] in line
    assert "hush" not in line


def test_every_wrong_argument_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal("-u 100 --vus 100 -r 10 -t 5m", monkeypatch, capsys)
    assert VUS in line
    assert "-u, --vus: " in line
    assert "-r: " in line
    assert "-t: " in line


@pytest.mark.parametrize(
    ("variable", "value"), [("LOCUST_USERS", "5"), ("LOCUST_SPAWN_RATE", "5"), ("LOCUST_RUN_TIME", "1m")]
)
def test_a_variable_of_locusts_is_not_ignored_either(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    assert "from LOCUST_* or a file of Locust's: here the profile" in refusal("", monkeypatch, capsys)


def test_what_is_right_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "-P 8090 -L WARNING -s 10s -H http://127.0.0.1:1 --profile smoke --people-seed -5 IdentifyUser"
    monkeypatch.setattr(sys, "argv", ["run-load-test.sh", *shlex.split(given)])
    parser = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(parser)
    options = read_command_line(parser, shipped_kinds())
    assert (options.web_port, options.stop_timeout, options.people_seed) == (8090, 10, -5)
    assert options.user_classes == ["IdentifyUser"]


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_help_has_all_our_options_before_it_mentions_locusts(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "argv", ["run-load-test.sh"])
    text = help_text()
    assert max(len(line) for line in text.splitlines()) <= min(columns, 100)
    locusts = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(locusts)
    ours = get_empty_argument_parser(default_config_files=[])
    setup_parser_arguments(ours)
    read_command_line(ours, shipped_kinds())
    for flag in ours._option_string_actions.keys() - locusts._option_string_actions.keys():
        assert f"  {flag} " in text
    assert text.index("--profile") < text.index("--help-locust")
