"""What ``locustfile.py`` calls: our arguments, settings and session hooked into Locust's events."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Response, jsonify, request
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.event import Events
from locust.runners import MasterRunner, WorkerRunner
from locust.web import WebUI

from config.errors import ConfigError
from config.settings import load_settings, read_environment
from engine.master_session import MasterSession
from engine.plain_errors import plain_errors
from engine.session import LocalSession
from engine.web_tabs import add_tabs
from engine.worker_session import WorkerSession
from run.arguments import add_arguments
from shapes.ramping_arrival_rate import RampingArrivalRate

_ENV_FILE = Path(__file__).resolve().parent.parent / ".env"
_ARGUMENT_PREFIX = "LOAD_TEST_"


def register(events: Events) -> None:
    """Hook the load test into Locust."""
    with plain_errors():
        named = os.environ.get("LOAD_TEST_ENV_FILE")
        env_file = Path(named or _ENV_FILE)
        if named and not env_file.exists():
            raise ConfigError(f"LOAD_TEST_ENV_FILE: no such file: {named}")
        variables = read_environment(os.environ, env_file)
    _give_arguments(variables)

    def on_parser(parser: LocustArgumentParser, **_: Any) -> None:
        add_arguments(parser)

    def on_init(environment: Environment, web_ui: WebUI | None = None, **_: Any) -> None:
        # A worker forked by --processes has its master's mistakes, and the master says them.
        options = environment.parsed_options
        is_forked = bool(options and options.processes and options.worker)
        with plain_errors(is_silent=is_forked):
            _start_session(environment, web_ui, variables)

    events.init_command_line_parser.add_listener(on_parser)
    events.init.add_listener(on_init)


def _start_session(environment: Environment, web_ui: WebUI | None, variables: Mapping[str, str]) -> None:
    options = environment.parsed_options
    shape = environment.shape_class
    if options is None or not isinstance(shape, RampingArrivalRate):
        raise ConfigError("this load test runs under the locust command, with its own shape")
    _check_locust_options(options)
    _keep_one_summary(options)
    settings = load_settings(variables)
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        WorkerSession(environment, runner, options, settings, variables)
        return
    if web_ui is not None:
        _check_port_free(web_ui.host, web_ui.port)
        sys.stderr.write(f"Web UI at http://{web_ui.host or 'localhost'}:{web_ui.port} (Ctrl-C ends it)\n")
    if isinstance(runner, MasterRunner):
        session: MasterSession | LocalSession = MasterSession(
            environment, runner, options, settings, variables
        )
    else:
        session = LocalSession(environment, options, settings, variables)
    shape.workload = session
    if web_ui is not None and web_ui.app is not None:
        add_tabs(web_ui, session)
        web_ui.app.before_request(lambda: _answer_mistakes(session, environment.host))


def _give_arguments(variables: Mapping[str, str]) -> None:
    """Let the parser see arguments from ``.env``, and none that are set to nothing."""
    for name in [name for name in os.environ if name.startswith(_ARGUMENT_PREFIX)]:
        if not os.environ[name].strip():
            del os.environ[name]
    for name, value in variables.items():
        if name.startswith(_ARGUMENT_PREFIX):
            os.environ.setdefault(name, value)


def _check_locust_options(options: Any) -> None:
    if options.tags or options.exclude_tags:
        raise ConfigError("--tags, --exclude-tags: not supported; expected user classes or a --profile")
    if options.reset_stats:
        raise ConfigError("--reset-stats: not supported; expected statistics of the whole run")
    if options.class_picker:
        raise ConfigError("--class-picker: not supported; expected scenarios chosen by --profile")


def _check_port_free(host: str, port: int) -> None:
    """Find a busy port before Locust does, which ends with a traceback."""
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


def _keep_one_summary(options: Any) -> None:
    """Our progress and summary stand in for Locust's tables, unless ``--print-stats`` asks for them."""
    if not options.print_stats:
        options.only_summary = True
        logging.getLogger("locust.stats_logger").setLevel(logging.ERROR)


def _answer_mistakes(session: MasterSession | LocalSession, host: str | None) -> Response | None:
    """Answer a mistake in the web UI's form there, before Locust acts on it."""
    if request.method != "POST" or not request.path.endswith("/swarm"):
        return None
    try:
        if session.is_open:
            raise ConfigError("a run is going or being stopped; expected a start after its end")
        session.prepare(request.form)
    except ConfigError as error:
        return jsonify({"success": False, "message": str(error), "host": host})
    return None
