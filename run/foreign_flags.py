"""Flags that people bring from k6, Locust, wrk, hey or ab: for each, what to use here.

They are looked for before any parser sees the command line: a parser would take ``-rate=100`` for Locust's
``-r``, and ``-t12`` for its run time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from config.errors import ConfigError

_COPY = "copy one of config/profiles/ and run it with --profile my.toml"
_RATE = f"here the profile sets the rate (rate, or start_rate and stages); {_COPY}"
_LENGTH = "here the profile's durations set the length, and --time-scale 0.1 makes it a tenth"
_VUS = "here the profile's rate sets the load; its pre_allocated_vus and max_vus bound the number of VUs"
_COUNT = "rate and duration in the profile give the number of requests; --dry-run shows it"
_STAGES = f"here the profile has the stages; {_COPY}"
_SCENARIOS = "the profile has scenarios and executors: docs/profiles.md"
_PROCESSES = "--processes N starts N workers, -1 one per core"
_CONTENT = "the kinds of user decide what is sent; docs/scenarios.md shows how to write one"
_SIGN_IN = "the file .env or the environment has the credentials: CUSTOMERIO_SITE_ID and CUSTOMERIO_API_KEY"
_HOST = "--host URL or CUSTOMERIO_BASE_URL names the target"
_TIMEOUT = "timeout in the profile is that of a request: docs/profiles.md"
_TAGS = "not supported; names of user classes, or a --profile, choose what runs"
_UI = "--ui shows the run in the browser; without it a run is headless"
_CONNECTIONS = "each VU keeps one HTTP/1.1 connection; --http-client chooses the client"
_CERTIFICATE = "certificates are always checked; CUSTOMERIO_CA_FILE names an authority to trust"
_SUMMARY = "the summary always has every percentile that a report needs; summary.json has the figures"
_THRESHOLDS = "the profile has the thresholds: docs/profiles.md"
_ENVIRONMENT = "the file .env has the settings; LOAD_TEST_ENV_FILE names another file"
_SAMPLES = "--out OUTPUT writes every sample, --results-dir DIR is where runs get their folders"
_PACE = "the schedule spaces the requests; pause in the profile holds a VU after each: docs/profiles.md"
_PROXY = "not supported; --host URL names the target itself"
_LOCUSTS_TASKS = "not supported; a scenario has one kind of user, named in the profile"
_EXIT_CODE = "not supported; 0, 1, 2, 99 and 105 are the exit codes, thresholds decide on 99"

_MEANINGS: dict[str, str] = {
    flag: meaning
    for flags, meaning in (
        ("--rate --rps --qps --target-rate --arrival-rate --throughput --start-rate -R -q", _RATE),
        ("-r --spawn-rate --hatch-rate --ramp-up --rampup", _RATE),
        ("--duration --run-time --time --length --max-duration -d -z", _LENGTH),
        ("-t", f"{_LENGTH}; {_PROCESSES}"),
        ("--vus --users --max-vus --pre-allocated-vus --clients --concurrency --connections -u -c", _VUS),
        ("-n -i --iterations --requests --count --number", _COUNT),
        ("--stage --stages", _STAGES),
        ("--scenario --scenarios --executor", _SCENARIOS),
        ("--threads --workers --cpus -p", _PROCESSES),
        ("-m -b -D -A --method --body --data --header --headers --script --form", _CONTENT),
        ("-a --auth --api-key --apikey --site-id --user --username --password --token --key", _SIGN_IN),
        ("--region", "CUSTOMERIO_REGION=us or eu in .env or the environment sets the region"),
        ("--url --target --base-url --endpoint", _HOST),
        ("--timeout --request-timeout", _TIMEOUT),
        ("-T -E --tag --tags --exclude-tags", _TAGS),
        ("--web --gui --dashboard --web-dashboard --no-headless", _UI),
        ("--no-web --no-ui", "a run is headless unless it has --ui"),
        ("-k --http2 --h2 --keepalive --disable-keepalive --no-connection-reuse", _CONNECTIONS),
        ("--insecure --insecure-skip-tls-verify", _CERTIFICATE),
        ("--latency --histogram --summary-trend-stats --summary-mode --summary-time-unit", _SUMMARY),
        ("--no-summary", "--quiet leaves out the progress; the summary says whether the run is valid"),
        ("--silent", "--quiet leaves out the progress"),
        ("--no-thresholds --threshold --thresholds", _THRESHOLDS),
        ("-e --env --env-file", _ENVIRONMENT),
        ("-o --output --output-dir --export --report", _SAMPLES),
        ("--influxdb", "--out influxdb=URL writes to InfluxDB: docs/grafana.md"),
        (
            "--otel --opentelemetry --otlp",
            "--out otel sends metrics by OTLP, its packages are an extra: docs/results.md",
        ),
        ("--prometheus", "--out prometheus=9464 serves a page to scrape: docs/results.md"),
        ("--think-time --sleep --wait --delay --pause", _PACE),
        ("-x --proxy", _PROXY),
        ("-v --verbose --debug", "--loglevel INFO or DEBUG shows more"),
        ("--seed", "--people-seed N is the seed of the made-up people"),
        ("--scale --speed", "--time-scale X multiplies the profile's durations"),
        ("--live --production --prod --force --yes -y", "--allow-live allows a host under customer.io"),
        ("--dryrun --check --inspect", "--dry-run shows the plan and sends nothing"),
        ("--equal-weights --show-task-ratio --show-task-ratio-json --class-picker", _LOCUSTS_TASKS),
        ("--config-users", "not supported; the scenarios of a --profile have the options of its users"),
        ("--reset-stats", "not supported; the statistics are those of the whole run"),
        ("--exit-code-on-error", _EXIT_CODE),
    )
    for flag in flags.split()
}
_BY_VALUE = {
    "-s": ((re.compile(r".*:.*"), _STAGES), (re.compile(r".*\.\w+"), _CONTENT)),
    "-H": ((re.compile(r"[\w-]+:\s.*|[A-Z]\w*-[\w-]+:.*"), _CONTENT),),
}
"""Flags that Locust has too, but not with such values: k6's stages, wrk's scripts, headers."""

_TWO_DASHES = [
    f"--{name}"
    for name in [
        "host",
        "profile",
        "time-scale",
        "out",
        "help",
        "quiet",
        "csv",
        "html",
        "processes",
        "results-dir",
    ]
]
"""Options of ours that Go's programs would write with one dash."""


