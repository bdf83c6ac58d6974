"""Locust's command line: its options, its mistakes, and what it has loaded."""

from __future__ import annotations

import logging
from argparse import Action, Namespace
from collections.abc import Callable
from typing import Any, NoReturn, cast

from locust import User, argument_parser
from locust.argument_parser import LocustArgumentParser

LOOPBACK = "127.0.0.1"


def give_option(parser: LocustArgumentParser, flag: str, **changes: Any) -> None:
    """Change an option that Locust has already added: its ``default``, ``metavar``, ``help`` or ``env_var``.

    Raises:
        LookupError: Locust has no such option.
    """
    action = options_of(parser).get(flag)
    if action is None:
        raise LookupError(f"Locust has no option {flag}")
    for name, value in changes.items():
        setattr(action, name, value)


def refuse_abbreviations(parser: LocustArgumentParser) -> None:
    """Accept options by their full names only: ``--allow-l`` must not mean ``--allow-live``."""
    parser.allow_abbrev = False


def report_mistakes(parser: LocustArgumentParser, report: Callable[[str], NoReturn]) -> None:
    """Let ``report`` end the program on a mistake, given argparse's message. Locust prints two lines."""
    parser.error = report  # type: ignore[method-assign] # on this parser alone


def options_of(parser: LocustArgumentParser) -> dict[str, Action]:
    """Return every option of a parser by its flags."""
    return {flag: action for action in parser._actions for flag in action.option_strings}


def loaded_user_classes() -> dict[str, type[User]]:
    """Return all user classes that locustfiles have loaded, by name. Locust's own are among them.

    Those that a run makes of them, one for each scenario, are not.
    """
    found: set[type[User]] = set()
    missing = [User]
    while missing:
        user_class = missing.pop()
        found.add(user_class)
        missing += [subclass for subclass in user_class.__subclasses__() if subclass not in found]
    return {
        user_class.__name__: user_class
        for user_class in found
        if not (user_class.abstract or "scenario" in vars(user_class))
    }


def own_options(parser: LocustArgumentParser) -> Namespace:
    """Return the options of this process's own command line. Call after all options have been added."""
    return cast("Namespace", parser.parse_args())


def bind_processes_to_loopback(parser: LocustArgumentParser) -> None:
    """Bind the master's port to loopback under ``--processes``: all its workers are on this machine.

    Call after all options have been added.
    """
    if own_options(parser).processes:
        give_option(parser, "--master-bind-host", default=LOOPBACK)


def remember_default_arguments() -> None:
    """Compute Locust's default arguments once, and reuse them.

    On every spawn message a worker computes them again for each option, with a new parser each time. That
    takes a quarter of a second, in which no VU runs.
    """
    remembered = argument_parser.default_args_dict()
    argument_parser.default_args_dict = lambda: remembered


def silence_tables(options: Namespace) -> None:
    """Leave out Locust's tables of statistics: one summary is enough."""
    options.only_summary = True
    logging.getLogger("locust.stats_logger").setLevel(logging.ERROR)
