"""The command line of the load test: parsed, and checked before Locust acts on it."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Collection, Iterable, Sequence
from typing import NoReturn

from locust.argument_parser import LocustArgumentParser

from config.command_line import USAGE_ERROR, print_error, without_values
from config.errors import ConfigError
from config.keys_on_command_line import key_on_command_line
from config.nearest import did_you_mean, nearest
from config.profile_names import profile_names
from config.shown import shown, shown_url
from engine.locust_internals.command_line import (
    bind_processes_to_loopback,
    loaded_user_classes,
    options_of,
    own_options,
    report_mistakes,
)
from engine.options import add_options, check_addresses
from engine.plain_errors import program_name
from run.foreign_flags import check_no_foreign_flags, meaning_here


def read_command_line(parser: LocustArgumentParser, kinds: Collection[str]) -> Namespace:
    """Add our options to Locust's parser and return what this process was given.

    Call while Locust makes its parser: later it looks names up, opens files, starts workers, and ends with
    other exit codes.

    Args:
        parser: Locust's, with its own options.
        kinds: the names of the classes that people choose from.

    Raises:
        ConfigError: a mistake in what was given.
        SystemExit: a mistake that argparse found; its one line is printed.
    """
    if (key := key_on_command_line(sys.argv[1:])) is not None:
        raise ConfigError(key)
    check_no_foreign_flags(sys.argv[1:])

    def end(message: str) -> NoReturn:
        print_error(_mistake(message, options_of(parser)), program_name())
        sys.exit(USAGE_ERROR)

    report_mistakes(parser, end)
    add_options(parser)
    bind_processes_to_loopback(parser)
    options = own_options(parser)
    _check_locusts_options(options)
    _check_user_classes(options.user_classes, kinds)
    check_addresses(options)
    return options


def _mistake(message: str, flags: Iterable[str]) -> str:
    """Return argparse's message for people: what is unknown, without its values, and what was meant.

    Args:
        message: argparse's.
        flags: all options that there are.
    """
    message = without_values(message)
    unknown = message.partition("unrecognized arguments: ")[2].split()
    if not unknown:
        return message
    names = [word.partition("=")[0] for word in unknown if word.startswith("-")]
    if not names:
        return f"{message}; see --help"
    meant = nearest(names[0], [flag for flag in flags if flag.startswith("--")])
    return f"unrecognized arguments: {' '.join(names)}{did_you_mean(meant) or '; see --help'}"


def _check_locusts_options(options: Namespace) -> None:
    """Check that no option of Locust was given that the load test does not support.

    Raises:
        ConfigError: such an option was given.
    """
    for flag, is_given in (
        ("-u", options.num_users is not None),
        ("-r", options.spawn_rate is not None),
        ("-t", options.run_time is not None),
        ("--tags", options.tags or options.exclude_tags),
        ("--reset-stats", options.reset_stats),
        ("--class-picker", options.class_picker),
        ("--config-users", options.config_users),
        ("--equal-weights", options.equal_weights),
        ("--exit-code-on-error", options.exit_code_on_error != 1),
    ):
        if is_given:
            # From Locust's environment variables and files: those of the command line were found before.
            raise ConfigError(f"{flag}, from LOCUST_* or a file of Locust's: {meaning_here(flag)}")
    if options.autoquit != -1 and not options.autostart:
        raise ConfigError("--autoquit: expected --autostart as well")
    if options.master and (options.worker or options.processes):
        raise ConfigError("--master: expected neither --worker nor --processes, which has its own master")
    if options.processes is not None and options.processes < -1:
        raise ConfigError(f"--processes: expected a number, or -1 for one per core, got {options.processes}")


def _check_user_classes(named: Sequence[str], kinds: Collection[str]) -> None:
    """Check that the arguments without a flag are names of user classes.

    Args:
        named: these arguments.
        kinds: those that people choose from.

    Raises:
        ConfigError: one is something else.
    """
    loaded = loaded_user_classes()
    for name in named:
        if name in loaded:
            continue
        expected = f"expected one of {', '.join(sorted(kinds))}"
        if name in profile_names() or name.endswith((".toml", ".json")):
            expected = f"did you mean --profile {name}?"
        elif "://" in name:
            expected = "did you mean --host URL?"
        elif meant := nearest(name.removesuffix("User") + "User", kinds):
            expected += did_you_mean(meant)
        raise ConfigError(
            f"{shown_url(name) if '://' in name else shown(name)}: no such user class; {expected}"
        )
