"""What ``locustfile.py`` calls to hook the load test's options, settings and session into Locust's events."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.event import Events
from locust.runners import MasterRunner, WorkerRunner
from locust.web import WebUI

from config.command_line import PASSED
from config.customerio.hosts import Api
from config.errors import ConfigError
from config.redaction import secrets_of_sign_in
from config.settings import Settings, load_settings, load_test_environment
from engine.cluster.seal import KEY_VARIABLE, Seal
from engine.command_line import read_command_line
from engine.dry_run import show_plan
from engine.ignored_messages import IgnoredMessages
from engine.live_page import add_live_page
from engine.local_process import LocalProcess
from engine.locust_host import LocustHost
from engine.locust_internals import (
    answer_start_requests,
    guard_message_loop,
    pool_dispatcher,
    silence_tables,
)
from engine.options import (
    check_port_free,
    offer_variables,
    open_ports,
)
from engine.plain_errors import plain_errors
from engine.preparer import Preparer
from engine.redacted_logs import redact_logs
from engine.session import Session
from engine.stop_signals import keep_exit_code
from engine.web_tabs import add_tabs
from engine.worker import WorkerSession
from engine.worker_fleet import WorkerFleet
from shapes.ramping_arrival_rate import RampingArrivalRate
from users.arrival_user import ArrivalUser
from users.kinds import shipped_kinds

_OWNER_ONLY = 0o077
_SECRET_VARIABLES = ("K6_INFLUXDB_PASSWORD", "K6_INFLUXDB_TOKEN", "WEBHOOK_SIGNING_KEY", KEY_VARIABLE)
_HEADER_VARIABLES = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS")


def user_classes() -> dict[str, type[ArrivalUser]]:
    """Return the user classes of every module in ``users/``, by name, for Locust to find."""
    with plain_errors():
        return shipped_kinds()


def register(events: Events) -> None:
    """Hook the load test into Locust. Called while Locust loads the locustfile."""
    keep_exit_code()
    with plain_errors():
        variables = load_test_environment()
    offer_variables(variables)
    with plain_errors():
        seal = Seal(variables.get(KEY_VARIABLE))
    ignored_messages = guard_message_loop(seal.trusts)

    def on_parser(parser: LocustArgumentParser, **_: Any) -> None:
        with plain_errors():
            options = read_command_line(parser, shipped_kinds())
            if options.dry_run:
                show_plan(options, variables)
                sys.exit(PASSED)
        if not options.share_results:
            # For every file of the process: outputs may be anywhere, and Locust writes some of its own.
            os.umask(os.umask(_OWNER_ONLY) | _OWNER_ONLY)

    def on_init(environment: Environment, web_ui: WebUI | None = None, **_: Any) -> None:
        # A worker forked by --processes has its master's arguments. Their mistakes are printed by the master.
        options = environment.parsed_options
        is_forked = bool(options and options.processes and options.worker)
        with plain_errors(is_silent=is_forked):
            _start_session(environment, web_ui, variables, ignored_messages, seal)

    events.init_command_line_parser.add_listener(on_parser)
    events.init.add_listener(on_init)


def _start_session(
    environment: Environment,
    web_ui: WebUI | None,
    variables: Mapping[str, str],
    ignored_messages: IgnoredMessages,
    seal: Seal,
) -> None:
    options = environment.parsed_options
    if options is None or not isinstance(environment.shape_class, RampingArrivalRate):
        raise ConfigError("expected to run under the locust command, with the shape of locustfile.py")
    if not options.print_stats:
        silence_tables(options)
    settings = load_settings(variables)
    redact_logs(_secrets(settings, variables))
    host = LocustHost(environment, options)
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        WorkerSession(host, runner, settings, variables, ignored_messages, seal)
        return
    if web_ui is not None:
        check_port_free(web_ui.host, web_ui.port)
        sys.stderr.write(f"Web UI at http://{web_ui.host or 'localhost'}:{web_ui.port} (Ctrl-C ends it)\n")
    for warning in open_ports(options, has_key=seal.has_key):
        host.say(f"warning: {warning}")
    preparer = Preparer(host, settings, variables)
    if isinstance(runner, MasterRunner):
        fleet = WorkerFleet(host, runner, preparer, ignored_messages, seal)
        environment.dispatcher_class = pool_dispatcher(fleet.admits)
        session = Session(host, preparer, fleet)
    else:
        environment.dispatcher_class = pool_dispatcher(lambda _: True)
        session = Session(host, preparer, LocalProcess(host, variables))
    environment.shape_class = RampingArrivalRate(session)
    if web_ui is not None:
        add_tabs(web_ui, session.shown)
        add_live_page(web_ui, session.shown, options.web_base_path or "")
        answer_start_requests(web_ui, session.problem_with_start)


def _secrets(settings: Settings, variables: Mapping[str, str]) -> list[str]:
    sign_ins = [settings.authorization(api) for api in Api]
    own = [secret for sign_in in sign_ins if sign_in for secret in secrets_of_sign_in(sign_in)]
    # A list such as "api-key=abc,tenant=1": the values may be secrets.
    headers = ",".join(variables[name] for name in _HEADER_VARIABLES if name in variables)
    own += [unquote(header.partition("=")[2].strip()) for header in headers.split(",")]
    return [*own, *(variables[name] for name in _SECRET_VARIABLES if name in variables)]
