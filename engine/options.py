"""The load test's options on Locust's command line, and the addresses in them."""

from __future__ import annotations

import os
import socket
from argparse import Namespace
from collections.abc import Mapping

from locust.argument_parser import LocustArgumentParser

from config.customerio.hosts import check_connection, is_live, is_loopback
from config.errors import ConfigError
from config.load_test_people import LIVE_PEOPLE_BUDGET
from config.profile_names import DEFAULT_PROFILE, profile_names
from engine.cluster.seal import KEY_VARIABLE
from engine.locust_internals.command_line import LOOPBACK, give_option, refuse_abbreviations
from run.arguments import (
    DEFAULT_RESULTS_DIR,
    parse_event_age_seconds,
    parse_people_budget,
    parse_people_seed,
    parse_time_scale,
)
from run.made_up_people import USUAL_SEED
from users.http.factory import HttpClient

# The SDK of OpenTelemetry reads its own variables, and from the environment alone.
_PREFIXES = ("LOAD_TEST_", "OTEL_")


def add_options(parser: LocustArgumentParser) -> None:
    """Add our options to Locust's, each with its environment variable."""
    refuse_abbreviations(parser)
    # Locust's own --profile groups test runs by a name. Ours is that name.
    give_option(
        parser,
        "--profile",
        default=DEFAULT_PROFILE,
        metavar="NAME|PATH",
        help=f"{', '.join(profile_names())}, or the path of a .toml file, or of a .json file with the "
        f"options of a k6 script (default: {DEFAULT_PROFILE})",
        env_var="LOAD_TEST_PROFILE",
    )
    parser.add_argument(
        "--time-scale",
        type=parse_time_scale,
        default=1.0,
        metavar="X",
        env_var="LOAD_TEST_TIME_SCALE",
        help="Multiply the durations of the profile by X and keep its rates (default: 1)",
    )
    parser.add_argument(
        "--people-seed",
        type=parse_people_seed,
        default=USUAL_SEED,
        metavar="N",
        env_var="LOAD_TEST_PEOPLE_SEED",
        help=f"Seed of the made-up people: the same seed sends the same names (default: {USUAL_SEED})",
    )
    parser.add_argument(
        "--results-dir",
        default=DEFAULT_RESULTS_DIR,
        metavar="DIR",
        env_var="LOAD_TEST_RESULTS_DIR",
        include_in_web_ui=False,
        help=f"Folder in which each run gets a folder of its own (default: {DEFAULT_RESULTS_DIR})",
    )
    parser.add_argument(
        "--allow-live",
        action="store_true",
        env_var="LOAD_TEST_ALLOW_LIVE",
        include_in_web_ui=False,
        help="Allow load on a host under customer.io, which is a live workspace",
    )
    parser.add_argument(
        "--share-results",
        action="store_true",
        env_var="LOAD_TEST_SHARE_RESULTS",
        include_in_web_ui=False,
        help="Let other users read a run's files, as far as the umask allows (default: only their owner)",
    )
    parser.add_argument(
        "--http-client",
        choices=[client.value for client in HttpClient],
        metavar="NAME",
        default=HttpClient.FAST.value,
        env_var="LOAD_TEST_HTTP_CLIENT",
        include_in_web_ui=False,
        help="HTTP client: fast, or requests as the reference (default: fast)",
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        include_in_web_ui=False,
        help="Show the plan, the schedule, the VUs and the target; send nothing",
    )
    parser.add_argument(
        "--quiet",
        action="store_true",
        env_var="LOAD_TEST_QUIET",
        include_in_web_ui=False,
        help="Show no progress; the summary at the end and errors remain",
    )
    parser.add_argument(
        "--resend-post",
        action="store_true",
        env_var="LOAD_TEST_RESEND_POST",
        include_in_web_ui=False,
        help="Send a POST (track) again if the server had closed its kept connection. It may then arrive "
        "twice. Without this option it fails; a PUT (identify) is always sent again",
    )
    parser.add_argument(
        "--traceparent",
        action="store_true",
        env_var="LOAD_TEST_TRACEPARENT",
        include_in_web_ui=False,
        help="Send a W3C traceparent header with each request, with a new trace id, marked as sampled",
    )
    _add_live_options(parser)
    _add_output_options(parser)
    _describe_locusts_options(parser)
    # The web UI has no login by default.
    give_option(
        parser,
        "--web-host",
        default=LOOPBACK,
        metavar="HOST",
        help=f"Host that the web UI listens on; '*' is all interfaces (default: {LOOPBACK})",
    )


def _add_live_options(parser: LocustArgumentParser) -> None:
    parser.add_argument(
        "--confirm-live",
        metavar="ID",
        env_var="LOAD_TEST_CONFIRM_LIVE",
        help="The id of the live environment that the load is meant for (default: ask on the terminal)",
    )
    parser.add_argument(
        "--people-budget",
        type=parse_people_budget,
        metavar="N",
        env_var="LOAD_TEST_PEOPLE_BUDGET",
        include_in_web_ui=False,
        help="Send the same N people again and again, whatever the number of requests "
        f"(default: {LIVE_PEOPLE_BUDGET} on a live workspace, elsewhere no limit)",
    )
    parser.add_argument(
        "--event-age",
        type=parse_event_age_seconds,
        default=0.0,
        metavar="DURATION",
        env_var="LOAD_TEST_EVENT_AGE",
        include_in_web_ui=False,
        help="Date events this far back. Events older than 72h trigger no campaign; 73h is enough "
        "(default: 0s)",
    )


