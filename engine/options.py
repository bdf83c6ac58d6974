"""The load test's options on Locust's command line, and the options of Locust that it refuses."""

from __future__ import annotations

import os
import socket
from argparse import Namespace
from collections.abc import Mapping

from locust.argument_parser import LocustArgumentParser

from config.customerio.hosts import check_connection, is_live, is_loopback
from config.errors import ConfigError
from config.profile import DEFAULT_PROFILE, profile_names
from engine.cluster.seal import KEY_VARIABLE
from engine.locust_internals import LOOPBACK, give_option, refuse_abbreviations, repeat_no_values
from run.arguments import DEFAULT_RESULTS_DIR, parse_people_seed, parse_time_scale
from users.http.factory import HttpClient

_PREFIX = "LOAD_TEST_"


def add_options(parser: LocustArgumentParser) -> None:
    """Add our options to Locust's, each with its environment variable."""
    refuse_abbreviations(parser)
    repeat_no_values(parser)
    # Locust's own --profile groups test runs by a name. Ours is that name.
    give_option(
        parser,
        "--profile",
        default=DEFAULT_PROFILE,
        metavar="NAME|PATH",
        help=f"What to run: {', '.join(profile_names())}, or the path of a .toml file "
        f"(default: {DEFAULT_PROFILE})",
        env_var="LOAD_TEST_PROFILE",
    )
    parser.add_argument(
        "--time-scale",
        type=parse_time_scale,
        default=1.0,
        metavar="X",
        env_var="LOAD_TEST_TIME_SCALE",
        help="Multiply every duration of the profile by X and keep the rates (default: 1)",
    )
    parser.add_argument(
        "--people-seed",
        type=parse_people_seed,
        default=0,
        metavar="N",
        env_var="LOAD_TEST_PEOPLE_SEED",
        help="Seed of the made-up people: the same seed sends the same names (default: 0)",
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
        help="Let others read the files of a run, as the umask says; without it they are their owner's only",
    )
    parser.add_argument(
        "--http-client",
        choices=[client.value for client in HttpClient],
        default=HttpClient.FAST.value,
        env_var="LOAD_TEST_HTTP_CLIENT",
        include_in_web_ui=False,
        help="Client that our kinds of user send with: fast, or requests as the reference (default: fast)",
    )
    _add_output_options(parser)
    # The web UI has no login by default.
    give_option(
        parser,
        "--web-host",
        default=LOOPBACK,
        help=f"Host to bind the web UI to; '*' is all interfaces (default: {LOOPBACK})",
    )


def _add_output_options(parser: LocustArgumentParser) -> None:
    parser.add_argument(
        "--out",
        action="append",
        default=[],
        metavar="OUTPUT",
        env_var="LOAD_TEST_OUT",
        include_in_web_ui=False,
        help="Write every sample to a further output; may be given several times: json, json=PATH, "
        "influxdb=http://HOST:8086/DATABASE, influxdb=http://HOST:8086?org=ORG&bucket=BUCKET",
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


def offer_variables(variables: Mapping[str, str]) -> None:
    """Put the options of ``.env`` into the environment for Locust's parser, and remove empty ones from it."""
    for name in [name for name in os.environ if name.startswith(_PREFIX)]:
        if not os.environ[name].strip():
            del os.environ[name]
    for name, value in variables.items():
        if name.startswith(_PREFIX):
            os.environ.setdefault(name, value)


def check_locust_options(options: Namespace) -> None:
    """Check that no option of Locust was given that the load test does not support.

    Raises:
        ConfigError: such an option was given.
    """
    if options.tags or options.exclude_tags:
        raise ConfigError("--tags, --exclude-tags: not supported; expected user classes or a --profile")
    if options.reset_stats:
        raise ConfigError("--reset-stats: not supported; expected statistics of the whole run")
    if options.class_picker:
        raise ConfigError("--class-picker: not supported; expected scenarios chosen by --profile")
    if options.config_users:
        raise ConfigError("--config-users: not supported; expected the options of scenarios in a --profile")


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
