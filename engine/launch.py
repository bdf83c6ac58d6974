"""What ``locustfile.py`` calls to hook the load test's options, settings and session into Locust's events."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from typing import Any

from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.event import Events
from locust.runners import WorkerRunner
from locust.web import WebUI

from config.command_line import PASSED
from config.settings import Settings, load_settings, load_test_environment
from engine.cluster.seal import KEY_VARIABLE, Seal
from engine.command_line import read_command_line
from engine.ignored_messages import IgnoredMessages
from engine.locust_internals.message_loop import guard_message_loop
from engine.options import offer_variables
from engine.plain_errors import plain_errors
from engine.stop_signals import keep_exit_code
from run.target import names_no_target
from standin.own_process import LocalStandin
from users.arrival_user import ArrivalUser
from users.kinds import shipped_kinds

_OWNER_ONLY = 0o077


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
                # Loaded here: 10 ms, and what it needs takes 100 more. See _start.
                from engine.dry_run import show_plan

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
            _start(environment, web_ui, variables, ignored_messages, seal)

    events.init_command_line_parser.add_listener(on_parser)
    events.init.add_listener(on_init)


def _start(
    environment: Environment,
    web_ui: WebUI | None,
    variables: Mapping[str, str],
    ignored_messages: IgnoredMessages,
    seal: Seal,
) -> None:
    """Start the session, and beside it the stand-in if nothing names a target.

    Raises:
        ConfigError: a mistake in the options, the settings or the profile. No stand-in is left then.
    """
    settings = load_settings(variables)
    standin = _begun_standin(environment, settings)
    try:
        # Loaded here: 0.2 s with all that it needs, in which the stand-in comes up.
        from engine.start import start_session

        start_session(environment, web_ui, settings, variables, ignored_messages, seal, standin)
    except BaseException:
        # Ctrl-C is one of them.
        if standin is not None:
            standin.stop()
        raise
    # engine.__main__ has switched the garbage collector off. Without the freeze its first collection would go
    # through all that was loaded.
    gc.freeze()
    gc.enable()


def _begun_standin(environment: Environment, settings: Settings) -> LocalStandin | None:
    """Start the stand-in of a process whose target it is, without waiting for it."""
    is_worker = isinstance(environment.runner, WorkerRunner)
    return LocalStandin() if names_no_target(settings, environment.host) and not is_worker else None
