"""Starts the session of a process: a run of its own, a master's, or a worker's part in it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from urllib.parse import unquote

from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner
from locust.web import WebUI

from config.customerio.hosts import Api
from config.errors import ConfigError
from config.redaction import secrets_of_sign_in
from config.settings import Settings
from engine.cluster.seal import KEY_VARIABLE, Seal
from engine.generator import Generator
from engine.ignored_messages import IgnoredMessages
from engine.live_page import add_live_page
from engine.locust_host import LocustHost
from engine.locust_internals.command_line import silence_tables
from engine.locust_internals.users import pool_dispatcher
from engine.locust_internals.web_ui import answer_start_requests
from engine.options import check_port_free, open_ports
from engine.preparer import Preparer
from engine.redacted_logs import redact_logs
from engine.session import Session
from engine.web_tabs import add_tabs
from shapes.ramping_arrival_rate import RampingArrivalRate
from standin.own_process import LocalStandin

_SECRET_VARIABLES = ("K6_INFLUXDB_PASSWORD", "K6_INFLUXDB_TOKEN", "WEBHOOK_SIGNING_KEY", KEY_VARIABLE)
_HEADER_VARIABLES = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS")


def start_session(
    environment: Environment,
    web_ui: WebUI | None,
    settings: Settings,
    variables: Mapping[str, str],
    ignored_messages: IgnoredMessages,
    seal: Seal,
    standin: LocalStandin | None,
) -> None:
    """Start what this process is for. The session owns the stand-in from then on.

    Raises:
        ConfigError: a mistake in the options or the profile. The stand-in is the caller's then.
    """
    options = environment.parsed_options
    if options is None or not isinstance(environment.shape_class, RampingArrivalRate):
        raise ConfigError("expected to run under the locust command, with the shape of locustfile.py")
    if not options.print_stats:
        silence_tables(options)
    redact_logs(_secrets(settings, variables))
    host = LocustHost(environment, options)
    runner = environment.runner
    # Loaded here and below: each kind of process needs one of three parts. The messages of a master and its
    # workers take 30 ms and 2 MB.
    if isinstance(runner, WorkerRunner):
        from engine.worker import WorkerSession

        WorkerSession(host, runner, settings, variables, ignored_messages, seal)
        return
    if web_ui is not None:
        check_port_free(web_ui.host, web_ui.port)
        sys.stderr.write(f"Web UI at http://{web_ui.host or 'localhost'}:{web_ui.port} (Ctrl-C ends it)\n")
    for warning in open_ports(options, has_key=seal.has_key):
        host.say(f"warning: {warning}")
    preparer = Preparer(host, settings, variables, standin)
    generator: Generator
    if isinstance(runner, MasterRunner):
        from engine.worker_fleet import WorkerFleet

        generator = fleet = WorkerFleet(host, runner, preparer, ignored_messages, seal)
        environment.dispatcher_class = pool_dispatcher(fleet.admits)
    else:
        from engine.local_process import LocalProcess

        generator = LocalProcess(host, variables)
        environment.dispatcher_class = pool_dispatcher(lambda _: True)
    session = Session(host, preparer, generator)
    environment.shape_class = RampingArrivalRate(session)
    if web_ui is not None:
        add_tabs(web_ui, session.shown)
        add_live_page(web_ui, session.shown, options.web_base_path or "")
        answer_start_requests(web_ui, session.problem_with_start)


def _secrets(settings: Settings, variables: Mapping[str, str]) -> list[str]:
    """Return everything that must not appear in a log."""
    sign_ins = [settings.authorization(api) for api in Api]
    of_apis = [secret for sign_in in sign_ins if sign_in for secret in secrets_of_sign_in(sign_in)]
    # Lists such as "api-key=abc,tenant=1": the values may be secrets.
    headers = ",".join(variables[name] for name in _HEADER_VARIABLES if name in variables)
    of_headers = [unquote(header.partition("=")[2].strip()) for header in headers.split(",")]
    return [*of_apis, *of_headers, *(variables[name] for name in _SECRET_VARIABLES if name in variables)]