def check_no_foreign_flags(arguments: Sequence[str]) -> None:
    """Check that no flag of another tool is among the arguments.

    Raises:
        ConfigError: one is. The line says what to use here, and repeats no value.
    """
    flags_of: dict[str, list[str]] = {}
    for flag, value in _flags(arguments):
        if (meaning := meaning_here(flag, value)) is not None:
            flags_of.setdefault(meaning, []).append(flag)
    if flags_of:
        raise ConfigError(
            "; ".join(f"{', '.join(dict.fromkeys(flags))}: {meaning}" for meaning, flags in flags_of.items())
        )


def meaning_here(flag: str, value: str = "") -> str | None:
    """Return what to use here in place of another tool's flag; ``None`` if it is no such flag."""
    for form, meaning in _BY_VALUE.get(flag, ()):
        if form.fullmatch(value):
            return meaning
    if f"-{flag}" in _TWO_DASHES:
        return f"two dashes: -{flag}"
    return _MEANINGS.get(flag) or _MEANINGS.get(f"-{flag}") or _MEANINGS.get(flag.replace("_", "-"))


def _flags(arguments: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Yield each flag with its value: ``--rate=5``, ``-c400``, ``-rate=5`` and ``-s 1m:10`` alike."""
    for argument, following in zip_longest(arguments, arguments[1:], fillvalue=""):
        if argument == "--":
            return
        name, equals, value = argument.partition("=")
        if re.fullmatch(r"--[A-Za-z].*|-[A-Za-z]", name):
            yield name, value if equals else following
        elif re.fullmatch(r"-[A-Za-z].+", name):
            # Go's programs write long names with one dash.
            is_long = f"-{name}" in _MEANINGS or f"-{name}" in _TWO_DASHES
            yield (name, value) if is_long else (argument[:2], argument[2:])