def _add_output_options(parser: LocustArgumentParser) -> None:
    parser.add_argument(
        "--summary-export",
        metavar="PATH",
        env_var="LOAD_TEST_SUMMARY_EXPORT",
        include_in_web_ui=False,
        help="Also write summary.json, which has the form of k6's, to PATH",
    )
    parser.add_argument(
        "--out",
        action="append",
        default=[],
        metavar="OUTPUT",
        env_var="LOAD_TEST_OUT",
        include_in_web_ui=False,
        help="Write every sample to a further output; may be given several times: json, json=PATH, "
        "influxdb=http://HOST:8086/DATABASE, influxdb=http://HOST:8086?org=ORG&bucket=BUCKET; or its totals: "
        "otel (to OTEL_EXPORTER_OTLP_ENDPOINT), prometheus=PORT (a page to scrape)",
    )
    parser.add_argument(
        "--out-optional",
        action="store_true",
        env_var="LOAD_TEST_OUT_OPTIONAL",
        include_in_web_ui=False,
        help="Start even if an output cannot be reached",
    )
    parser.add_argument(
        "--queue-metrics",
        action="append",
        default=[],
        metavar="URL",
        env_var="LOAD_TEST_QUEUE_METRICS",
        include_in_web_ui=False,
        help="Watch the queue's backlog on the /metrics page of a pipeline worker or of a Kafka exporter; "
        "may be given several times",
    )


def _describe_locusts_options(parser: LocustArgumentParser) -> None:
    """Say what those of Locust's options do here that our help shows."""
    for flag, metavar, text in (
        ("--host", "URL", "The target; default: CUSTOMERIO_BASE_URL, the region's host, or a local stand-in"),
        ("--csv", "PREFIX", "Also write Locust's own tables: PREFIX_stats.csv and others"),
        ("--html", "PATH", "Also write Locust's own report"),
        (
            "--processes",
            "N",
            "Send from N workers on this machine, -1 for one per core (default: no workers)",
        ),
        ("--master", None, "Share the schedule among workers that connect; see docs/cluster.md"),
        ("--expect-workers", "N", "With --master: start when N workers are connected (default: 1)"),
        ("--master-bind-host", "IP", "With --master: the address to listen on (default: every interface)"),
        ("--worker", None, "Connect to a master and send a share of its schedule"),
        ("--master-host", "HOST", f"With --worker: the master's host (default: {LOOPBACK})"),
        ("--web-port", "PORT", "Port of the web UI (default: 8089)"),
        ("--loglevel", "LEVEL", "DEBUG, INFO, WARNING or ERROR (default: WARNING)"),
    ):
        give_option(parser, flag, help=text, **({"metavar": metavar} if metavar else {}))


def offer_variables(variables: Mapping[str, str]) -> None:
    """Put the options of ``.env`` into the environment, where Locust's parser and OpenTelemetry look.

    Empty ones are removed.
    """
    for name in [name for name in os.environ if name.startswith(_PREFIXES)]:
        if not os.environ[name].strip():
            del os.environ[name]
    for name, value in variables.items():
        if name.startswith(_PREFIXES):
            os.environ.setdefault(name, value)


def check_addresses(options: Namespace) -> None:
    """Check that this process neither looks for a master at a host under customer.io nor listens at one.

    Raises:
        ConfigError: it would.
    """
    for flag, host in (
        ("--master-host", options.master_host),
        ("--master-bind-host", options.master_bind_host),
        ("--web-host", options.web_host),
    ):
        try:
            if host and is_live(f"tcp://{host}"):
                check_connection(f"tcp://{host}", allow_live=False, instead="a machine of the load test")
        except (ConfigError, ValueError) as error:
            raise ConfigError(f"{flag}: {error}") from error


def check_port_free(host: str, port: int) -> None:
    """Check that the web UI's port is free. On a busy port Locust itself would end with a traceback.

    Raises:
        ConfigError: the web UI could not listen there.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"--web-host {host}, --web-port {port}: expected a free port: {reason}") from error


def open_ports(options: Namespace, *, has_key: bool = False) -> list[str]:
    """Return a warning for each port that anybody on the network can use without a login.

    Args:
        options: Locust's, of a process with a web UI, or of a master.
        has_key: whether master and workers share a key.
    """
    warnings = []
    has_web_ui = not options.headless and not options.worker
    if has_web_ui and not options.web_login and not _is_this_machine(options.web_host):
        warnings.append(
            f"The web UI on port {options.web_port} is open to the network and asks for no login; "
            "--web-host 127.0.0.1 keeps it to this machine"
        )
    if options.master and not has_key and not _is_this_machine(options.master_bind_host):
        warnings.append(
            f"The master's port {options.master_bind_port} is open to the network and asks for no login; "
            f"--master-bind-host 127.0.0.1 keeps it to this machine, {KEY_VARIABLE} keeps strangers out"
        )
    return warnings


def _is_this_machine(host: str) -> bool:
    return is_loopback(f"//[{host}]" if ":" in host else f"//{host}")
